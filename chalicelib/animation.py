"""Several frames in one file: the colours they share, what is new in each, and how long it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wand.image import Image

_SAMPLE_SIDE = 128
_COLOURS = 256


def gif(frames: Sequence[Image], delays: Sequence[int], loop: int) -> bytes:
    """An animated GIF: one palette for all frames, and of each frame only what is new; delays are milliseconds."""
    clear = any(frame.alpha_channel for frame in frames)
    for frame in frames if clear else ():
        frame.threshold(0.5, channel="alpha")
    with _sampled(frames) as palette:
        palette.quantize(_COLOURS - clear, "srgb", 0, False, False)
        for frame, delay in zip(frames, delays, strict=True):
            # Dithering would make every pixel new in every frame.
            frame.remap(palette, "no")
            frame.delay, frame.dispose = max(1, round(delay / 10)), "background" if clear else "none"
    animation = _stacked(frames)
    animation.loop = loop
    if not clear:
        animation.optimize_layers()
        animation.optimize_transparency()
    return bytes(animation.make_blob("gif"))


def webp(frames: Sequence[Image], delays: Sequence[int], loop: int) -> bytes:
    """An animated WebP; delays are milliseconds."""
    for frame in frames:
        frame.delay, frame.dispose = 1, "background"
    return _timed(bytes(_stacked(frames).make_blob("webp")), delays, loop)


def _sampled(frames: Sequence[Image]) -> Image:
    """All frames in one small picture."""
    first, *others = [frame.clone() for frame in frames]
    for small in (first, *others):
        small.sample(min(small.width, _SAMPLE_SIDE), min(small.height, _SAMPLE_SIDE))
    for small in others:
        with small:
            first.image_add(small)
    first.iterator_reset()
    first.concat(stacked=True)
    return first


def _stacked(frames: Sequence[Image]) -> Image:
    first, *others = frames
    for other in others:
        first.image_add(other)
    first.iterator_reset()
    return first


def _timed(body: bytes, delays: Sequence[int], loop: int) -> bytes:
    """An animated WebP written with one hundredth of a second a frame, now with its delays and its loop count.

    ImageMagick 6 writes no loop count, shifts the delays by one frame, and takes a mean for the last.
    """
    timed, shown = bytearray(body), 0
    anim, *chunks = _chunks(body, b"ANIM", b"ANMF")
    timed[anim + 12 : anim + 14] = min(loop, 0xFFFF).to_bytes(2, "little")
    for chunk in chunks:
        # Frames that are alike were made one: its duration counts them.
        alike = int.from_bytes(body[chunk + 20 : chunk + 23], "little") // 10
        until = shown + alike if chunk != chunks[-1] else len(delays)
        timed[chunk + 20 : chunk + 23] = min(sum(delays[shown:until]), 0xFFFFFF).to_bytes(3, "little")
        shown = until
    return bytes(timed)


def _chunks(body: bytes, *names: bytes) -> Iterator[int]:
    """Where a WebP's chunks of these names begin: four letters, the length in four bytes, padded to even."""
    at = 12
    while at < len(body):
        if body[at : at + 4] in names:
            yield at
        length = int.from_bytes(body[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
