"""The settings of one deployment, from the environment. Only app.py reads them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, TypeVar

from .errors import MisconfiguredError

ORIGIN_HEADER = "x-imgy-origin"
"""The header in which CloudFront sends the origin secret."""

ACCESS_HEADER, SIGNED = "x-imgy-access", "signed"
"""The header that the edge function sets after verifying a signature; trusted only beside the origin secret."""

UPLOADED = ("s3:ObjectCreated:*",)
REMOVED = ("s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
"""The events of which the originals bucket sends notifications."""

MOST_RENDERERS = 2
CORE_MEGABYTES = 1769
"""The memory for which Lambda gives one vCPU (AWS Lambda Developer Guide, "Configure Lambda function memory")."""


def renderers(environment: Mapping[str, str]) -> int:
    """How many derivatives of an upload are rendered at the same time: one for each processor, at most two."""
    memory = function_memory(environment)
    processors = round(memory / 2**20 / CORE_MEGABYTES) if memory else _processors()
    return min(max(processors, 1), MOST_RENDERERS)


def function_memory(environment: Mapping[str, str]) -> int:
    """The memory of the Lambda function in bytes; 0 outside Lambda."""
    return int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0)) * 2**20


def _processors() -> int:
    """How many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


_Value = TypeVar("_Value")


def _setting(default: _Value, meaning: str) -> _Value:
    """A field that the environment sets; `meaning` is what docs/configuration.md prints."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """The values that differ between deployments. The environment sets each field that has a meaning.

    `function` is the name under which Lambda runs this process. `renderers` is how many derivatives of one upload are
    rendered at the same time: it follows from the function's memory on Lambda, and from the processors elsewhere.
    """

    originals: str = _setting("imgy-originals", "Bucket of the originals.")
    derivatives: str = _setting("imgy-derivatives", "Bucket of the derivatives.")
    origins: tuple[str, ...] = _setting(
        ("*",), "Origins whose scripts may read the pictures (CORS), separated by commas."
    )
    cache_control: str = _setting(
        "public, max-age=3600, s-maxage=31536000", "`Cache-Control` of every picture, for browsers and CloudFront."
    )
    response_bytes: int = _setting(
        4_500_000, "Largest picture in bytes that a response carries. A larger one is a redirect to a URL of S3."
    )
    origin_secret: str = _setting(
        "", "Secret that CloudFront sends in `x-imgy-origin`. If set, a request without it is answered with 403."
    )
    invalidations: str = _setting("", "Queue of the originals whose pictures CloudFront must invalidate.")
    distribution: str = _setting("", "Id of the CloudFront distribution that is invalidated.")
    events: str = _setting("", "Queue that delivers the notifications of S3. If empty, S3 calls the triggers directly.")
    concurrency: int = _setting(
        50, "Number of workers that read the queue `IMGY_EVENTS` at the same time, from 2 to 1000."
    )
    expire_days: int = _setting(
        0, "If above 0, a picture that no preset names is tagged `imgy=adhoc`, for a lifecycle rule of the bucket."
    )
    stage: str = _setting(
        "", "Stage whose `access` in presets.yaml applies. Without one, the strictest access applies."
    )
    keys: str = _setting("", "Where the signing keys are: `ssm:/NAME`, `secretsmanager:NAME` or `file:PATH`.")
    function: str = ""
    renderers: int = field(default_factory=partial(renderers, {}))

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from the environment: IMGY_ and the field's name in capitals, origins separated by commas.

        Raises MisconfiguredError.
        """
        given = {
            each.name: environment[f"IMGY_{each.name.upper()}"]
            for each in fields(cls)
            if each.metadata and f"IMGY_{each.name.upper()}" in environment
        }
        read: dict[str, Callable[[str], Any]] = {
            "origins": lambda text: tuple(origin.strip() for origin in text.split(",") if origin.strip()),
            "response_bytes": partial(_number, "a number of bytes above 0", "RESPONSE_BYTES", 1, math.inf),
            # The range that an SQS event source mapping allows (AWS Lambda API Reference, ScalingConfig).
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
