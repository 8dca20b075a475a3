"""The originals: a real photo where Debian's package can be had, a drawn one else. `python -m bench.originals FOLDER`.

It is a process of its own, as drawing takes memory, and a child's peak of memory starts at its parent's.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from bench.cases import LARGE, MOVING, ORIGIN, SEQUENTIAL, SMALL
from cli.local.photos import fetched
from cli.samples import files as samples
from cli.samples import scenes
from cli.samples.paint import grained

_LARGE, _SMALL = (5640, 3172), (3264, 1836)


def prepare(folder: Path) -> None:
    """Put the originals into the folder, and a word on where they came from."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = _photo(folder / LARGE)
    with Image.open(folder / LARGE) as photo:
        photo.save(folder / SEQUENTIAL, "JPEG", quality=95, progressive=False)
        photo.resize(_SMALL, Image.Resampling.LANCZOS).save(folder / SMALL, "JPEG", quality=92)
    (folder / MOVING).write_bytes(samples.animated())
    (folder / ORIGIN).write_text(origin)


def _photo(path: Path) -> str:
    with tempfile.TemporaryDirectory() as unpacked:
        try:
            largest = max(fetched(Path(unpacked)), key=lambda photo: photo.stat().st_size)
        except SystemExit as reason:
            drawn = grained(scenes.dawn().resize(_LARGE, Image.Resampling.LANCZOS), 7)
            drawn.save(path, "JPEG", quality=98, progressive=True)
            return f"drawn ({reason})"
        path.write_bytes(largest.read_bytes())
        return f"{largest.name} of Debian's package mate-backgrounds"


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
