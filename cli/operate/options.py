"""The options by which a command chooses its pair of buckets."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class BucketOptions:
    """The buckets of the local run, of a stage, or by name, and a queue to fill. Annotated fields are options."""

    local: Annotated[bool, typer.Option("--local", help="Use the buckets of the local run.")] = False
    stage: Annotated[str, typer.Option(metavar="STAGE", help="Use the buckets of a deployed stage.")] = ""
    originals: Annotated[str, typer.Option(metavar="BUCKET", help="The originals bucket, without --stage.")] = ""
    derivatives: Annotated[str, typer.Option(metavar="BUCKET", help="The derivatives bucket, with --originals.")] = ""
    s3_port: Annotated[
        int, typer.Option(envvar="S3_PORT", min=1, max=65535, metavar="PORT", help="The S3 port of the local run.")
    ] = 4566
    profile: Annotated[str | None, typer.Option(envvar="AWS_PROFILE", help="The AWS profile to use.")] = None
    queue: str = ""


def on_buckets(command: Callable[..., None]) -> Callable[..., None]:
    """Add these options before a command's own. The command takes them as one argument, `where`."""
    options = {
        name: it for name, it in signature(BucketOptions).parameters.items() if hasattr(it.annotation, "__metadata__")
    }
    own = [it for name, it in signature(command).parameters.items() if name != "where"]

    @wraps(command)
    def wrapper(**given: Any) -> None:
        command(where=BucketOptions(**{name: given.pop(name) for name in options}), **given)

    named = [it.replace(kind=Parameter.KEYWORD_ONLY) for it in (*options.values(), *own)]
    wrapper.__signature__ = signature(command).replace(parameters=named)  # type: ignore[attr-defined]
    return wrapper
