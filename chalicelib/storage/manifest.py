"""The manifest of an original. It is written last: if it names an ETag, everything made from that ETag is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import REFUSALS, Refused

if TYPE_CHECKING:
    from ..rendered import Description

_NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """The facts about one original, or its refusal.

    Length in bytes, size in pixels, colours as rrggbb, placeholder as a data URI, derivatives by name.
    """

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
    def of_rendered(
        cls, etag: str, length: int, described: Description, derivatives: Mapping[str, Mapping[str, Any]]
    ) -> Manifest:
        """The manifest of an original whose derivatives are all stored."""
        return cls(etag, length, derivatives=dict(sorted(derivatives.items())), **asdict(described))

    @classmethod
    def refusing(cls, etag: str, length: int, error: Refused) -> Manifest:
        """The manifest of an original that cannot be used."""
        return cls(etag, length, refused={"status": error.status, "reason": str(error)})

    def lists(self, name: str, etag: str) -> bool:
        """Whether it lists the derivative of this name with this ETag."""
        return bool(self.derivatives.get(name, {}).get("etag") == etag)

    @property
    def refusal(self) -> Refused | None:
        """The error to raise, if the original was refused."""
        return REFUSALS[self.refused["status"]](self.refused["reason"]) if self.refused else None

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Manifest | None:
        """The inverse of `to_json`; None for anything but a manifest of this version: it will be rewritten."""
        try:
            read = json.loads(text)
            manifest = cls(**{**read, "colours": tuple(read["colours"])})
            return manifest if manifest.refusal or not manifest.refused else None
        except (ValueError, TypeError, KeyError):
            return None


def manifest_key(original: str) -> str:
    """The key of an original's manifest in the derivatives bucket."""
    return f"{original}/{_NAME}"


def original_of(key: str) -> str | None:
    """The original of a manifest's key; None for any other key."""
    original, _, name = key.rpartition("/")
    return original if name == _NAME and original else None
