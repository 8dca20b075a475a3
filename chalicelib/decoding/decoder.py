"""Decodes bytes to pixels at the wanted size: upright 8-bit sRGB without metadata."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pyvips  # type: ignore[import-untyped]

from ..geometry import Box, Layout, Size, pixels
from . import libvips
from .header import Opened, damage_refused
from .heic import heic_pixels
from .jpeg import drop_last_refinement_scans
from .pixels import Grey, Pixels

_MUCH_SMALLER = 7
"""From this reduction on, the last refinement scans of a JPEG are not visible: 0.002 of SSIM (docs/bench.md)."""


class Decoded:
    """The pixels of one original, decoded once at the largest size; each smaller one is scaled from the next larger."""

    def __init__(self, opened: Opened, sizes: Iterable[Size], animated: bool) -> None:
        """Decode the whole upright original at `sizes`, none larger than the original; raises Damaged."""
        self._opened = opened
        self._animated = animated and opened.header.frames > 1
        largest, *smaller = sorted(set(sizes), key=lambda size: (size.area, size.width), reverse=True)
        largest = Size(
            max([largest.width, *(size.width for size in smaller)]),
            max([largest.height, *(size.height for size in smaller)]),
        )
        with damage_refused(opened.header.format):
            self._levels = [self._decode(largest)]
            for size in smaller:
                self._levels.append(self._scaled(self._covering(size), size))

    def _decode(self, size: Size) -> list[pyvips.Image]:
        source, header, image = self._opened
        if header.format == "heic":
            return [libvips.to_srgb8_in_memory(libvips.resize(heic_pixels(image), size))]
        body = source.body
        if header.format == "jpeg" and header.size.width >= _MUCH_SMALLER * size.width:
            body = drop_last_refinement_scans(body)
        strip = libvips.decode(body, image, size, self._animated)
        return [strip.crop(0, top, strip.width, size.height) for top in range(0, strip.height, size.height)]

    def _covering(self, size: Size) -> list[pyvips.Image]:
        return next((level for level in reversed(self._levels) if _size(level).covers(size)), self._levels[0])

    @staticmethod
    def _scaled(level: list[pyvips.Image], size: Size) -> list[pyvips.Image]:
        return (
            level
            if _size(level) == size
            else [libvips.to_srgb8_in_memory(libvips.resize(frame, size)) for frame in level]
        )

    def pixels(self, layout: Layout, every_frame: bool = False) -> list[Pixels]:
        """The layout's region, scaled, of the first frame or `every_frame`. The layout must not be rotated."""
        level = self._covering(whole(layout))
        return [_pixels(_region(frame, layout), layout.size) for frame in (level if every_frame else level[:1])]

    def grey(self, layout: Layout, side: int = 96) -> Grey:
        """The region of a layout as grey pixels, at most `side` a side, for a smart crop. The layout has no turn."""
        scale = min(1.0, side / max(layout.region.width, layout.region.height))
        size = Size(pixels(layout.region.width * scale), pixels(layout.region.height * scale))
        sample = replace(layout, size=size, smart_crop=None)
        small = libvips.resize(_region(self._covering(whole(sample))[0], sample), size)
        if small.hasalpha():
            small = small.flatten(background=[128])
        small = small.colourspace("b-w")
        return Grey(small.width, small.height, bytes(small.write_to_memory()))


def whole(layout: Layout) -> Size:
    """The size to scale the whole original to, so that the layout's region gets its size; never enlarged."""
    original, region, size = layout.original, layout.smart_crop or layout.region, layout.size
    return Size(
        pixels(min(1.0, size.width / region.width) * original.width),
        pixels(min(1.0, size.height / region.height) * original.height),
    )


def _size(level: list[pyvips.Image]) -> Size:
    return Size(level[0].width, level[0].height)


def _region(image: pyvips.Image, layout: Layout) -> pyvips.Image:
    across, down = image.width / layout.original.width, image.height / layout.original.height
    box: Box = layout.region
    width = min(image.width, _near(pixels(box.width * across), layout.size.width))
    height = min(image.height, _near(pixels(box.height * down), layout.size.height))
    left = min(max(0, round(box.x * across)), image.width - width)
    top = min(max(0, round(box.y * down)), image.height - height)
    # A crop that removes nothing would still cost a pass for each frame.
    return image if (width, height) == (image.width, image.height) else image.crop(left, top, width, height)


def _near(length: int, wanted: int) -> int:
    # A difference of one pixel is rounding: using the wanted length avoids a resampling that would only blur.
    return wanted if abs(length - wanted) <= 1 else length


def _pixels(image: pyvips.Image, size: Size) -> Pixels:
    exact = image if (image.width, image.height) == (size.width, size.height) else libvips.resize(image, size)
    return Pixels(size, exact.bands, bytes(exact.write_to_memory()))
