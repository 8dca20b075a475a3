"""ImageMagick, configured before Wand loads it: it reads no file, and writes only what the policy allows."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType

# ImageMagick reads these once, when Wand loads it. It has one thread: whole derivatives are rendered in parallel.
os.environ["MAGICK_CONFIGURE_PATH"] = str(Path(__file__).parent / "policy")
# On Lambda the content of vendor/ lies beside app.py.
os.environ.update([("MAGICK_HOME", str(file.parents[1])) for file in Path(__file__).parents[2].glob("lib/libMagickW*")])
os.environ["MAGICK_THREAD_LIMIT"] = os.environ["OMP_NUM_THREADS"] = "1"

from wand.color import Color as Color
from wand.exceptions import PolicyError as PolicyError
from wand.exceptions import WandException as WandException
from wand.image import Image as Image
from wand.resource import limits as limits
from wand.version import MAGICK_VERSION

from ..decoding import libvips

POLICY = Path(os.environ["MAGICK_CONFIGURE_PATH"]) / "policy.xml"
VERSIONS = MappingProxyType({"imagemagick": MAGICK_VERSION.split(" ", 2)[1], "libvips": libvips.VERSION})
