"""Pixels in, bytes out, for the formats that libvips writes better than ImageMagick: docs/bench.md has the figures."""

from __future__ import annotations

from collections.abc import Sequence

import pyvips  # type: ignore[import-untyped]

from .opening import Pixels


def png(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    """A PNG of the first frame."""
    return bytes(_image(frames[0]).pngsave_buffer(compression=6, filter="all", keep="none"))


def png8(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    """A PNG of the first frame in at most 256 colours, which may be translucent."""
    return bytes(_image(frames[0]).pngsave_buffer(palette=True, effort=7, compression=9, keep="none"))


def avif(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    """An AVIF of the first frame, of a quality from 1 to 100."""
    return bytes(_image(frames[0]).heifsave_buffer(compression="av1", Q=quality, effort=2, keep="none"))


def webp(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    """A WebP of a quality from 1 to 100; several frames move, each shown for its delay in milliseconds."""
    return bytes(_strip(frames, delays, loop).webpsave_buffer(Q=quality, effort=4, keep="none"))


def gif(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    """A GIF; several frames move, each shown for its delay in milliseconds, and of each only what is new is stored."""
    return bytes(_strip(frames, delays, loop).gifsave_buffer(effort=4, interframe_maxerror=3, keep="none"))


NOT_WRITTEN = pyvips.Error
"""What each of these raises when libvips cannot write a picture: for want of memory, as what it is given is sound."""

ENCODERS = {"png": png, "png8": png8, "avif": avif, "webp": webp, "gif": gif}


def _strip(frames: Sequence[Pixels], delays: Sequence[int], loop: int) -> pyvips.Image:
    """The frames below each other, which is what libvips takes for an animation."""
    strip = pyvips.Image.arrayjoin([_image(frame) for frame in frames], across=1).copy()
    if len(frames) > 1:
        strip.set_type(pyvips.GValue.gint_type, "page-height", frames[0].size.height)
        strip.set_type(pyvips.GValue.array_int_type, "delay", list(delays))
        strip.set_type(pyvips.GValue.gint_type, "loop", loop)
    return strip


def _image(pixels: Pixels) -> pyvips.Image:
    image = pyvips.Image.new_from_memory(pixels.raw, pixels.size.width, pixels.size.height, pixels.bands, "uchar")
    return image.copy(interpretation="srgb")
