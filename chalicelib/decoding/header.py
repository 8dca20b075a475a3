"""Reads an original's header, and checks it against the limits, before any pixel is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyvips  # type: ignore[import-untyped]

from ..errors import Damaged, TooLarge
from ..geometry import Layout, Size
from ..limits import Limits
from .heic import open_heic
from .libvips import open_lazily
from .source import Source
from .tiff import count_pages

_ANIMATED = ("gif", "webp")
_UNREADABLE = (pyvips.Error, ValueError, EOFError, SyntaxError, RuntimeError, IndexError)
_MOST_BANDS = 16
"""Colours, alpha and other channels of a TIFF: libvips decodes all of them, a row of tiles at once."""
_MOST_PAGES = 1000


@dataclass(frozen=True)
class Header:
    """What an original's header says. `size` is upright, `delays` are milliseconds for each frame."""

    format: str
    size: Size
    exif: int
    alpha: bool
    delays: tuple[int, ...] = ()
    loop: int = 0

    @property
    def frames(self) -> int:
        return max(1, len(self.delays))

    @property
    def layout(self) -> Layout:
        return Layout.of(self.size, self.exif)


class Opened(NamedTuple):
    """An original whose header is read; `image` is libvips' or libheif's view of it, its pixels not decoded yet."""

    source: Source
    header: Header
    image: Any


def open_original(source: Source, limits: Limits) -> Opened:
    """Open an original without decoding a pixel; raises TooLarge or Damaged."""
    limits.check_bytes(len(source.body))
    _check_counts(source, limits)
    with damage_refused(source.format):
        image = open_heic(source.body) if source.format == "heic" else open_lazily(source.body)
        header = _heic_header(image) if source.format == "heic" else _header(source.format, image)
    _check_limits(header, limits)
    return Opened(source, header, image)


@contextmanager
def damage_refused(form: str) -> Iterator[None]:
    """Raise Damaged for an error of a decoder."""
    try:
        yield
    except _UNREADABLE as error:
        raise _damaged(form) from error


def _damaged(form: str) -> Damaged:
    return Damaged(f"the original is damaged: it cannot be decoded as {form}")


def _check_counts(source: Source, limits: Limits) -> None:
    """Refuse an original with so many pages or frames that a decoder needs too long to count them."""
    if source.format == "tiff" and count_pages(source.body, _MOST_PAGES) > _MOST_PAGES:
        raise TooLarge(f"expected an original of at most {_MOST_PAGES} pages, received more")
    # For each frame libwebp goes through all of them: a megabyte of small frames takes seconds.
    if source.format == "webp" and source.body.count(b"ANMF") > limits.frames:
        raise TooLarge(f"expected an original of at most {limits.frames} frames, received more")


def _header(form: str, image: pyvips.Image) -> Header:
    fields = set(image.get_fields())
    exif = image.get("orientation") if "orientation" in fields else 1
    size = Size(image.width, image.height)
    if image.bands > _MOST_BANDS:
        raise TooLarge(f"expected an original of at most {_MOST_BANDS} bands, received {image.bands}")
    return Header(
        form,
        size.turned if exif >= 5 else size,
        exif if 1 <= exif <= 8 else 1,
        bool(image.hasalpha()),
        _delays(image, fields) if form in _ANIMATED else (),
        image.get("loop") if "loop" in fields else 0,
    )


def _delays(image: pyvips.Image, fields: set[str]) -> tuple[int, ...]:
    frames = image.get("n-pages") if "n-pages" in fields else 1
    delays = image.get("delay") if "delay" in fields else []
    return tuple([*delays, *[100] * frames][:frames]) if frames > 1 else ()


def _heic_header(image: Any) -> Header:
    size, mode = image.size_mode
    return Header("heic", Size(*size), 1, mode.endswith("A"))


def _check_limits(header: Header, limits: Limits) -> None:
    size, frames = header.size, header.frames
    if min(size.width, size.height) < 1:
        raise _damaged(header.format)
    for received, most, what in (
        (max(size.width, size.height), limits.original_side, "pixels a side"),
        (size.area, limits.original_pixels, "pixels"),
        (frames, limits.frames, "frames"),
        (size.area * frames if frames > 1 else 0, limits.frames_pixels, "pixels over all frames"),
    ):
        if received > most:
            raise TooLarge(f"expected an original of at most {most} {what}, received {received}")
