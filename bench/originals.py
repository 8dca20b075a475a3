"""`python -m bench.originals FOLDER`: creates the originals of the bench.

The photo is from Debian's package mate-backgrounds, or else the enlarged sample landscape. This is a process of its own
because it takes memory, and the peak memory of a child process starts at that of its parent.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from bench.cases import LARGE, MOVING, ORIGIN, SEQUENTIAL, SMALL
from cli.local.photos import fetched
from cli.samples.files import LANDSCAPE, sample

_LARGE, _SMALL = (5640, 3172), (3264, 1836)


def prepare(folder: Path) -> None:
    """Write the originals into the folder, and the source of the photo."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = _photo(folder / LARGE)
    with Image.open(folder / LARGE) as photo:
        photo.save(folder / SEQUENTIAL, "JPEG", quality=95, progressive=False)
        photo.resize(_SMALL, Image.Resampling.LANCZOS).save(folder / SMALL, "JPEG", quality=92)
    (folder / MOVING).write_bytes(sample("samples/animated.gif"))
    (folder / ORIGIN).write_text(origin)


def _photo(path: Path) -> str:
    with tempfile.TemporaryDirectory() as unpacked:
        try:
            largest = max(fetched(Path(unpacked)), key=lambda photo: photo.stat().st_size)
        except SystemExit as reason:
            enlarged(_LARGE).save(path, "JPEG", quality=98, progressive=True)
            return f"the sample landscape, enlarged ({reason})"
        path.write_bytes(largest.read_bytes())
        return f"{largest.name} of Debian's package mate-backgrounds"


def enlarged(size: tuple[int, int]) -> Image.Image:
    """The sample landscape at this size in pixels, with grain, because noise makes the files of real photos larger."""
    with Image.open(io.BytesIO(sample(LANDSCAPE))) as picture:
        large = picture.resize(size, Image.Resampling.LANCZOS)
    grain = Image.effect_noise(size, 14).convert("RGB")
    return Image.blend(large, grain, 0.25)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
