"""The commands url and keys."""

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
from cli.embedded import environment
from cli.signing.key_store import KEYS, FileKeys, KeyStore, ParameterKeys, change
from cli.signing.url import UrlRequest, signed_url

commands = typer.Typer()

Key = Annotated[str, typer.Argument(metavar="KEY", help="The original's key, or a derivative's own path.")]
Parameters = Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Parameters of the query.")]
Stage = Annotated[str, typer.Option(metavar="STAGE", help="Use the keys of a deployed stage, not of the local run.")]
Profile = Annotated[str | None, typer.Option(envvar="AWS_PROFILE", help="The AWS profile to use.")]
DataDir = Annotated[Path, typer.Option(envvar="DATA_DIR", help="The data folder of the local run.")]
Port = Annotated[int, typer.Option(envvar="PORT", help="The port of the local run.")]
Base = Annotated[str, typer.Option(metavar="URL", help="The URL before the path. Default: that of the stage.")]
Expires = Annotated[
    str, typer.Option(metavar="TIME", help="How long the URL is valid: 90s, 15m, 6h, 30d. Default: no limit.")
]
Imgix = Annotated[bool, typer.Option("--imgix", help="Sign as imgix's clients do.")]
KeyId = Annotated[str, typer.Option(metavar="ID", help="The key to sign with. Default: the newest.")]
Add = Annotated[str, typer.Option(metavar="ID", help="Add a new key.")]
Drop = Annotated[str, typer.Option(metavar="ID", help="Drop a key: URLs signed with it are then refused.")]
Show = Annotated[bool, typer.Option("--show", help="Print the secrets, too, for the application that signs.")]


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
        raise SystemExit(f"imgy: there are no keys yet; {_how_to_add(stage)}")
    request = UrlRequest(key, parameters or [], key_id, expires, imgix)
    at = base or (_address(stage, profile) if stage else f"http://{environment.HOST}:{port}")
    print(signed_url(request, keys, at, _configuration(stage)))


@commands.command()
def keys(
    stage: Stage = "",
    add: Add = "",
    drop: Drop = "",
    show: Show = False,
    profile: Profile = None,
    data_dir: DataDir = Path(".local"),
) -> None:
    """List the signing keys, add one or drop one. All of them are valid, so that a key can be replaced in two steps."""
    for name, secret in change(_store(stage, profile, data_dir), add, drop, _publish(stage, profile)).items():
        print(f"{name}  {secret}" if show else name)


def _store(stage: str, profile: str | None, data_dir: Path) -> KeyStore:
    if not stage:
        return FileKeys(data_dir / KEYS)
    from cli.deploy.stage import stage_name

    assert_stage(stage)
    return ParameterKeys(boto3.Session(profile_name=profile).client("ssm"), f"/{stage_name(stage)}/keys")


def _configuration(stage: str) -> Configuration:
    """The configuration of a stage; without one, of the local run's IMGY_STAGE."""
    try:
        return load_configuration(stage or os.environ.get("IMGY_STAGE", ""))
    except MisconfiguredError as mistakes:
        raise SystemExit(f"imgy: {mistakes}") from None


def _how_to_add(stage: str) -> str:
    return f"add one: python -m cli keys --stage {stage} --add k1, then deploy" if stage else "make run adds one"


def _edge(stage: str, profile: str | None) -> dict[str, str]:
    from cli.deploy.stacks import outputs
    from cli.deploy.stage import stage_name

    return outputs(boto3.Session(profile_name=profile).client("cloudformation"), f"{stage_name(stage)}-edge")


def _address(stage: str, profile: str | None) -> str:
    found = _edge(stage, profile)
    if not found:
        raise SystemExit(f"imgy: stage {stage} has no edge yet; run: make deploy STAGE={stage}, or add --base URL")
    return found["Url"]


def _publish(stage: str, profile: str | None) -> Callable[[Keys], object]:
    """A function that sends keys to a stage's edge at once. The Lambda functions read them within five minutes."""

    def published(keys: Keys) -> None:
        outputs = _edge(stage, profile) if stage else {}
        if outputs.get("Store"):
            from cli.edge.store import sync_keys

            sync_keys(boto3.Session(profile_name=profile), outputs, keys)

    return published
