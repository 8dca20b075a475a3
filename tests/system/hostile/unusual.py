"""Pictures that are right, and rare: depths, shapes, animations of every kind."""

import struct
import zlib

from PIL import Image

from support.originals import animation, cielab, gif, picture, plain, saved
from system.hostile.case import SHOWN, SHOWN_OR_NOT, TOO_LARGE, Case
from system.hostile.good import good
from system.hostile.parts import ihdr, png, png_with

SHAPES = tuple(
    Case(
        f"{form}: {width} x {height}",
        may,
        lambda _, made=(form, (width, height)): plain(form=made[0], size=made[1], colour=(200, 100, 50)),
    )
    for form in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "HEIF")
    for width, height, may in (
        (1, 1, SHOWN),
        (2, 1, SHOWN),
        (3, 5, SHOWN),
        (1, 16000, SHOWN),
        (16000, 1, SHOWN),
        (16001, 1, TOO_LARGE),
        (1, 16001, TOO_LARGE),
    )
    if max(width, height) <= (16 if form == "HEIF" else 16001)  # x265 takes no narrow ones
)

MODES = tuple(
    Case(f"{form} of {mode}", SHOWN, lambda _, made=(form, mode): saved(Image.new(made[1], (40, 30)), made[0]))
    for form, modes in {
        "JPEG": ("L", "CMYK", "1"),
        "PNG": ("1", "L", "LA", "P", "RGBA", "I;16"),
        "GIF": ("1", "L", "P", "RGBA"),
        "WEBP": ("L", "LA", "P", "RGBA"),
        "TIFF": ("1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"),
        "AVIF": ("L", "LA", "RGBA"),
        "HEIF": ("L", "LA", "RGBA", "I;16"),
    }.items()
    for mode in modes
)


def _interlaced(width, height):
    """An interlaced PNG of colours, whose passes are empty where it is small."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = bytearray()
    for left, top, across, down in passes:
        columns, lines = -(-max(0, width - left) // across), -(-max(0, height - top) // down)
        rows += (b"\0" + b"\x99" * 3 * columns) * lines if columns else b""
    return png(ihdr(width, height, interlaced=1), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))


def _moving_png(frames, lock_data_dir=None, size=(8, 8)):
    """An APNG of so many frames of one colour, which may claim another count."""
    stream = zlib.compress((b"\0" + b"\x80" * 3 * size[0]) * size[1])
    chunks = [
        ihdr(*size),
        (b"acTL", struct.pack(">II", frames if lock_data_dir is None else lock_data_dir, 0)),
        (b"IDAT", stream),
    ]
    for number in range(frames):
        control = struct.pack(">IIIIIHHBB", 2 * number, *size, 0, 0, 1, 10, 0, 0)
        chunks += [(b"fcTL", control), (b"fdAT", struct.pack(">I", 2 * number + 1) + stream)]
    return png(*chunks, (b"IEND", b""))


RARE = (
    *(
        Case(f"interlaced PNG: {width} x {height}", SHOWN, lambda _, made=(width, height): _interlaced(*made))
        for width, height in ((1, 1), (2, 2), (4, 1), (1, 9), (5, 3), (17, 33))
    ),
    Case("APNG: 3 frames", SHOWN, lambda _: _moving_png(3)),
    Case("APNG: 20,000 frames", SHOWN, lambda _: _moving_png(20_000)),
    Case("APNG: it claims 4 billion frames", SHOWN_OR_NOT, lambda _: _moving_png(2, 2**32 - 1)),
    Case("APNG: it claims no frames", SHOWN_OR_NOT, lambda _: _moving_png(2, 0)),
    Case(
        "PNG: a text of letters that end the line",
        SHOWN,
        lambda _: png_with(plain(), (b"tEXt", b"a\0\r\nX-Evil: 1\r\n\r\n")),
    ),
    Case("GIF: it waits for no time", SHOWN, lambda _: gif((9, 9), [(0, 0, 9, 9, n % 4, 0, 0) for n in range(9)])),
    Case("GIF: it waits for ten minutes", SHOWN, lambda _: gif((9, 9), [(0, 0, 9, 9, 1, 0, 65535)] * 3)),
    Case("GIF: each way to go on", SHOWN, lambda _: gif((9, 9), [(n, n, 2, 2, 1, n, 5) for n in range(7)])),
    Case("GIF: it goes around 65,535 times", SHOWN, lambda _: gif((9, 9), [(0, 0, 9, 9, 1, 0, 5)] * 2, 65535)),
    Case("GIF: frames beside the canvas", SHOWN_OR_NOT, lambda _: gif((9, 9), [(20, 20, 5, 5, 1, 0, 5)] * 2)),
    Case("GIF: 64 frames", SHOWN, lambda _: gif((20, 20), [(0, 0, 20, 20, n % 3 + 1, 2, 5) for n in range(64)])),
    Case("GIF: transparent alone", SHOWN, lambda _: gif((20, 20), [(0, 0, 20, 20, 0, 0, 5)])),
    Case("WebP: it moves by nothing", SHOWN, lambda _: animation(("red", "red"), form="WEBP", duration=0)),
    Case("AVIF: it moves", SHOWN, lambda _: good()["avif"]["moving"]),
    Case("TIFF: CIELAB of 16 bits", SHOWN, lambda _: cielab()),
    Case(
        "TIFF: numbers that are none",
        SHOWN_OR_NOT,
        lambda _: saved(Image.frombytes("F", (8, 8), struct.pack("<f", float("nan")) * 64), "TIFF"),
    ),
    Case(
        "TIFF: numbers without end",
        SHOWN_OR_NOT,
        lambda _: saved(Image.frombytes("F", (8, 8), struct.pack("<f", float("inf")) * 64), "TIFF"),
    ),
    Case("JPEG: of quality 1", SHOWN, lambda _: picture(quality=1)),
    Case("JPEG: restarts at each block", SHOWN, lambda _: picture(restart_marker_blocks=1)),
    Case("HEIC: of 16 bits", SHOWN, lambda _: good()["heic"]["deep"]),
)

CASES = (*SHAPES, *MODES, *RARE)
