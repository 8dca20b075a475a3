"""HEIC, which libvips' wheel does not decode: libheif opens it and turns it upright."""

from __future__ import annotations

from typing import Any

import pyvips  # type: ignore[import-untyped]

# Colours come as 8 bits; grey keeps its depth.
_PIXELS = {
    "L": (1, "uchar", "b-w"),
    "I;16": (1, "ushort", "grey16"),
    "RGB": (3, "uchar", "srgb"),
    "RGBA": (4, "uchar", "srgb"),
}
_THREADS = 4
_ICC = ("rICC", "prof")


def load_libheif() -> Any:
    """The module that decodes HEIC, loaded when it is first needed."""
    # The module below pi_heif's own: pi_heif imports Pillow, 7 MB of a package, and reads EXIF and XMP.
    import _pi_heif

    return _pi_heif


def open_heic(original: bytes) -> Any:
    """The primary picture of a HEIC, in libheif's terms; its pixels are not decoded yet. Raises EOFError and others."""
    libheif = load_libheif()
    if _cut_short(original):
        raise EOFError("the pixels end before they should")
    to_8_bits, bgr, no_stride, grey_to_16_bits, decoder, no_limits = True, False, True, True, "", False
    images = libheif.load_file(original, _THREADS, to_8_bits, bgr, no_stride, grey_to_16_bits, decoder, no_limits)
    found = [image for image in images if image is not None]
    return next((image for image in found if image.primary), found[0])


def _cut_short(original: bytes) -> bool:
    """Whether pixels are missing at the end; libheif would show the missing tiles in green."""
    at, size = 0, 8
    while at + 8 <= len(original) and size >= 8:
        # ISO 14496-12, 4.2: a box is its length and its type; a length of 1 means 64 bits follow, 0 means the rest.
        size, name = int.from_bytes(original[at : at + 4], "big"), original[at + 4 : at + 8]
        size = int.from_bytes(original[at + 8 : at + 16], "big") if size == 1 else size
        if name == b"mdat" and at + size > len(original):
            return True
        at += size
    return False


def heic_pixels(opened: Any) -> pyvips.Image:
    """Decode what `open_heic` has opened: upright pixels, as libvips would decode them."""
    pixels = bytes(opened.data)
    (width, height), mode = opened.size_mode
    bands, band, interpretation = _PIXELS[mode]
    padded = opened.stride // bands // (2 if band == "ushort" else 1)
    image = pyvips.Image.new_from_memory(pixels, padded, height, bands, band)
    image = image.crop(0, 0, width, height).copy(interpretation=interpretation)
    profile = opened.color_profile
    if profile and profile["type"] in _ICC:
        image = image.copy()
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile["data"])
    return image
