"""Good files of every format that is read, several of each and small: what is cut, spliced and changed."""

import io
from functools import cache

import pillow_heif
from PIL import Image

from support.icc_profiles import ADOBE_RGB, rgb_profile
from support.originals import animation, deep_heic, saved, scene, sprite, svg, tiled_heic

_PROFILE = rgb_profile("Adobe RGB (1998)", ADOBE_RGB)


def _exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Imgy"
    return exif


def _with_alpha():
    return sprite((40, 30), box=(8, 6, 30, 24))


def _moving(form, **options):
    return animation(size=(30, 20), form=form, **options)


_SHAPES = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 48 32">
<defs><linearGradient id="g"><stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient>
<filter id="f"><feGaussianBlur stdDeviation="2"/></filter><clipPath id="c"><circle cx="20" cy="16" r="12"/></clipPath>
<pattern id="p" width="4" height="4" patternUnits="userSpaceOnUse"><rect width="2" height="2"/></pattern></defs>
<style>.a { fill: url(#p); stroke: #334; stroke-dasharray: 2 1 }</style>
<g transform="rotate(10 24 16)" clip-path="url(#c)"><rect id="r" class="a" width="30" height="20"/></g>
<use xlink:href="#r" x="4" y="4" opacity="0.5"/><path d="M2 2C10 20 30 0 46 30z" fill="url(#g)" filter="url(#f)"/>
<text x="4" y="28" font-size="8">Imgy</text></svg>"""


@cache
def good():
    """The files by the name of their format, each by a name of its own."""
    still = scene((48, 32))
    return {
        "jpeg": {
            "plain": saved(still, "JPEG"),
            "progressive": saved(still, "JPEG", progressive=True),
            "cmyk": saved(still.convert("CMYK"), "JPEG", icc_profile=_PROFILE),
            "grey": saved(still.convert("L"), "JPEG", restart_marker_blocks=1),
            "described": saved(still, "JPEG", exif=_exif(), icc_profile=_PROFILE, comment="Imgy", xmp=b"<x/>"),
        },
        "png": {
            "plain": saved(still, "PNG"),
            "palette": saved(still.quantize(16), "PNG", transparency=3),
            "16 bits": saved(Image.new("I;16", (48, 32), 30000), "PNG"),
            "alpha": saved(_with_alpha(), "PNG", icc_profile=_PROFILE, exif=_exif()),
            "moving": _moving("PNG"),
        },
        "gif": {
            "plain": saved(still, "GIF"),
            "moving": _moving("GIF"),
            "interlaced": saved(still.quantize(8), "GIF", interlace=1, comment=b"Imgy", transparency=0),
        },
        "webp": {
            "plain": saved(still, "WEBP"),
            "lossless": saved(still, "WEBP", lossless=True),
            "alpha": saved(_with_alpha(), "WEBP", icc_profile=_PROFILE, exif=_exif(), xmp=b"<x/>"),
            "moving": _moving("WEBP"),
        },
        "avif": {
            "plain": saved(still, "AVIF"),
            "alpha": saved(_with_alpha(), "AVIF", icc_profile=_PROFILE, exif=_exif()),
            "moving": _moving("AVIF"),
        },
        "tiff": {
            "plain": saved(still, "TIFF", icc_profile=_PROFILE),
            "lzw": saved(still, "TIFF", compression="tiff_lzw"),
            "deflate": saved(_with_alpha(), "TIFF", compression="tiff_adobe_deflate"),
            "jpeg": saved(still, "TIFF", compression="jpeg"),
            "fax": saved(still.convert("1"), "TIFF", compression="group4"),
            "packbits": saved(still.convert("CMYK"), "TIFF", compression="packbits"),
            "pages": _moving("TIFF"),
        },
        "svg": {"plain": svg(), "shapes": _SHAPES},
        "heic": {
            "plain": _heic(still),
            "alpha": saved(_with_alpha(), "HEIF"),
            "deep": deep_heic("RGB", (200, 100, 50)),
            "tiled": tiled_heic(still.resize((300, 200))),
        },
    }


def _heic(image):
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, exif=_exif().tobytes())
    return file.getvalue()
