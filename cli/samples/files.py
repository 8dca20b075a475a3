"""The pictures of a first start, drawn here: a landscape, a portrait, a transparent, a moving and a sideways one."""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from cli.samples import scenes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("imgy")

ORIENTATION = 0x0112
TURNED_LEFT = 6


def first_samples(s3: "S3Client", bucket: str, marker: Path) -> None:
    """Upload the samples when no run on this data has ever done so and the bucket is empty."""
    if marker.exists():
        return
    if not s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("Contents"):
        log.info("Drawing %d sample pictures", len(SAMPLES))
        for key, (content_type, draw) in SAMPLES.items():
            s3.put_object(Bucket=bucket, Key=key, Body=draw(), ContentType=content_type)
    marker.touch()


def landscape() -> bytes:
    """A JPEG that is wider than high."""
    return _jpeg(scenes.dawn())


def portrait() -> bytes:
    """A JPEG that is higher than wide."""
    return _jpeg(scenes.lighthouse())


def transparent() -> bytes:
    """A PNG with an alpha channel."""
    file = io.BytesIO()
    scenes.balloon().save(file, "PNG", optimize=True)
    return file.getvalue()


def animated() -> bytes:
    """A GIF that moves without end."""
    frames = scenes.boat()
    palette = frames[0].quantize(128, dither=Image.Dither.NONE)
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=80, loop=0, optimize=False)
    return file.getvalue()


def sideways() -> bytes:
    """A JPEG whose pixels lie on their left side, with EXIF orientation 6, as a phone held upright stores it."""
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_LEFT
    return _jpeg(scenes.tree().transpose(Image.Transpose.ROTATE_90), exif)


def _jpeg(image: Image.Image, exif: Image.Exif | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, exif=exif or Image.Exif())
    return file.getvalue()


SAMPLES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "samples/landscape.jpg": ("image/jpeg", landscape),
    "samples/portrait.jpg": ("image/jpeg", portrait),
    "samples/transparent.png": ("image/png", transparent),
    "samples/animated.gif": ("image/gif", animated),
    "samples/sideways.jpg": ("image/jpeg", sideways),
}
