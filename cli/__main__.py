"""The commands of `python -m cli`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.exceptions import TyperException

from cli.operate import commands as operating
from cli.operate import signing_commands as signing


def _port(text: str | int) -> int:
    if str(text).isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise typer.BadParameter(f"expected integer from 1 to 65535, received '{text}'")


PORT = typer.Option(envvar="PORT", parser=_port, metavar="PORT", help="Port of the page and the pictures.")
S3_PORT = typer.Option(envvar="S3_PORT", parser=_port, metavar="PORT", help="Port of the embedded S3.")
DATA_DIR = typer.Option(envvar="DATA_DIR", file_okay=True, help="Folder that keeps the buckets.")
WITH_PARENT = typer.Option("--with-parent", help="End when the process that started this one ends.")

BEHIND_EDGE = typer.Option("--edge", envvar="EDGE", help="Put a simulated CloudFront before it; needs node.")
STAGE = typer.Option(envvar="STAGE", help="Which stage of .chalice/config.json.")
PROFILE = typer.Option(envvar="AWS_PROFILE", help="Whose credentials.")
SET = typer.Option("--set", metavar="NAME=VALUE", help="A parameter of deploy/foundation.yaml or edge/template.yaml.")
ONLY = typer.Option(help="One step alone: foundation, functions, edge or proof.")

commands = typer.Typer(name="imgy", add_completion=False, rich_markup_mode=None)


commands.add_typer(operating.commands)
commands.add_typer(signing.commands)


@commands.callback()
def imgy() -> None:
    """Image pipeline for AWS Lambda; here, the tools for the person who runs it."""


@commands.command()
def run(
    port: Annotated[int, PORT] = 8000,
    s3_port: Annotated[int, S3_PORT] = 4566,
    data_dir: Annotated[Path, DATA_DIR] = Path(".local"),
    with_parent: Annotated[bool, WITH_PARENT] = False,
    edge: Annotated[bool, BEHIND_EDGE] = False,
) -> None:
    """Run the whole pipeline on this machine, until Ctrl-C."""
    from cli.local.run import run_here

    run_here(port, s3_port, data_dir, with_parent, edge)


@commands.command()
def photos(s3_port: Annotated[int, S3_PORT] = 4566) -> None:
    """Upload real photos, those of Debian's mate-backgrounds, while `run` is up."""
    from cli.local.photos import add_photos

    add_photos(s3_port)


@commands.command()
def docs() -> None:
    """Print docs/operations.md with its pictures, and docs/configuration.md, from what the code declares."""
    from cli.docs import configuration, operations

    page, *pictures = operations.write()
    print(f"docs/{page.name} and {len(pictures)} pictures")
    print(f"docs/{configuration.write(run).name}")


@commands.command()
def edge() -> None:
    """Write edge/function.js, which CloudFront runs, from the operations' declarations and presets.yaml."""
    from chalicelib.presets.file import load_configuration
    from cli.edge.function import FUNCTION, write_function

    print(f"{FUNCTION.name}: {write_function(load_configuration())} bytes")


@commands.command()
def deploy(
    stage: Annotated[str, STAGE] = "dev",
    only: Annotated[str | None, ONLY] = None,
    profile: Annotated[str | None, PROFILE] = None,
    option: Annotated[list[str] | None, SET] = None,
) -> None:
    """Bring a stage to AWS: foundation, functions, edge, and a picture fetched through it."""
    from cli.deploy.steps import deploy_stage, deployment

    deploy_stage(deployment(stage, option or [], profile), only)


@commands.command()
def plan(
    stage: Annotated[str, STAGE] = "dev",
    profile: Annotated[str | None, PROFILE] = None,
    option: Annotated[list[str] | None, SET] = None,
) -> None:
    """Say what a deploy would change."""
    from cli.deploy.steps import deployment, plan_stage

    plan_stage(deployment(stage, option or [], profile))


@commands.command()
def undeploy(
    stage: Annotated[str, STAGE] = "dev",
    profile: Annotated[str | None, PROFILE] = None,
    option: Annotated[list[str] | None, SET] = None,
) -> None:
    """Take a stage down; asks before a bucket with originals in it goes."""
    from cli.deploy.steps import deployment

    deployment(stage, option or [], profile).undeploy(
        lambda bucket: typer.confirm(f"Delete {bucket} and its originals?")
    )


@commands.command()
def rehearse() -> None:
    """Deploy, prove and take down a stage on an embedded AWS: no account is needed."""
    from cli.deploy.rehearsal import rehearse

    rehearse()


def main() -> None:
    """Run the command that was asked for; a mistake in it is said in one sentence, with exit 2."""
    try:
        commands(standalone_mode=False)
    except TyperException as mistake:
        print(f"imgy: {mistake.format_message()}", file=sys.stderr)
        raise SystemExit(mistake.exit_code) from None
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: AWS says no: {error}") from None
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
