"""The commands about keys: `python -m cli url` and `python -m cli keys`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import boto3
import typer

from chalicelib.access.signatures import Keys
from chalicelib.errors import MisconfiguredError
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.file import load_configuration
from cli.deploy.functions import assert_stage
from cli.embedded import environment as local
from cli.signing.key_store import KEYS, FileKeys, KeyStore, ParameterKeys, change
from cli.signing.url import Asked, signed_url

commands = typer.Typer()

Key = Annotated[str, typer.Argument(metavar="KEY", help="The original's key, or a derivative's own path.")]
Parameters = Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE", help="What a query may say.")]
Stage = Annotated[str, typer.Option(metavar="STAGE", help="With the keys of a deployed stage, not of this machine.")]
Profile = Annotated[str | None, typer.Option(envvar="AWS_PROFILE", help="Whose credentials.")]
DataDir = Annotated[Path, typer.Option(envvar="DATA_DIR", help="The folder of `run` on this machine.")]
Port = Annotated[int, typer.Option(envvar="PORT", help="The port of `run` on this machine.")]
Base = Annotated[str, typer.Option(metavar="URL", help="What comes before the path; known for a stage.")]
Expires = Annotated[str, typer.Option(metavar="TIME", help="How long it is good: 90s, 15m, 6h, 30d; else for ever.")]
Imgix = Annotated[bool, typer.Option("--imgix", help="Signed as imgix's clients do.")]
KeyId = Annotated[str, typer.Option(metavar="ID", help="By which key; the newest unless it is named.")]
Add = Annotated[str, typer.Option(metavar="ID", help="Make a new key.")]
Drop = Annotated[str, typer.Option(metavar="ID", help="Take a key away: what it signed is refused from then on.")]
Show = Annotated[bool, typer.Option("--show", help="Print the secrets, too: an application signs with them.")]


@commands.command()
def url(
    key: Key,
    parameters: Parameters = None,
    stage: Stage = "",
    base: Base = "",
    expires: Expires = "",
    imgix: Imgix = False,
    key_id: KeyId = "",
    profile: Profile = None,
    data_dir: DataDir = Path(".local"),
    port: Port = 8000,
) -> None:
    """Print the signed URL of a picture."""
    keys = _store(stage, profile, data_dir).read()
    if not keys:
        raise SystemExit(f"imgy: there are no keys yet; {_how(stage)}")
    asked = Asked(key, parameters or [], key_id, expires, imgix)
    at = base or (_address(stage, profile) if stage else f"http://{local.HOST}:{port}")
    presets = _presets(stage)
    print(signed_url(asked, keys, at, presets))


@commands.command()
def keys(
    stage: Stage = "",
    add: Add = "",
    drop: Drop = "",
    show: Show = False,
    profile: Profile = None,
    data_dir: DataDir = Path(".local"),
) -> None:
    """List the keys of signed URLs, add one, drop one. All are good at once, so that a new one can come first."""
    for name, secret in change(_store(stage, profile, data_dir), add, drop, _publish(stage, profile)).items():
        print(f"{name}  {secret}" if show else name)


def _store(stage: str, profile: str | None, data_dir: Path) -> KeyStore:
    if not stage:
        return FileKeys(data_dir / KEYS)
    from cli.deploy.stage import stage_name

    assert_stage(stage)
    return ParameterKeys(boto3.Session(profile_name=profile).client("ssm"), f"/{stage_name(stage)}/keys")


def _presets(stage: str) -> Configuration:
    """What presets.yaml says for a stage, on this machine for the one that `run` was told."""
    try:
        return load_configuration(stage or os.environ.get("IMGY_STAGE", ""))
    except MisconfiguredError as mistakes:
        raise SystemExit(f"imgy: {mistakes}") from None


def _how(stage: str) -> str:
    return f"python -m cli keys --stage {stage} --add k1, then deploy" if stage else "make run makes one"


def _edge(stage: str, profile: str | None) -> dict[str, str]:
    from cli.deploy.stacks import outputs
    from cli.deploy.stage import stage_name

    return outputs(boto3.Session(profile_name=profile).client("cloudformation"), f"{stage_name(stage)}-edge")


def _address(stage: str, profile: str | None) -> str:
    found = _edge(stage, profile)
    if not found:
        raise SystemExit(f"imgy: stage {stage} has no edge yet; make deploy STAGE={stage}, or say --base URL")
    return found["Url"]


def _publish(stage: str, profile: str | None) -> Callable[[Keys], object]:
    """Tells a stage's edge of its keys at once; the functions look for themselves within five minutes."""

    def published(keys: Keys) -> None:
        outputs = _edge(stage, profile) if stage else {}
        if outputs.get("Store"):
            from cli.edge.store import sync_keys

            sync_keys(boto3.Session(profile_name=profile), outputs, keys)

    return published
