"""docs/operations.md is what the declarations print now, and its pictures are what they say."""

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest
from PIL import Image

from chalicelib.operations import OPERATIONS, PARAMETERS
from chalicelib.presets.presets import Presets
from cli.docs.examples import EXAMPLES, examples, pictures, unchosen
from cli.docs.operations import FOLDER, PAGE, PICTURES, markdown, write
from cli.samples.files import SAMPLES
from support.pictures import difference, likeness, opened

KEPT = (FOLDER / PAGE).read_text("utf-8")


def sections(page):
    """What stands below each parameter's heading."""
    parts = re.split(r"^#{2,4} (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_page_is_not_stale():
    assert markdown() == KEPT, "stale: run `make docs`"


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_told_as_it_is_declared(name):
    parameter, section = PARAMETERS[name], sections(KEPT)[name]
    assert parameter.kind.expected in section
    assert parameter.meaning in section
    assert all(f"`{alias}`" in section for alias in parameter.aliases)
    assert f"`{name}={parameter.kind.bad[1]}` is refused: expected {parameter.kind.expected} for {name}" in section
    if parameter.default not in (None, ()):
        assert f"| `{parameter.kind.text(parameter.default)}` |" in section
    if parameter.needs:
        assert parameter.needs.expected in section.replace("`", "")


def test_every_operation_is_told_in_the_pipeline_s_order():
    told = [name for name in sections(KEPT) if name in PARAMETERS]
    assert told == list(PARAMETERS)
    plain = KEPT.replace("`", "")
    assert all(operation.meaning in plain for operation in OPERATIONS)


def test_the_contents_lead_to_every_heading():
    headings = set(sections(KEPT))
    linked = re.findall(r"\]\(#([^)]+)\)", KEPT)
    assert set(PARAMETERS) <= set(linked) <= headings | {heading.lower() for heading in headings}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_shown_by_pictures_of_it(name):
    section = sections(KEPT)[name]
    queries = [unescape(query) for query in re.findall(r'alt="([^"]+)"', section)]
    assert len(queries) > 1
    assert len(set(queries)) == len(queries)
    assert sum(name in dict(parse_qsl(query)) for query in queries) >= len(queries) / 2
    assert all(f"/samples/{example.sample}?" in section for example in examples(PARAMETERS[name]))


def test_what_is_chosen_is_of_a_parameter_that_there_is():
    assert set(EXAMPLES) <= set(PARAMETERS)
    assert {f"samples/{picture.sample}" for picture in pictures().values()} <= set(SAMPLES)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_new_parameter_is_shown_without_anything_being_chosen(name):
    for picture in unchosen(PARAMETERS[name]):
        pairs = parse_qsl(picture.query)
        assert name in dict(pairs)
        assert Presets().request("cat.jpg", pairs, "").derivative.storable


def test_every_picture_of_the_page_is_there_and_no_other():
    shown = set(re.findall(rf'src="{PICTURES}/([^"]+)"', KEPT))
    assert shown == set(pictures()) == {path.name for path in (FOLDER / PICTURES).iterdir()}


@pytest.mark.parametrize("name", pictures())
def test_a_picture_is_what_its_example_makes(name):
    picture = pictures()[name]
    kept, made = Image.open(FOLDER / PICTURES / name), opened(picture.rendered())
    size = picture.size
    assert (kept.format, kept.size, getattr(kept, "n_frames", 1)) == (
        made.format,
        made.size,
        getattr(made, "n_frames", 1),
    )
    assert kept.size == (size.width, size.height)
    assert f'src="{PICTURES}/{name}" width="{size.width}" height="{size.height}"' in KEPT
    assert difference(kept, made) < 3, "stale: run `make docs`"
    assert likeness(kept, made) > 0.97, "stale: run `make docs`"


def test_the_pictures_are_light():
    assert sum(path.stat().st_size for path in (FOLDER / PICTURES).iterdir()) < 400_000


def test_writing_makes_page_and_pictures_and_removes_those_no_longer_shown(tmp_path):
    (tmp_path / PICTURES).mkdir()
    (tmp_path / PICTURES / "old.jpg").write_bytes(b"")
    written = write(tmp_path)
    assert written[0].read_text("utf-8") == KEPT
    assert {path.name for path in (tmp_path / PICTURES).iterdir()} == set(pictures())
    assert all(path.stat().st_size for path in written)
