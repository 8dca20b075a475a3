"""What differs from one deployment to the next, from the environment. Only app.py reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Buckets, origins whose scripts may read pictures, what caches are told, the largest response in bytes.

    Where `origin_secret` is set, only CloudFront, which knows it, is answered.
    """

    originals: str = "imgy-originals"
    derivatives: str = "imgy-derivatives"
    origins: tuple[str, ...] = ("*",)
    cache_control: str = "public, max-age=3600, s-maxage=31536000"
    response_bytes: int = 4_500_000
    origin_secret: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Settings from the environment: each name in capitals behind IMGY_, origins with commas between."""
        given = {
            name: environment[f"IMGY_{name.upper()}"]
            for name in cls.__annotations__
            if f"IMGY_{name.upper()}" in environment
        }
        read = {
            "origins": lambda text: tuple(origin.strip() for origin in text.split(",") if origin.strip()),
            "response_bytes": int,
        }
        return cls(**{name: read.get(name, str)(text) for name, text in given.items()})  # type: ignore[operator]
