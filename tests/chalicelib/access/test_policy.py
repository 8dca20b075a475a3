"""What is open to whom: modes by stage, and the ladder that strangers' requests are held to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.policy import _UNSIGNED, _UNSIGNED_PRESETS, MODES
from chalicelib.errors import Forbidden, MisconfiguredError, ParameterError
from chalicelib.presets.file import read_configuration
from chalicelib.transformation import parse_path
from support.originals import picture, size_of

PRESETS = "presets: {small: {w: 40, auto: format}, logo: {only: 'logos/*', w: 30, fm: png}}"
LADDER = "{w: [100, 200, 400], q: [50, 75], dpr: [1, 2]}"


@pytest.mark.parametrize("access", MODES)
@pytest.mark.parametrize(("stage", "named"), [("dev", "dev"), ("", "other")])
def test_access_may_differ_by_stage(access, stage, named):
    configuration = read_configuration(f"access: {{{named}: {access}}}", stage=stage)
    assert configuration.access.mode == access


def test_a_stage_that_is_not_named_gets_the_strictest():
    text = "access: {dev: open, test: presets, prod: signed}"
    assert [read_configuration(text, stage=stage).access.mode for stage in ("dev", "test", "prod", "", "other")] == [
        *("open", "presets", "signed", "presets", "presets")
    ]
    assert read_configuration("access: {dev: open, prod: signed}", stage="staging").access.mode == "signed"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("access: {dev: closed}", "1: expected one of open, signed, presets for access: dev, received 'closed'"),
        ("access: {dev: [open]}", "1: expected one of open, signed, presets for access: dev"),
        ("sign_presets: maybe", "1: expected one of true, false for sign_presets, received 'maybe'"),
        ("ladder: {w: [wide]}", "1: ladder: expected integer from 1 to 8192"),
        ("ladder: {fit: [crop]}", "1: expected numbers of a parameter for ladder: fit"),
        ("ladder: {wide: [3]}", "1: ladder: expected a parameter"),
        ("ladder: {w: []}", "1: expected a value or a list of values for ladder"),
        ("ladder: {w: 3, otherwise: ignore}", "1: expected one of refuse, snap for ladder: otherwise"),
        ("ladder: [w]", "1: expected a mapping for ladder"),
    ],
)
def test_mistakes_are_named_with_their_line(text, says):
    with pytest.raises(MisconfiguredError) as mistake:
        read_configuration(text)
    assert says in str(mistake.value)


@pytest.mark.parametrize(("sign_presets", "says"), [("false", _UNSIGNED), ("true", _UNSIGNED_PRESETS)])
def test_without_a_signature_presets_are_open_unless_they_are_signed_too(sign_presets, says):
    configuration = read_configuration(f"access: signed\nsign_presets: {sign_presets}\n{PRESETS}")
    with pytest.raises(Forbidden, match=says):
        configuration.request("cat.jpg", [("w", "41")], "")
    asked = "cat.jpg", [("preset", "small")], "image/webp"
    if sign_presets == "true":
        with pytest.raises(Forbidden, match=says):
            configuration.request(*asked)
    else:
        assert configuration.request(*asked).derivative.name == "w=40.webp"
    assert configuration.request(*asked, signed=True).derivative.name == "w=40.webp"


def ladder(otherwise, query, signed=False):
    configuration = read_configuration(
        f"ladder: {LADDER[:-1]}, otherwise: {otherwise}}}\ndefaults: {{q: 60}}\n{PRESETS}"
    )
    pairs = [tuple(part.split("=")) for part in query.split("&") if part]
    return configuration.request("cat.jpg", pairs, "", signed).derivative.name


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("w=333", "expected one of 30, 40, 100, 200, 400 for w, received '333'; the nearest is 400"),
        ("w=150", "expected one of 30, 40, 100, 200, 400 for w, received '150'; the nearest is 200"),
        ("w=0.5", "expected one of 30, 40, 100, 200, 400 for w, received '0.5'"),
        ("w=100&q=90", "expected one of 50, 60, 75 for q, received '90'; the nearest is 75"),
        ("w=100&dpr=1.5", "expected one of 1, 2 for dpr, received '1.5'; the nearest is 2"),
    ],
)
def test_what_stands_beside_the_ladder_is_refused_and_the_nearest_named(query, says):
    with pytest.raises(ParameterError) as refusal:
        ladder("refuse", query)
    assert str(refusal.value) == says


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("w=333", "w=400,q=60.jpg"),
        ("w=150", "w=200,q=60.jpg"),
        ("w=100&dpr=1.4", "w=100,q=60.jpg"),
        ("w=100&q=9", "w=100,q=50.jpg"),
        ("h=123", "h=123,q=60.jpg"),
        ("", "q=60.jpg"),
        ("preset=small", "w=40,q=60.jpg"),
        ("preset=small&fm=png", "w=40.png"),
    ],
)
def test_or_it_is_snapped_to_the_nearest(query, name):
    assert ladder("snap", query) == name


@pytest.mark.parametrize("otherwise", ["refuse", "snap"])
@pytest.mark.parametrize("share", ["0.5", "1.0"])
def test_a_share_of_the_original_is_no_rung_and_near_to_none(otherwise, share):
    configuration = read_configuration(f"ladder: {{w: [1, 100], otherwise: {otherwise}}}")
    with pytest.raises(ParameterError) as refusal:
        configuration.request("cat.jpg", [("w", share)], "")
    assert str(refusal.value) == f"expected one of 1, 100 for w, received '{share}'"


def test_presets_and_what_is_signed_are_held_to_no_ladder():
    assert ladder("refuse", "preset=small") == "w=40,q=60.jpg"
    assert ladder("refuse", "w=333", signed=True) == "w=333,q=60.jpg"


@given(width=st.integers(1, 8192), quality=st.integers(0, 100))
def test_strangers_can_ask_for_few_pictures(width, quality):
    name = ladder("snap", f"w={width}&q={quality}")
    assert name in {f"w={w},q={q}.jpg" for w in (30, 40, 100, 200, 400) for q in (50, 60, 75)} | {
        f"w={w}.jpg" for w in (30, 40, 100, 200, 400)
    }
    derivative = parse_path(f"cat.jpg/{name}")
    assert derivative
    assert read_configuration(f"ladder: {LADDER}\n{PRESETS}\ndefaults: {{q: 60}}").admit(derivative) == derivative


@pytest.mark.parametrize(("otherwise", "status"), [("snap", 200), ("refuse", 400)])
def test_the_ladder_holds_for_a_derivative_s_own_path(web_of, upload, stored, otherwise, status):
    web = web_of(f"ladder: {{w: [20, 40], otherwise: {otherwise}}}")
    upload("cat.jpg", picture((120, 80)))
    answer = web.ask("/cat.jpg/w=33.jpg")
    assert answer.status == status
    if status == 200:
        assert size_of(answer.body)[0] == 40
        assert stored() == ["w=40.jpg"]


def test_a_sentence_names_some_of_many_presets():
    named = ", ".join(f"p{number}: {{w: {number + 40}}}" for number in range(25))
    configuration = read_configuration(f"access: presets\npresets: {{{named}}}")
    with pytest.raises(Forbidden, match=r"one of p0, p1, .*, p19 and 5 others$"):
        configuration.request("cat.jpg", [("w", "9")], "")
    with pytest.raises(ParameterError, match=r"one of p0, .*, p19 and 5 others for preset, received 'p25'"):
        configuration.request("cat.jpg", [("preset", "p25")], "")
