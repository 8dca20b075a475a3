"""presets.yaml: checked whole, every mistake with its line; what a preset comes to for an original."""

import pytest

from chalicelib.errors import Forbidden, MisconfiguredError, ParameterError
from chalicelib.formats import NEGOTIATED, WRITTEN
from chalicelib.limits import Limits
from chalicelib.presets.file import load_configuration, read_configuration
from cli import ROOT

MISTAKES = {
    "presets:\n  card: {w: 48o}": [
        "2: preset card: expected integer from 1 to 8192, or a share of the original from 0.000001 to 1.0 for w, "
        "received '48o'"
    ],
    "presets:\n  card:\n    w: 3\n    nope: 1": [
        "4: preset card: expected a parameter that docs/operations.md lists, received 'nope'"
    ],
    "presets:\n  card: {crop: top}": [
        "2: preset card: expected fit=crop or fit=min beside crop, received crop without it"
    ],
    "presets:\n  card: {w: 1, w: 2}": ["2: expected each name once in preset card, received 'w' again"],
    "presets:\n  a: {w: 1}\n  a: {w: 2}": ["3: expected each name once in presets, received 'a' again"],
    "presets:\n  card: {widths: [100, none]}": [
        "2: expected integer from 1 to 8192 for preset card: widths, received 'none'"
    ],
    "presets:\n  card: {w: {x: 1}}": ["2: expected a value or a list of values for preset card: w"],
    "presets: [card]": ["1: expected a mapping for presets"],
    "presets:\n  card: 3": ["2: expected a mapping for preset card"],
    "- a\n- b": ["1: expected a mapping for the file"],
    "preset: {}": [
        "1: expected one of formats, defaults, limits, access, sign_presets, ladder, presets, received 'preset'"
    ],
    "access: closed": ["1: expected one of open, signed, presets for access, received 'closed'"],
    "formats: [webp, bmp]": ["1: expected one of avif, webp for formats, received 'bmp'"],
    "limits:\n  frames: many": ["2: expected integer from 1 to 999999999 for frames, received 'many'"],
    "limits:\n  pixels: 3": ["2: expected one of original_bytes, original_pixels"],
    "defaults:\n  q: 101": ["2: defaults: expected integer from 0 to 100 for q, received '101'"],
    "limits:\n  frames: [1]": ["2: expected integer from 1 to 999999999 for frames, received 'a list or mapping'"],
    "limits: {output_side: -1}": ["1: expected integer from 1 to 999999999 for output_side, received '-1'"],
    "limits: {query_bytes: 9_999_999_999}": [
        "1: expected integer from 1 to 999999999 for query_bytes, received '99999"
    ],
    "access: [open]": ["1: expected one of open, signed, presets for access, received 'a list or mapping'"],
    "formats: {webp: 1}": ["1: expected a value or a list of values for formats"],
    "defaults:\n  w: 3\n  crop: entropy": [
        "2: defaults: expected fit=crop or fit=min beside crop, received crop without it"
    ],
    "presets:\n  a:\n    w: 1\n    width: 2": [
        "4: preset a: expected one value for w, received another by the name width"
    ],
    "presets:\n  a:\n    w: [1, 2]": ["3: preset a: expected integer from 1 to 8192"],
    "presets:\n  a:\n    fm:": [
        "3: preset a: expected one of jpg, pjpg, png, png8, webp, avif, gif for fm, received ''"
    ],
    "presets:\n  a:\n    preset: b": [
        "3: preset a: expected a parameter that docs/operations.md lists, received 'preset'"
    ],
    "presets:\n  a:\n    widths: []": ["3: expected a value or a list of values for preset a: widths, received none"],
    "presets:\n  a:\n    widths: {a: 1}": ["3: expected a value or a list of values for preset a: widths"],
    "presets:\n  a:\n    only: []": ["3: expected a value or a list of values for preset a: only, received none"],
    "presets:\n  a:\n    only: ['x/*', '']": ["3: expected a glob for preset a: only, received ''"],
    "presets:\n  a:\n    only: 'logos/[ab'": ["3: expected a glob for preset a: only, received 'logos/[ab'"],
    "presets:\n  a:": ["2: expected a mapping for preset a"],
    "presets:\n  ? [a, b]\n  : {w: 1}": ["2: expected a name in presets, received a list or mapping"],
    "presets:\n  a: &all {w: 3}\n  b: {<<: *all, h: 3}": [
        "3: preset b: expected a parameter that docs/operations.md lists, received '<<'"
    ],
    "presets:\n  a: &a {w: x}\n  b: *a": ["2: preset a: expected integer", "2: preset b: expected integer"],
    "presets:\n  a: *nope": ["2: expected YAML, but found undefined alias"],
    "presets: &loop {w: *loop}": ["1: expected a value or a list of values for preset w: w"],
    "--- {}\n--- {}": ["2: expected YAML, but found another document"],
    "a: [": ["expected YAML"],
    "presets:\n  a: {w: 3": ["expected YAML, but did not find expected ',' or '}'"],
    "\tpresets: {}": ["1: expected YAML, but found character that cannot start any token"],
    "presets:\n\ta: {}": ["2: expected YAML, but found character that cannot start any token"],
    "presets:\n  a: {w: \x07}": ["2: expected YAML, but control characters are not allowed"],
    'access: "a\\nb"': ["1: expected one of open, signed, presets for access, received 'a?b'"],
    "presets:\n  a: {w: x}\nnope: 1\nlimits: {frames: 0}": [
        "2: preset a",
        "3: expected one of",
        "4: expected integer from 1",
    ],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_named_with_its_line(text):
    with pytest.raises(MisconfiguredError) as mistakes:
        read_configuration(text, "mine.yaml")
    lines = str(mistakes.value).splitlines()
    said = [line for line in lines if line.startswith("mine.yaml:")]
    assert said == lines
    assert len(said) == len(MISTAKES[text]), said
    for expected in MISTAKES[text]:
        assert any(expected in line for line in said), said


def test_a_file_that_is_not_utf_8_is_named_with_its_line(tmp_path):
    (tmp_path / "mine.yaml").write_bytes("access: open\npresets: {gr\u00f6\u00dfe: {w: 3}}".encode("latin-1"))
    with pytest.raises(MisconfiguredError, match=r"^mine\.yaml:2: expected YAML, but "):
        load_configuration(path=tmp_path / "mine.yaml")


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(MisconfiguredError, match=r"expected a file that can be read, but "):
        load_configuration(path=tmp_path / name)


def test_a_huge_file_is_read_and_all_its_mistakes_are_named():
    lines = [f"  p{index}: {{w: {index % 2 or 'wide'}}}" for index in range(2000)]
    with pytest.raises(MisconfiguredError) as mistakes:
        read_configuration("presets:\n" + "\n".join(lines))
    said = str(mistakes.value).splitlines()
    assert len(said) == 1000
    assert said[-1].startswith("presets.yaml:2000: preset p1998: ")


def test_names_are_text_whatever_yaml_takes_them_for():
    configuration = read_configuration("presets: {1: {w: 3}, true: {w: 4}, ~: {w: 5}, größe: {w: 6}, a b: {w: 7}}")
    assert list(configuration.presets.presets) == ["1", "true", "~", "größe", "a b"]
    assert configuration.request("c.jpg", [("preset", "true")], "").derivative.name == "w=4.jpg"


@pytest.mark.parametrize("text", ["", "# nothing\n", "presets: {}"])
def test_an_empty_file_is_a_service_without_presets(text):
    configuration = read_configuration(text)
    assert configuration.presets.presets == {}
    assert configuration.request("cat.jpg", [("w", "300")], "").derivative.name == "w=300.jpg"


def test_numbers_lists_and_anchors_may_be_written_as_yaml_has_them():
    configuration = read_configuration(
        "limits: {original_bytes: 1_000}\ndefaults: &all {q: 60}\npresets:\n"
        "  a: {fit: crop, crop: [top, left], w: 10, rot: 5.50}\n  b: {<<: *all, w: 3}\n".replace(
            "{<<: *all, w: 3}", "*all"
        )
    )
    assert configuration.limits == Limits(original_bytes=1000)
    assert (
        configuration.request("c.jpg", [("preset", "a")], "").derivative.name
        == "w=10,fit=crop,crop=top~2Cleft,rot=5.5,q=60.jpg"
    )
    assert configuration.request("c.jpg", [("preset", "b")], "").derivative.name == "q=60.jpg"


def test_defaults_are_written_out_in_the_text_as_they_may_change():
    configuration = read_configuration("defaults: {q: 60, bg: fff}\npresets: {a: {w: 3}}")
    assert configuration.request("c.jpg", [("preset", "a")], "").derivative.name == "w=3,bg=ffffff,q=60.jpg"
    assert configuration.request("c.jpg", [("q", "75")], "").derivative.name == "bg=ffffff.jpg"


def test_a_query_refines_a_preset():
    configuration = read_configuration("presets: {card: {w: 480, h: 320, fit: crop, auto: format}}")
    assert configuration.request("c.jpg", [("preset", "card"), ("w", "240"), ("fm", "png")], "").derivative.name == (
        "w=240,h=320,fit=crop.png"
    )


def test_widths_are_a_preset_each_and_the_widest_without_one():
    configuration = read_configuration("formats: [webp]\npresets: {set: {widths: [480, 960], auto: format}}")
    assert {d.name for d in configuration.presets.derivatives("c.jpg").values()} == {
        f"w={width}.{form}" for width in (480, 960) for form in ("jpg", "webp")
    }
    assert configuration.request("c.jpg", [("preset", "set")], "").derivative.name == "w=960.jpg"


@pytest.mark.parametrize(
    ("key", "applies"),
    [("logos/a.png", True), ("brands/x/y.svg", True), ("photos/logos/a.png", False), ("logos", False)],
)
def test_a_preset_is_for_the_originals_that_its_globs_match(key, applies):
    configuration = read_configuration("presets: {mark: {only: ['logos/*', 'brands/*'], w: 3, fm: png}}")
    assert bool(configuration.presets.derivatives(key)) is applies


@pytest.mark.parametrize(
    ("key", "forms"),
    [
        ("a.jpg", {"avif", "webp", "jpg"}),
        ("a.png", {"avif", "webp", "png"}),
        ("a.svg", {"avif", "webp", "png"}),
        ("a.gif", {"webp", "gif"}),
        ("a.webp", {"webp", "jpg"}),
        ("a", {"avif", "webp", "jpg"}),
    ],
)
def test_an_upload_renders_every_format_that_auto_may_choose(key, forms):
    configuration = read_configuration("presets: {a: {w: 3, auto: format}}")
    made = configuration.presets.derivatives(key)
    assert {derivative.format for derivative in made.values()} == forms
    for accept in ("", "image/webp", "image/avif,image/webp", "image/avif"):
        assert configuration.request(key, [("preset", "a")], accept).derivative.key in made


def test_only_presets_are_answered_where_only_they_are_open():
    configuration = read_configuration("access: presets\npresets: {a: {w: 3, auto: format}, b: {only: 'x/*', w: 4}}")
    assert configuration.request("c.jpg", [("preset", "a")], "image/webp").derivative.name == "w=3.webp"
    assert configuration.request("c.jpg", [("w", "3")], "").derivative.name == "w=3.jpg"
    for key, query in (("c.jpg", [("w", "5")]), ("c.jpg", [("preset", "a"), ("q", "9")]), ("c.jpg", [("preset", "b")])):
        with pytest.raises(Forbidden, match="one of a, b"):
            configuration.request(key, query, "")


@pytest.mark.parametrize("names", [["nope"], [""], ["a", "a"]])
def test_a_preset_that_is_not_there_is_refused(names):
    with pytest.raises(ParameterError, match="preset"):
        read_configuration("presets: {a: {w: 3}}").request("c.jpg", [("preset", name) for name in names], "")


def test_what_ships_is_in_order_and_packaged():
    shipped = load_configuration()
    assert (ROOT / "chalicelib" / "presets.yaml").resolve() == ROOT / "presets.yaml"
    assert {"thumbnail", "card", "article", "social", "logo"} <= set(shipped.presets.presets)
    assert shipped.presets.formats == NEGOTIATED
    assert shipped.limits == Limits()
    assert all(derivative.format in WRITTEN for derivative in shipped.presets.derivatives("photos/cat.jpg").values())


@pytest.mark.parametrize(
    "key", ["photos/cat.jpg", "logos/a.svg", "brands/b.png", "moving.gif", "a.webp", "a.avif", "a"]
)
@pytest.mark.parametrize("accept", ["", "*/*", "image/webp,*/*", "image/avif,image/webp", "image/avif"])
def test_every_request_for_what_ships_meets_what_an_upload_made(key, accept):
    shipped = load_configuration()
    made = shipped.presets.derivatives(key)
    asked = set()
    for preset in (preset for preset in shipped.presets.presets.values() if preset.applies(key)):
        for width in [None, *preset.widths]:
            query = [("preset", preset.name), *([("w", str(width))] if width else [])]
            asked.add(shipped.request(key, query, accept).derivative.key)
    assert asked <= set(made)


def test_what_an_upload_makes_of_what_ships_is_what_some_browser_is_answered():
    shipped = load_configuration()
    for key in ("photos/cat.jpg", "logos/a.svg", "moving.gif", "a.webp"):
        asked = {
            shipped.request(key, [("preset", preset.name), *width], accept).derivative.key
            for preset in shipped.presets.presets.values()
            if preset.applies(key)
            for width in ([], *([("w", str(width))] for width in preset.widths))
            for accept in ("", "image/webp", "image/avif,image/webp")
        }
        assert asked == set(shipped.presets.derivatives(key))


def test_the_limits_that_the_file_shows_are_those_in_force():
    text = (ROOT / "presets.yaml").read_text("utf-8")
    shown = "".join(
        line.removeprefix("# ")
        for line in text.splitlines(keepends=True)
        if line.startswith(("# limits:", "#   "))
        and ("limits:" in line or "_" in line or "frames" in line)
        and "<" not in line
    )
    assert read_configuration(shown).limits == Limits()
