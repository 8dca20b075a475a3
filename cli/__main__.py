"""The commands of `python -m cli`."""

from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

PORT = typer.Option(envvar="PORT", min=1, max=65535, help="Port of the page and the pictures.")
S3_PORT = typer.Option(envvar="S3_PORT", min=1, max=65535, help="Port of the embedded S3.")
DATA_DIR = typer.Option(envvar="DATA_DIR", file_okay=True, help="Folder that keeps the buckets.")
WITH_PARENT = typer.Option("--with-parent", help="End when the process that started this one ends.")

commands = typer.Typer(name="imgy", add_completion=False, rich_markup_mode=None)


@commands.callback()
def imgy() -> None:
    """Image pipeline for AWS Lambda; here, the tools for the person who runs it."""


@commands.command()
def run(
    port: Annotated[int, PORT] = 8000,
    s3_port: Annotated[int, S3_PORT] = 4566,
    data_dir: Annotated[Path, DATA_DIR] = Path(".local"),
    with_parent: Annotated[bool, WITH_PARENT] = False,
) -> None:
    """Run the whole pipeline on this machine, until Ctrl-C."""
    from cli.run import run_here

    run_here(port, s3_port, data_dir, with_parent)


@commands.command()
def photos(s3_port: Annotated[int, S3_PORT] = 4566) -> None:
    """Upload real photos, those of Debian's mate-backgrounds, while `run` is up."""
    from cli.photos import add_photos

    add_photos(s3_port)


@commands.command()
def edge() -> None:
    """Write edge/function.js, which CloudFront runs, from the operations' declarations and presets.yaml."""
    from cli.edge import FUNCTION, shipped_presets, write_function

    print(f"{FUNCTION.name}: {write_function(shipped_presets())} bytes")


def main() -> None:
    """Run the command that was asked for; a mistake in it is said in one sentence, with exit 1."""
    try:
        commands(standalone_mode=False)
    except TyperException as mistake:
        raise SystemExit(f"imgy: {mistake.format_message()}") from None


if __name__ == "__main__":
    main()
