"""The interface of a rendering, in this process or in a worker, and its results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .geometry import Size
from .limits import Limits
from .transformation import Derivative

if TYPE_CHECKING:
    from .decoding.source import Source


@dataclass(frozen=True)
class Rendered:
    """An encoded picture and its size in pixels."""

    body: bytes
    size: Size


@dataclass(frozen=True)
class Description:
    """Facts about an original for its manifest: size in pixels, colours as rrggbb, placeholder as a data URI."""

    format: str
    width: int
    height: int
    frames: int
    colours: tuple[str, ...]
    placeholder: str


class Rendering(Protocol):
    """One original, opened once for all wanted derivatives; every method raises Refused or Unavailable."""

    def area(self, derivative: Derivative) -> int:
        """How many pixels a derivative will have: its rendering time grows with them."""

    def render(self, derivative: Derivative) -> Rendered:
        """Render one derivative."""

    def describe(self) -> Description:
        """Describe the original for its manifest."""


class Prepare(Protocol):
    """Opens sources; the first is the original. Opening and rendering one derivative take at most `seconds`."""

    def __call__(
        self, sources: Sequence[Source], derivatives: Iterable[Derivative], limits: Limits, seconds: float
    ) -> AbstractContextManager[Rendering]: ...
