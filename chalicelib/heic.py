"""HEIC, which libvips' wheel does not decode: opened by libheif, which turns it upright."""

from __future__ import annotations

import io
from typing import Any

import pyvips  # type: ignore[import-untyped]

# Colours come as 8 bits; grey keeps its depth.
_PIXELS = {
    "L": (1, "uchar", "b-w"),
    "I;16": (1, "ushort", "grey16"),
    "RGB": (3, "uchar", "srgb"),
    "RGBA": (4, "uchar", "srgb"),
}


def open_heic(original: bytes) -> Any:
    """A HEIC's header, by pi_heif; its pixels are not decoded yet."""
    import pi_heif

    return pi_heif.open_heif(io.BytesIO(original))


def heic_image(original: bytes) -> pyvips.Image:
    """A HEIC's pixels, upright, as libvips would have opened them."""
    opened = open_heic(original)
    bands, band, interpretation = _PIXELS[opened.mode]
    padded = opened.stride // bands // (2 if band == "ushort" else 1)
    image = pyvips.Image.new_from_memory(bytes(opened.data), padded, opened.size[1], bands, band)
    image = image.crop(0, 0, *opened.size).copy(interpretation=interpretation)
    profile = opened.info.get("icc_profile")
    if profile:
        image = image.copy()
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image
