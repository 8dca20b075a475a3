"""Few bytes that want much: sizes, canvases, frames, streams and documents that grow when they are opened."""

import zlib

from PIL import Image

from support.originals import animation, gif, on_canvas, picture, png_bomb, saved
from system.hostile.case import DAMAGED, IN_TIME, REFUSED, SHOWN, SHOWN_OR_NOT, TOO_LARGE, Case
from system.hostile.good import good
from system.hostile.parts import (
    box,
    chunk,
    claiming,
    flat_png,
    ihdr,
    jpeg,
    jpeg_segments,
    of_size,
    png,
    png_with,
    scans_of,
    vp8x,
    webp,
    zeros,
)

SIDE = 7000
"""A square of it is just within the limit of pixels."""

_FRAME = (0, 0, 1, 1, 1, 0, 5)


def large(form, side=SIDE, mode="RGB", **options):
    return saved(Image.new(mode, (side, side)), form, **options)


def _inflating(name, head, million):
    return png_with(picture(form="PNG"), (name, head + zeros(million * 1_000_000)))


def _scans(size, count):
    """A progressive JPEG that says its last details again and again."""
    body = saved(Image.new("RGB", (size, size), "tomato"), "JPEG", progressive=True)
    segments, scans = jpeg_segments(body)
    return jpeg(segments, scans[:-2] + scans_of(body)[-1] * count + b"\xff\xd9")


def _lossless(width, height):
    """A lossless WebP of a few bytes that claims a size."""
    claim = (0x2F | (width - 1) << 8 | (height - 1) << 22).to_bytes(5, "little")
    return webp((b"VP8L", claim + bytes(20)))


STILLS = (
    Case("PNG: a wide one", TOO_LARGE, lambda _: png_bomb(60000, 10)),
    Case("PNG: a large one", TOO_LARGE, lambda _: png_bomb(15000, 15000)),
    Case("PNG: as large as can be said", REFUSED, lambda _: png_bomb(2**31 - 1, 2**31 - 1)),
    Case("PNG: larger than can be said", DAMAGED, lambda _: png_bomb(2**32 - 1, 2**32 - 1)),
    Case("PNG: of no size", DAMAGED, lambda _: png_bomb(0, 0)),
    Case(
        "PNG: a gigabyte behind 9 pixels",
        SHOWN_OR_NOT,
        lambda _: png(ihdr(3, 3), (b"IDAT", zlib.compress(bytes(30)) + zeros(1 << 30)), (b"IEND", b"")),
        slow=True,
    ),
    Case(
        "PNG: a large stream in a small picture",
        SHOWN_OR_NOT,
        lambda _: png(ihdr(3, 3), (b"IDAT", zeros(1 << 26)), (b"IEND", b"")),
    ),
    Case("PNG: zeros", SHOWN, lambda _: flat_png(SIDE, SIDE), slow=True),
    Case("PNG: zeros of 16 bits and alpha", SHOWN, lambda _: flat_png(SIDE, SIDE, 16, 6), slow=True),
    Case("PNG: zeros, interlaced", IN_TIME, lambda _: flat_png(SIDE, SIDE, 8, 2, 1), slow=True),
    Case("PNG: zeros of 16 bits and alpha, interlaced", IN_TIME, lambda _: flat_png(SIDE, SIDE, 16, 6, 1), slow=True),
    Case("PNG: smaller zeros", SHOWN, lambda _: flat_png(2000, 2000, 16, 6)),
    Case("PNG: smaller zeros, interlaced", SHOWN, lambda _: flat_png(2000, 2000, 16, 6, 1)),
    Case("PNG: a profile that inflates", SHOWN_OR_NOT, lambda _: _inflating(b"iCCP", b"x\0\0", 200)),
    Case("PNG: a text that inflates", SHOWN_OR_NOT, lambda _: _inflating(b"zTXt", b"x\0\0", 200)),
    Case(
        "PNG: an XMP that inflates", SHOWN_OR_NOT, lambda _: _inflating(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0", 200)
    ),
    Case(
        "PNG: a hundred thousand texts",
        SHOWN_OR_NOT,
        lambda _: png_with(picture(form="PNG"), *[(b"tEXt", b"a\0b")] * 100_000),
    ),
    Case(
        "PNG: twenty thousand texts that inflate",
        SHOWN_OR_NOT,
        lambda _: png_with(picture(form="PNG"), *[(b"zTXt", b"a\0\0" + zeros(100_000))] * 20_000),
    ),
    Case(
        "PNG: a million empty pieces",
        SHOWN_OR_NOT,
        lambda _: png_with(picture(form="PNG")).replace(chunk(b"IEND"), chunk(b"IDAT") * 1_000_000 + chunk(b"IEND")),
    ),
    Case("JPEG: as large as can be said", REFUSED, lambda _: of_size(picture(), 65535, 65535)),
    Case("JPEG: a wide one", TOO_LARGE, lambda _: of_size(picture(), 65500, 700)),
    Case("JPEG: no height", DAMAGED, lambda _: of_size(picture(), 120, 0)),
    Case("JPEG: no width", DAMAGED, lambda _: of_size(picture(), 0, 80)),
    Case("JPEG: large, and of few bytes", SHOWN_OR_NOT, lambda _: of_size(picture(), SIDE, SIDE)),
    Case(
        "JPEG: large, progressive, and of few bytes",
        SHOWN_OR_NOT,
        lambda _: of_size(picture(progressive=True), SIDE, SIDE),
        slow=True,
    ),
    Case("JPEG: 2,000 scans", IN_TIME, lambda _: _scans(400, 2000)),
    Case("JPEG: 60 scans of a large picture", IN_TIME, lambda _: _scans(SIDE, 60), slow=True),
    Case("JPEG: 20,000 scans of a large picture", IN_TIME, lambda _: _scans(2500, 20_000), slow=True),
    Case("JPEG: large and flat", SHOWN, lambda _: large("JPEG"), slow=True),
    Case("JPEG: large, flat and progressive", IN_TIME, lambda _: large("JPEG", progressive=True), slow=True),
    Case("JPEG: large inks", SHOWN, lambda _: large("JPEG", mode="CMYK"), slow=True),
    Case("AVIF: a claim", REFUSED, lambda _: claiming(picture(form="AVIF"), 65535, 65535)),
    Case("AVIF: a larger claim", REFUSED, lambda _: claiming(picture(form="AVIF"), 2**32 - 1, 2**32 - 1)),
    Case("AVIF: a claim within the limits", SHOWN_OR_NOT, lambda _: claiming(picture(form="AVIF"), SIDE, SIDE)),
    Case("AVIF: large and flat", IN_TIME, lambda _: large("AVIF", speed=10), slow=True),
    Case("HEIC: a claim", REFUSED, lambda _: claiming(picture(form="HEIF"), 65535, 65535)),
    Case("HEIC: a larger claim", REFUSED, lambda _: claiming(picture(form="HEIF"), 2**32 - 1, 2**32 - 1)),
    Case("HEIC: a claim within the limits", SHOWN_OR_NOT, lambda _: claiming(picture(form="HEIF"), SIDE, SIDE)),
    Case("HEIC: tiles that claim much", SHOWN_OR_NOT, lambda _: claiming(good()["heic"]["tiled"], SIDE, SIDE)),
    Case("HEIC: large and flat", IN_TIME, lambda _: large("HEIF", quality=1), slow=True),
    Case("HEIC: boxes in boxes", REFUSED, lambda _: _nested_boxes(b"heic", 1000)),
    Case("AVIF: boxes in boxes", REFUSED, lambda _: _nested_boxes(b"avif", 1000)),
)


def _nested_boxes(brand, depth):
    inside = b""
    for _ in range(depth):
        inside = box(b"meta", bytes(4) + inside)
    return box(b"ftyp", brand + bytes(4) + brand) + inside


MOVING = (
    Case("GIF: 65 frames", TOO_LARGE, lambda _: gif((1, 1), [_FRAME] * 65)),
    Case("GIF: a hundred thousand frames", TOO_LARGE, lambda _: gif((1, 1), [_FRAME] * 100_000)),
    Case("GIF: frames on a large screen", SHOWN_OR_NOT, lambda _: gif((65535, 65535), [_FRAME] * 2)),
    Case("GIF: a wide frame", TOO_LARGE, lambda _: gif((1, 1), [(0, 0, 60000, 1, 1, 0, 5)])),
    Case("GIF: a frame far out", REFUSED, lambda _: gif((1, 1), [(65535, 65535, 1, 1, 1, 0, 5)])),
    Case("GIF: a screen of no size", SHOWN_OR_NOT, lambda _: gif((0, 0), [_FRAME])),
    Case("GIF: frames of no size", SHOWN_OR_NOT, lambda _: gif((9, 9), [(0, 0, 0, 0, 1, 0, 5)] * 3)),
    Case("GIF: many pixels over all frames", TOO_LARGE, lambda _: gif((1, 1), [(2000, 2000, 1, 1, 1, 0, 5)] * 40)),
    Case("GIF: large and flat", IN_TIME, lambda _: large("GIF", mode="P"), slow=True),
    Case("GIF: two large frames", IN_TIME, lambda _: gif((1, 1), [(6999, 6999, 1, 1, 1, 0, 5)] * 2), slow=True),
    Case(
        "GIF: 64 frames of 1.5 megapixels", SHOWN, lambda _: gif((1, 1), [(1200, 1200, 1, 1, 1, 2, 5)] * 64), slow=True
    ),
    Case("WebP: a canvas", TOO_LARGE, lambda _: on_canvas(animation(form="WEBP"), 9000, 9000)),
    Case("WebP: the largest canvas", REFUSED, lambda _: on_canvas(animation(form="WEBP"), 1 << 24, 1 << 24)),
    Case(
        "WebP: a canvas within the limits", IN_TIME, lambda _: on_canvas(animation(form="WEBP"), 5700, 5700), slow=True
    ),
    Case("WebP: a smaller canvas", SHOWN_OR_NOT, lambda _: on_canvas(animation(form="WEBP"), 2000, 2000)),
    Case("WebP: as large as can be said", TOO_LARGE, lambda _: _lossless(16383, 16383)),
    Case("WebP: a claim within the limits", DAMAGED, lambda _: _lossless(SIDE, SIDE)),
    Case("WebP: large and flat", SHOWN, lambda _: large("WEBP", lossless=True, method=0), slow=True),
    Case("WebP: large, flat and lossy", SHOWN, lambda _: large("WEBP", method=0, quality=1), slow=True),
    Case("WebP: 65 frames", TOO_LARGE, lambda _: frames(65)),
    Case("WebP: 64 frames", SHOWN, lambda _: frames(64)),
    Case("WebP: half a million frames", TOO_LARGE, lambda _: frames(500_000)),
)


def frames(count):
    """An animated WebP that shows one pixel so often."""
    still = saved(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    frame = b"ANMF", bytes(12) + b"\x64\0\0\0" + still
    return webp(vp8x(1, 1, 2), (b"ANIM", bytes(6)), *[frame] * count)


CASES = (*STILLS, *MOVING)
