"""What differs from one deployment to the next, from the environment. Only app.py reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import MisconfiguredError

ORIGIN_HEADER = "x-imgy-origin"
"""In which CloudFront says the origin's secret."""


@dataclass(frozen=True)
class Settings:
    """Buckets, origins whose scripts may read pictures, what caches are told, the largest response in bytes.

    Where `origin_secret` is set, only CloudFront, which knows it, is answered. `invalidations` is the queue of the
    originals whose pictures `distribution` is to forget.
    """

    originals: str = "imgy-originals"
    derivatives: str = "imgy-derivatives"
    origins: tuple[str, ...] = ("*",)
    cache_control: str = "public, max-age=3600, s-maxage=31536000"
    response_bytes: int = 4_500_000
    origin_secret: str = ""
    invalidations: str = ""
    distribution: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Settings from the environment: each name in capitals behind IMGY_, origins with commas between.

        Raises MisconfiguredError.
        """
        given = {
            name: environment[f"IMGY_{name.upper()}"]
            for name in cls.__annotations__
            if f"IMGY_{name.upper()}" in environment
        }
        read: dict[str, Callable[[str], Any]] = {
            "origins": lambda text: tuple(origin.strip() for origin in text.split(",") if origin.strip()),
            "response_bytes": _bytes,
        }
        return cls(**{name: read.get(name, str)(text) for name, text in given.items()})


def _bytes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise MisconfiguredError(f"expected a number of bytes above 0 for IMGY_RESPONSE_BYTES, received '{text}'")
    return int(text)
