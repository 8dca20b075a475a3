"""What is known of one original: written last, so that where it speaks of an ETag everything of that ETag is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import REFUSALS, Refused

if TYPE_CHECKING:
    from .rendered import Description

_NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """Length in bytes, size in pixels, colours as rrggbb, placeholder (data URI), derivatives by name, or a refusal."""

    etag: str
    length: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 1
    colours: tuple[str, ...] = ()
    placeholder: str = ""
    derivatives: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def telling(
        cls, etag: str, length: int, described: Description, derivatives: Mapping[str, Mapping[str, Any]]
    ) -> Manifest:
        """The manifest of an original whose derivatives are all there."""
        return cls(etag, length, derivatives=dict(sorted(derivatives.items())), **asdict(described))

    @classmethod
    def refusing(cls, etag: str, length: int, error: Refused) -> Manifest:
        """The manifest of an original that cannot be used."""
        return cls(etag, length, refused={"status": error.status, "reason": str(error)})

    def tells_of(self, name: str, etag: str) -> bool:
        """Whether the derivative of this name was the object with this ETag when the manifest was written."""
        return bool(self.derivatives.get(name, {}).get("etag") == etag)

    @property
    def refusal(self) -> Refused | None:
        """The error to answer with, where the original was refused."""
        return REFUSALS[self.refused["status"]](self.refused["reason"]) if self.refused else None

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Manifest | None:
        """The inverse of `to_json`; None for what is no manifest of this version, as it will be written anew."""
        try:
            read = json.loads(text)
            manifest = cls(**{**read, "colours": tuple(read["colours"])})
            return manifest if manifest.refusal or not manifest.refused else None
        except (ValueError, TypeError, KeyError):
            return None


def manifest_key(original: str) -> str:
    """Where the manifest of an original stands in the derivatives bucket."""
    return f"{original}/{_NAME}"


def original_of(key: str) -> str | None:
    """The original of a manifest's key; None for any other key."""
    original, _, name = key.rpartition("/")
    return original if name == _NAME and original else None
