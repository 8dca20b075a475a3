"""What differs from one deployment to the next, from the environment. Only app.py reads it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .errors import MisconfiguredError

ORIGIN_HEADER = "x-imgy-origin"
"""In which CloudFront says the origin's secret."""

ACCESS_HEADER, SIGNED = "x-imgy-access", "signed"
"""In which the edge's function says that it has verified a signature; worth something beside the origin's secret."""

UPLOADED = ("s3:ObjectCreated:*",)
REMOVED = ("s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
"""What the originals bucket tells of."""

_FOUND = ("function", "renderers")
"""What nobody sets."""

MOST_RENDERERS = 2
CORE_MEGABYTES = 1769
"""Of memory, for which Lambda gives one vCPU (AWS Lambda Developer Guide, "Configure Lambda function memory")."""


def renderers(environment: Mapping[str, str]) -> int:
    """How many derivatives of an upload are in the making at once: one for each processor, two at the most."""
    memory = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    processors = round(int(memory) / CORE_MEGABYTES) if memory else _processors()
    return min(max(processors, 1), MOST_RENDERERS)


def _processors() -> int:
    """How many this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """Buckets, origins whose scripts may read pictures, what caches are told, the largest response in bytes.

    Where `origin_secret` is set, only CloudFront, which knows it, is answered. `invalidations` is the queue of the
    originals whose pictures `distribution` is to forget. Where `events` is set, S3's notifications come by way of that
    queue, to at most `concurrency` workers at once. `function` is the name that Lambda runs this under; `renderers`
    follows from its memory there, elsewhere from the processors. `expire_days` is after how many days S3 deletes
    pictures that no preset names; 0 is never. `stage` is what presets.yaml calls this deployment, and `keys` where its
    keys of signatures are: secretsmanager:NAME, ssm:/NAME or file:PATH.
    """

    originals: str = "imgy-originals"
    derivatives: str = "imgy-derivatives"
    origins: tuple[str, ...] = ("*",)
    cache_control: str = "public, max-age=3600, s-maxage=31536000"
    response_bytes: int = 4_500_000
    origin_secret: str = ""
    invalidations: str = ""
    distribution: str = ""
    events: str = ""
    concurrency: int = 50
    expire_days: int = 0
    stage: str = ""
    keys: str = ""
    function: str = ""
    renderers: int = field(default_factory=partial(renderers, {}))

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Settings from the environment: each name in capitals behind IMGY_, origins with commas between.

        Raises MisconfiguredError.
        """
        given = {
            name: environment[f"IMGY_{name.upper()}"]
            for name in cls.__annotations__
            if name not in _FOUND and f"IMGY_{name.upper()}" in environment
        }
        read: dict[str, Callable[[str], Any]] = {
            "origins": lambda text: tuple(origin.strip() for origin in text.split(",") if origin.strip()),
            "response_bytes": partial(_number, "a number of bytes above 0", "RESPONSE_BYTES", 1, math.inf),
            # What an event source mapping of SQS takes (AWS Lambda API Reference, ScalingConfig).
            "concurrency": partial(_number, "a number from 2 to 1000", "CONCURRENCY", 2, 1000),
            "expire_days": partial(_number, "a number of days, 0 for never,", "EXPIRE_DAYS", 0, math.inf),
        }
        function = environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
        derived = renderers(environment)
        return cls(
            function=function, renderers=derived, **{name: read.get(name, str)(text) for name, text in given.items()}
        )


def _number(expected: str, name: str, least: float, most: float, text: str) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise MisconfiguredError(f"expected {expected} for IMGY_{name}, received '{text}'")
    return int(text)
