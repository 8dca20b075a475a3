"""The commands of `python -m cli`."""

import sys
from itertools import count
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


PORT = typer.Option(envvar="PORT", parser=_port, metavar="PORT", help="Port of the web page and the pictures.")
S3_PORT = typer.Option(envvar="S3_PORT", parser=_port, metavar="PORT", help="Port of the embedded S3.")
DATA_DIR = typer.Option(envvar="DATA_DIR", file_okay=True, help="Folder in which the buckets are stored.")
WITH_PARENT = typer.Option("--with-parent", help="Stop when the parent process ends.")

BEHIND_EDGE = typer.Option("--edge", envvar="EDGE", help="Put a simulated CloudFront in front; needs node.")
STAGE = typer.Option(envvar="STAGE", help="A stage in .chalice/config.json.")
PROFILE = typer.Option(envvar="AWS_PROFILE", help="The AWS profile to use.")
SET = typer.Option("--set", metavar="NAME=VALUE", help="A parameter of deploy/foundation.yaml or edge/template.yaml.")
ONLY = typer.Option(help="Run only this step: foundation, functions, edge or proof.")

commands = typer.Typer(name="imgy", add_completion=False, rich_markup_mode=None)
commands.add_typer(operating.commands)
commands.add_typer(signing.commands)


@commands.callback()
def imgy() -> None:
    """The operator's commands of imgy, an image pipeline for AWS Lambda."""


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
    """Upload real photos to the local run: those of Debian's package mate-backgrounds."""
    from cli.local.photos import add_photos

    add_photos(s3_port)


@commands.command()
def docs() -> None:
    """Write docs/operations.md with its pictures, and docs/configuration.md, from the code's declarations."""
    from cli.docs import configuration, operations

    page, *pictures = operations.write()
    print(f"docs/{page.name} and {len(pictures)} pictures")
    print(f"docs/{configuration.write(run).name}")


@commands.command()
def edge() -> None:
    """Write edge/function.js, CloudFront's function, from the declarations of the operations and presets.yaml."""
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
    """Deploy a stage to AWS: foundation, functions and edge, then a smoke test (the proof)."""
    from cli.deploy.steps import deploy_stage, deployment

    deploy_stage(deployment(stage, option or [], profile), only)


@commands.command()
def plan(
    stage: Annotated[str, STAGE] = "dev",
    profile: Annotated[str | None, PROFILE] = None,
    option: Annotated[list[str] | None, SET] = None,
) -> None:
    """Show what a deploy would change."""
    from cli.deploy.steps import deployment, plan_stage

    plan_stage(deployment(stage, option or [], profile))


@commands.command()
def undeploy(
    stage: Annotated[str, STAGE] = "dev",
    profile: Annotated[str | None, PROFILE] = None,
    option: Annotated[list[str] | None, SET] = None,
) -> None:
    """Delete a stage from AWS. Asks before it deletes a bucket that contains originals."""
    from cli.deploy.steps import deployment

    deployment(stage, option or [], profile).undeploy(
        lambda bucket: typer.confirm(f"Delete {bucket} and its originals?")
    )


@commands.command()
def rehearse() -> None:
    """Deploy, test and delete a stage on an embedded AWS. Needs no AWS account."""
    from cli.deploy.rehearsal import rehearse

    rehearse()


@commands.command()
def rehearse_interrupted(every: Annotated[int, typer.Option(help="Break off at every nth change.")] = 1) -> None:
    """Break a first deploy off after each change in turn, on an embedded AWS: it leaves nothing unknown."""
    from cli.deploy.rehearsal import rehearse_interrupted

    rehearse_interrupted(count(1, every))


def main() -> None:
    """Run the command. A mistake in its options is reported in one sentence, with exit code 2."""
    try:
        commands(standalone_mode=False)
    except TyperException as mistake:
        print(f"imgy: {mistake.format_message()}", file=sys.stderr)
        raise SystemExit(mistake.exit_code) from None
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: AWS refused the request: {error}") from None
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
