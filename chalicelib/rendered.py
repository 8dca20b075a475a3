"""What comes out of a rendering: pictures, and what is told of the original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .geometry import Size
from .transformation import Derivative


@dataclass(frozen=True)
class Rendered:
    """An encoded picture and its size in pixels."""

    body: bytes
    size: Size


@dataclass(frozen=True)
class Description:
    """What is known of an original that was opened: size in pixels, colours as rrggbb, placeholder (a data URI)."""

    format: str
    width: int
    height: int
    frames: int
    colours: tuple[str, ...]
    placeholder: str


class Renders(Protocol):
    """One original, opened once for all that is wanted of it; every verb raises Refused or Unavailable."""

    def area(self, derivative: Derivative) -> int:
        """How many pixels a derivative will have, by which it takes longer or shorter."""

    def render(self, derivative: Derivative) -> Rendered:
        """One derivative."""

    def describe(self) -> Description:
        """What its manifest tells."""
