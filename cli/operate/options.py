"""Which pair of buckets a command works on, as its options say."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class BucketOptions:
    """This machine, a stage, or both names; and the queue that a command fills. The annotated ones are options."""

    local: Annotated[bool, typer.Option("--local", help="The buckets of `run` on this machine.")] = False
    stage: Annotated[str, typer.Option(metavar="STAGE", help="The buckets of a deployed stage.")] = ""
    originals: Annotated[str, typer.Option(metavar="BUCKET", help="The originals, where no stage is named.")] = ""
    derivatives: Annotated[str, typer.Option(metavar="BUCKET", help="The derivatives, beside --originals.")] = ""
    s3_port: Annotated[
        int, typer.Option(envvar="S3_PORT", min=1, max=65535, metavar="PORT", help="Port of `run`'s S3.")
    ] = 4566
    profile: Annotated[str | None, typer.Option(envvar="AWS_PROFILE", help="Whose credentials.")] = None
    queue: str = ""


def on_buckets(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options before its own; it takes them as one argument, `where`."""
    options = {
        name: it for name, it in signature(BucketOptions).parameters.items() if hasattr(it.annotation, "__metadata__")
    }
    own = [it for name, it in signature(command).parameters.items() if name != "where"]

    @wraps(command)
    def told(**given: Any) -> None:
        command(where=BucketOptions(**{name: given.pop(name) for name in options}), **given)

    named = [it.replace(kind=Parameter.KEYWORD_ONLY) for it in (*options.values(), *own)]
    told.__signature__ = signature(command).replace(parameters=named)  # type: ignore[attr-defined]
    return told
