"""Progressive JPEGs without the last bits of their details: as good where the picture is small."""

import io
import time

import pytest
from PIL import Image, ImageFilter

from bench.likeness import likeness
from chalicelib.decoding.jpeg import drop_last_refinement_scans
from chalicelib.errors import Damaged
from chalicelib.limits import Limits
from chalicelib.rendering.renderer import prepare
from chalicelib.transformation import parse_path
from support.pipeline import sources

ORIGINAL = Image.effect_noise((1120, 840), 120).filter(ImageFilter.GaussianBlur(2)).convert("RGB")


def jpeg(**options):
    file = io.BytesIO()
    ORIGINAL.save(file, "JPEG", quality=85, **options)
    return file.getvalue()


def rendered(original, width):
    derivative = parse_path(f"a.jpg/w={width}.png")
    return prepare(sources(original), [derivative], Limits()).render(derivative).body


def test_what_is_left_is_a_smaller_jpeg_of_the_same_picture():
    whole = jpeg(progressive=True)
    left = drop_last_refinement_scans(whole)
    assert len(left) < 0.8 * len(whole)
    assert Image.open(io.BytesIO(left)).size == ORIGINAL.size
    assert likeness(left, ORIGINAL) > 0.9


def test_a_small_picture_does_not_show_it():
    # The first is decoded without the last bits; the other, of the same pixels in one scan, whole.
    small, whole = (rendered(jpeg(progressive=progressive), 160) for progressive in (True, False))
    assert likeness(small, Image.open(io.BytesIO(whole)).convert("RGB")) > 0.995


def test_a_larger_picture_gets_every_bit():
    assert rendered(jpeg(progressive=True), 280) == rendered(jpeg(progressive=False), 280)


@pytest.mark.parametrize(
    "original",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xda",
        b"\xff\xd8\xff\xda\x00\x00\xff\xd9",
        b"\xff\xd8\xff\xff\xff\xd9",
        b"not a JPEG at all",
        jpeg(),
    ],
    ids=["empty", "start", "half a marker", "half a scan", "no scan", "fillers", "text", "sequential"],
)
def test_what_is_not_understood_keeps_its_bytes(original):
    assert drop_last_refinement_scans(original) is original


def test_damage_is_still_seen():
    with pytest.raises(Damaged):
        rendered(jpeg(progressive=True)[:-20000], 100)


def test_endless_segments_end():
    start = time.perf_counter()
    hostile = b"\xff\xd8" + b"\xff\xe0\x00\x02" * 5_000_000
    assert drop_last_refinement_scans(hostile) is hostile
    assert time.perf_counter() - start < 1
