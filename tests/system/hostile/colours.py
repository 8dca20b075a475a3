"""Colour profiles, huge, broken and false, in every format that carries one."""

import struct
import zlib

from support.icc_profiles import ADOBE_RGB, ink_profile, rgb_profile
from support.originals import picture, plain, saved, scene
from system.hostile.case import IN_TIME, SHOWN, SHOWN_OR_NOT, Case
from system.hostile.parts import (
    flat_png,
    jpeg_with,
    png_with,
    riff_chunks,
    vp8x,
    webp,
)

PROFILE = rgb_profile("Adobe RGB (1998)", ADOBE_RGB)


def _tags(count, offset=0, length=0xFFFFFFFF):
    """A profile of so many tags, each of a place and a length."""
    table = b"".join(struct.pack(">4sII", b"desc", offset, length) for _ in range(min(count, 5000)))
    return PROFILE[:128] + struct.pack(">I", count) + table


def _at(profile, place, value):
    return profile[:place] + value + profile[place + len(value) :]


PROFILES = {
    "nothing": b"",
    "a byte": b"x",
    "zeros": bytes(4000),
    "all ones": b"\xff" * 4000,
    "128 bytes of one": PROFILE[:128],
    "half of one": PROFILE[: len(PROFILE) // 2],
    "one and a half": PROFILE + PROFILE[: len(PROFILE) // 2],
    "five thousand tags": _tags(5000),
    "tags without end": _tags(2**32 - 1),
    "tags beyond it": _tags(9, 2**32 - 1),
    "tags of itself": _tags(9, 0, 128),
    "a false length": _at(PROFILE, 0, b"\xff\xff\xff\xff"),
    "an unknown version": _at(PROFILE, 8, b"\xff\xff\xff\xff"),
    "an unknown space": _at(PROFILE, 16, b"ABCD"),
    "another's space": _at(PROFILE, 16, b"GRAY"),
    "a false connection": _at(PROFILE, 20, b"ABCD"),
    "inks": ink_profile(),
    "inks without their table": ink_profile()[:400],
    "inks of 255 bands": ink_profile().replace(b"\4\3\2\0", b"\xff\xff\xff\0"),
    "a curve of 4 billion points": PROFILE.replace(b"curv\0\0\0\0\0\0\0\1", b"curv\0\0\0\0\xff\xff\xff\xff"),
    "a gamma of nothing": PROFILE.replace(b"curv\0\0\0\0\0\0\0\1\2\x33", b"curv\0\0\0\0\0\0\0\1\0\0"),
    "a megabyte": PROFILE + bytes(10**6),
}


def _pieces(profile, count=None):
    size = 65519 - 14
    found = [profile[at : at + size] for at in range(0, max(len(profile), 1), size)]
    total = len(found) if count is None else count
    return [(0xE2, b"ICC_PROFILE\0" + bytes([n + 1 & 255, total & 255]) + one) for n, one in enumerate(found)]


def _in_png(profile):
    return png_with(plain(), (b"iCCP", b"icc\0\0" + zlib.compress(profile)))


def _in_webp(profile):
    still = riff_chunks(saved(scene((48, 32)), "WEBP"))
    return webp(vp8x(48, 32, 32), (b"ICCP", profile), *still)


def _in_tiff(profile):
    return saved(scene((48, 32)), "TIFF", icc_profile=profile)


CARRIERS = {
    "JPEG": lambda profile: jpeg_with(picture(), *_pieces(profile)),
    "JPEG of inks": lambda profile: jpeg_with(picture(mode="CMYK", colour=0), *_pieces(profile)),
    "PNG": _in_png,
    "WebP": _in_webp,
    "TIFF": _in_tiff,
    "AVIF": lambda profile: picture(form="AVIF", icc_profile=profile),
    "HEIC": lambda profile: picture(form="HEIF", icc_profile=profile),
}

CASES = (
    *(
        Case(f"{form}: a profile of {what}", SHOWN_OR_NOT, lambda _, made=(carry, profile): made[0](made[1]))
        for form, carry in CARRIERS.items()
        for what, profile in PROFILES.items()
    ),
    Case("JPEG: a profile of 255 pieces", SHOWN, lambda _: jpeg_with(picture(), *_pieces(bytes(16_000_000)))),
    Case("JPEG: a profile that lacks pieces", SHOWN, lambda _: jpeg_with(picture(), *_pieces(PROFILE, 9))),
    Case("JPEG: a profile of no pieces", SHOWN, lambda _: jpeg_with(picture(), *_pieces(PROFILE, 0))),
    Case("JPEG: the same piece, often", SHOWN, lambda _: jpeg_with(picture(), *_pieces(PROFILE) * 400)),
    Case(
        "PNG: a profile that is not deflated",
        SHOWN_OR_NOT,
        lambda _: png_with(plain(), (b"iCCP", b"icc\0\0" + PROFILE)),
    ),
    Case(
        "PNG: two profiles",
        SHOWN_OR_NOT,
        lambda _: png_with(plain(), *[(b"iCCP", b"icc\0\0" + zlib.compress(PROFILE))] * 2),
    ),
    Case("PNG: a gamma of nothing", SHOWN_OR_NOT, lambda _: png_with(plain(), (b"gAMA", bytes(4)))),
    Case("PNG: primaries of nothing", SHOWN_OR_NOT, lambda _: png_with(plain(), (b"cHRM", bytes(32)))),
    Case("PNG: an sRGB of 255", SHOWN_OR_NOT, lambda _: png_with(plain(), (b"sRGB", b"\xff"))),
    Case("PNG: a density beyond all", SHOWN, lambda _: png_with(plain(), (b"pHYs", b"\xff" * 8 + b"\1"))),
    Case(
        "PNG: a large one of another space",
        IN_TIME,
        lambda _: png_with(flat_png(3000, 3000), (b"iCCP", b"icc\0\0" + zlib.compress(PROFILE))),
    ),
)
