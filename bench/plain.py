"""Plain Wand as a contender: one full decode and one resize for each picture, as in Wand's guide.

It uses the system's configuration of ImageMagick, not imgy's policy and thread limit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from wand.image import Image
from wand.version import MAGICK_VERSION

from bench.contender import Made, compete

_FORMATS = {"jpg": "jpeg"}


def made(original: bytes, picture: dict[str, Any]) -> bytes:
    """One picture. Cropping is not supported."""
    assert not picture["crop"], "plain Wand does not crop"
    with Image(blob=original) as image:
        if len(image.sequence) > 1:
            return _moving(image, picture)
        image.auto_orient()
        image.strip()
        return _encoded(_resized(image, picture), picture)


def _moving(image: Image, picture: dict[str, Any]) -> bytes:
    image.coalesce()
    image.iterator_reset()
    _resized(image, picture)
    while image.iterator_next():
        _resized(image, picture)
    if picture["format"] == "gif":
        image.optimize_layers()
    return _encoded(image, picture)


def _resized(image: Image, picture: dict[str, Any]) -> Image:
    image.resize(picture["width"], round(picture["width"] * image.height / image.width))
    return image


def _encoded(image: Image, picture: dict[str, Any]) -> bytes:
    image.compression_quality = 0 if picture["format"] == "png" else picture["quality"]
    return bytes(image.make_blob(_FORMATS.get(picture["format"], picture["format"])))


def main(task: dict[str, Any]) -> None:
    """Run the task as a contender."""
    original = Path(task["original"]).read_bytes()

    def work() -> Made:
        return {picture["name"]: made(original, picture) for picture in task["pictures"]}

    compete(work, " ".join(MAGICK_VERSION.split(" ")[:2]), task["kept"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
