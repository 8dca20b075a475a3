"""The sample pictures: a landscape, a portrait, a transparent one, an animation, and one stored on its side."""

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("imgy")

FOLDER = Path(__file__).with_name("pictures")
LANDSCAPE = "samples/landscape.jpg"
SAMPLES = {
    LANDSCAPE: "image/jpeg",
    "samples/portrait.jpg": "image/jpeg",
    "samples/transparent.png": "image/png",
    "samples/animated.gif": "image/gif",
    "samples/sideways.jpg": "image/jpeg",
}
"""The Content-Type of each sample by its key. The last has EXIF orientation 6, as a phone held upright stores it."""


@cache
def sample(key: str) -> bytes:
    """The file of a sample."""
    return (FOLDER / key.rpartition("/")[2]).read_bytes()


def first_samples(s3: "S3Client", bucket: str, marker: Path) -> None:
    """Upload the samples, unless a run on this data has done so before or the bucket has originals."""
    if marker.exists():
        return
    if not s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("Contents"):
        log.info("Uploading %d sample pictures", len(SAMPLES))
        for key, content_type in SAMPLES.items():
            s3.put_object(Bucket=bucket, Key=key, Body=sample(key), ContentType=content_type)
    marker.touch()
