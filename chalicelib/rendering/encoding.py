"""Encodes images. docs/bench.md has the measurements behind each format's encoder."""

from __future__ import annotations

from collections.abc import Sequence

import pyvips  # type: ignore[import-untyped]

from ..decoding.pixels import Pixels
from ..geometry import Size
from .magick import Image

EncodingError = pyvips.Error
"""The error of libvips when it cannot encode. Its input is valid, so the reason is missing memory."""


def write(images: list[Image], form: str, quality: int, delays: Sequence[int] = (), loop: int = 0) -> bytes:
    """Encode one image, or the frames of an animation with their delays in milliseconds; `quality` is 1 to 100."""
    if form in _LIBVIPS:
        return _LIBVIPS[form](_raw(images), quality, delays, loop)
    images[0].compression_quality = quality
    return bytes(images[0].make_blob(_MAGICK[form]))


def _png(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    return bytes(_image(frames[0]).pngsave_buffer(compression=6, filter="all", keep="none"))


def _png8(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    """A PNG of at most 256 colours, which may be translucent."""
    return bytes(_image(frames[0]).pngsave_buffer(palette=True, effort=7, compression=9, keep="none"))


def _avif(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    return bytes(_image(frames[0]).heifsave_buffer(compression="av1", Q=quality, effort=2, keep="none"))


def _webp(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    return bytes(_strip(frames, delays, loop).webpsave_buffer(Q=quality, effort=4, keep="none"))


def _gif(frames: Sequence[Pixels], quality: int, delays: Sequence[int], loop: int) -> bytes:
    """A GIF; of each frame only what has changed is stored."""
    return bytes(_strip(frames, delays, loop).gifsave_buffer(effort=4, interframe_maxerror=3, keep="none"))


_LIBVIPS = {"png": _png, "png8": _png8, "avif": _avif, "webp": _webp, "gif": _gif}
# ImageMagick's name of each format that it writes.
_MAGICK = {"jpg": "jpeg", "pjpg": "pjpeg"}


def _raw(images: list[Image]) -> list[Pixels]:
    channels = "rgba" if any(image.alpha_channel for image in images) else "rgb"
    for image in images:
        image.depth = 8
    return [
        Pixels(Size(image.width, image.height), len(channels), bytes(image.make_blob(channels))) for image in images
    ]


def _strip(frames: Sequence[Pixels], delays: Sequence[int], loop: int) -> pyvips.Image:
    """The frames one below the other, which is how libvips represents an animation."""
    strip = pyvips.Image.arrayjoin([_image(frame) for frame in frames], across=1).copy()
    if len(frames) > 1:
        strip.set_type(pyvips.GValue.gint_type, "page-height", frames[0].size.height)
        strip.set_type(pyvips.GValue.array_int_type, "delay", list(delays))
        strip.set_type(pyvips.GValue.gint_type, "loop", loop)
    return strip


def _image(pixels: Pixels) -> pyvips.Image:
    image = pyvips.Image.new_from_memory(pixels.raw, pixels.size.width, pixels.size.height, pixels.bands, "uchar")
    return image.copy(interpretation="srgb")
