"""Renders every format, and a line of text, in a process that has nothing but the package and Python's own library.

`python -I -S smoke.py PACKAGE`, with an empty PATH: as on Lambda, where there is no compiler and no ldconfig.
"""

import bz2  # noqa: F401
import ctypes  # noqa: F401
import lzma  # noqa: F401
import os
import socket  # noqa: F401
import sys
import zlib  # noqa: F401
from pathlib import Path


def libraries() -> set[str]:
    """The libraries that this process has mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[-1] for line in lines if ".so" in line}


pythons = libraries()
C_LIBRARY = ("libdl", "libpthread", "libresolv", "libmvec", "libstdc++", "libgcc_s")
package = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(package))

from chalicelib.decoding.source import Source
from chalicelib.formats import WRITTEN, sniff
from chalicelib.limits import Limits
from chalicelib.rendering.magick import VERSIONS
from chalicelib.rendering.renderer import prepare
from chalicelib.sandbox import self_test
from chalicelib.sandbox.pool import WorkerPool
from chalicelib.transformation import parse, resolve_format

DRAWN = b"""<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">
    <rect width="60" height="40" fill="tan"/><circle cx="30" cy="20" r="15" fill="navy"/></svg>"""

APART = """
import sys
sys.path.insert(0, sys.argv[1])
from chalicelib.sandbox.worker import main
main(*map(int, sys.argv[2:]))
"""


def made(original: bytes, form: str) -> bytes:
    """An original at 30 x 20 in one format."""
    derivative = resolve_format("drawn", parse([("w", "30"), ("fm", form)]))
    return prepare([Source("drawn", original)], [derivative], Limits()).render(derivative).body


def ink(text: str) -> float:
    """How much of a white picture a line of text darkens, from 0 to 1."""
    from wand.drawing import Drawing
    from wand.image import Image

    with Image(width=200, height=50, background="white") as image, Drawing() as drawing:
        drawing.font, drawing.font_size = str(package / "fonts" / "DejaVuSans.ttf"), 24
        drawing.text(10, 35, text)
        drawing(image)
        return 1 - image.mean / image.quantum_range


def svg(text: str, family: str) -> bytes:
    """A PNG of the text of an SVG."""
    drawn = f"""<svg xmlns="http://www.w3.org/2000/svg" width="200" height="50">
        <rect width="200" height="50" fill="#fff"/>
        <text x="10" y="35" font-size="24" font-family="{family}">{text}</text></svg>"""
    derivative = resolve_format("text.svg", parse([("fm", "png")]))
    return prepare([Source("text.svg", drawn.encode())], [derivative], Limits()).render(derivative).body


def svg_ink(text: str) -> float:
    """How much the text of an SVG darkens a white picture, from 0 to 1."""
    import pyvips

    return 1 - pyvips.Image.new_from_buffer(svg(text, "sans-serif"), "").colourspace("b-w")[0].avg() / 255


def foreign() -> list[str]:
    """Modules and libraries in this process that are neither the package's nor Python's nor the C library's."""
    modules = {str(module.__file__) for module in sys.modules.values() if getattr(module, "__file__", None)}
    own = (str(package), sys.base_prefix, sys.prefix, __file__)
    others = [path for path in sorted(modules | libraries() - pythons) if not path.startswith(own)]
    return [path for path in others if not Path(path).name.startswith(C_LIBRARY)]


renderers = WorkerPool([sys.executable, "-I", "-S", "-c", APART, str(package)])
print("walls", len(renderers.report()["walls"]), "of", len(self_test.run(os.getpid())))
with renderers.prepare(
    [Source("drawn", DRAWN)], [resolve_format("drawn", parse([("w", "30")]))], Limits(), 8
) as rendering:
    assert rendering.describe().width == 60
renderers.close()
for name, written in WRITTEN.items():
    body = made(DRAWN, name)
    assert written.content_type == f"image/{sniff(body[:4096])}", (name, body[:16])
    assert made(body, "png"), name
print("formats", *WRITTEN)
if (package / "fonts").exists():
    share = ink("Straße, naïve, 12 €")
    assert 0.02 < share < 0.3, share
    assert ink(" ") == 0
    wide, narrow = svg_ink("WWWWW"), svg_ink("iiiii")
    assert wide > 2 * narrow > 0, (wide, narrow)  # without a font, each letter is the same box
    assert svg("Straße", "DejaVu Serif") == svg("Straße", "DejaVu Sans")  # no font of this machine is found
    assert not foreign(), foreign()
    print("text", round(share, 3))
print("ImageMagick", VERSIONS["imagemagick"])
