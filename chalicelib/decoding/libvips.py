"""libvips with only the loaders that imgy needs, and the steps that every format shares."""

from __future__ import annotations

import os
from pathlib import Path

# Fontconfig reads this when libvips is loaded. On Lambda the content of vendor/ lies beside app.py.
os.environ.update([("FONTCONFIG_FILE", str(file)) for file in Path(__file__).parents[2].glob("fonts/fonts.conf")])

import pyvips  # type: ignore[import-untyped]

from ..geometry import Size
from .malloc import configure_malloc

VERSION = ".".join(str(pyvips.version(part)) for part in range(3))

_LOADERS = ("Jpeg", "Png", "Nsgif", "Webp", "Heif", "Tiff", "Svg")

configure_malloc()
pyvips.operation_block_set("VipsForeignLoad", True)
# From bytes only, never from a file name.
for _loader in _LOADERS:
    pyvips.operation_block_set(f"VipsForeignLoad{_loader}Buffer", False)
# No picture is opened twice, so libvips' cache of operations would only use memory.
pyvips.cache_set_max(0)


def open_lazily(original: bytes) -> pyvips.Image:
    """Read the header; pixels are decoded when they are needed. Raises pyvips.Error."""
    return pyvips.Image.new_from_buffer(_avif_brand_fixed(original), _options(), access="sequential")


def decode(original: bytes, opened: pyvips.Image, size: Size, every_frame: bool) -> pyvips.Image:
    """Decode to this size in pixels, scaling while decoding; the frames of an animation lie one below the other."""
    options = {"height": size.height, "size": "force", "option_string": _options(every_frame), **_profiles(opened)}
    return to_srgb8_in_memory(pyvips.Image.thumbnail_buffer(_avif_brand_fixed(original), size.width, **options))


def resize(image: pyvips.Image, size: Size) -> pyvips.Image:
    """Scale an opened image to this size in pixels."""
    return image.thumbnail_image(size.width, height=size.height, size="force", **_profiles(image))


def to_srgb8_in_memory(image: pyvips.Image) -> pyvips.Image:
    """Convert to 8-bit sRGB, with or without alpha, and compute the pixels now."""
    if image.interpretation != "srgb":
        image = image.colourspace("srgb")
    if image.bands > 4:
        image = image.extract_band(0, n=4)
    return image.cast("uchar").copy_memory()


def _options(every_frame: bool = False) -> str:
    # thumbnail_buffer also takes fail_on as an argument, but ignores it (libvips issue 5195).
    return "fail_on=error,n=-1" if every_frame else "fail_on=error"


def _avif_brand_fixed(original: bytes) -> bytes:
    # libvips does not know the brand of an AVIF sequence; its first picture decodes like any other.
    return original[:8] + b"avif" + original[12:] if original[4:12] == b"ftypavis" else original


def _profiles(image: pyvips.Image) -> dict[str, str]:
    """How thumbnailing converts colours. An sRGB picture is left alone, as the transform would cost time."""
    if image.interpretation == "cmyk":
        return {"input_profile": "cmyk", "output_profile": "srgb"}
    if "icc-profile-data" not in image.get_fields():
        return {}
    return {} if _is_srgb(bytes(image.get("icc-profile-data"))) else {"output_profile": "srgb"}


def _is_srgb(profile: bytes) -> bool:
    # ICC.1:2022, 7.3: a count at 128, then 12 bytes for each tag: signature, offset, length.
    for entry in range(132, min(132 + 12 * int.from_bytes(profile[128:132], "big"), 132 + 12 * 100), 12):
        if profile[entry : entry + 4] == b"desc":
            offset, length = (int.from_bytes(profile[at : at + 4], "big") for at in (entry + 4, entry + 8))
            return b"sRGB" in profile[offset : offset + length].replace(b"\0", b"")
    return False
