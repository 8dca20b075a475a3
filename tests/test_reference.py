"""docs/operations.md is what the declarations print now, and its pictures are what they say."""

import re
from urllib.parse import parse_qsl

import pytest
from PIL import Image, ImageChops, ImageStat
from seen import opened

from chalicelib.operations import PARAMETERS
from cli.docs import EXAMPLES, FOLDER, PAGE, PICTURES, markdown, pictures


def test_the_page_is_not_stale():
    assert (FOLDER / PAGE).read_text("utf-8") == markdown(), "stale: run `make docs`"


def test_every_parameter_is_shown_by_an_example_of_it():
    assert list(EXAMPLES) == list(PARAMETERS)
    assert all(name in dict(parse_qsl(example.query)) for name, example in EXAMPLES.items())


def test_every_picture_of_the_page_is_there_and_no_other():
    shown = set(re.findall(rf"{PICTURES}/([^)\"]+)", (FOLDER / PAGE).read_text("utf-8")))
    assert shown == set(pictures()) == {path.name for path in (FOLDER / PICTURES).iterdir()}


@pytest.mark.parametrize("name", pictures())
def test_a_picture_is_what_its_example_makes(name):
    kept = Image.open(FOLDER / PICTURES / name)
    made = opened(pictures()[name].rendered().body)
    assert (kept.format, kept.size) == (made.format, made.size)
    difference = ImageChops.difference(kept.convert("RGBA"), made.convert("RGBA"))
    assert max(ImageStat.Stat(difference).mean) < 3, "stale: run `make docs`"


def test_the_pictures_are_light():
    assert sum(path.stat().st_size for path in (FOLDER / PICTURES).iterdir()) < 400_000
