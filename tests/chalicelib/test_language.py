"""The language of the query: every parameter at its limits, every spelling of a value, one text and one key for all."""

import json
import random
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import ParameterError
from chalicelib.formats import WRITTEN
from chalicelib.operations import ALIASES, OPERATIONS, PARAMETERS
from chalicelib.presets.file import read_configuration
from chalicelib.presets.presets import Presets
from chalicelib.transformation import NOTHING, canonical_text, merged, parse, parse_path, resolve_format
from support.queries import queries

GOOD = [(name, text) for name, parameter in PARAMETERS.items() for text in parameter.kind.good]
BAD = [(name, text) for name, parameter in PARAMETERS.items() for text in parameter.kind.bad]
SPELLINGS = {
    "w": [("300", "300"), ("0300", "300"), ("0.5", "0.5"), (".50", "0.5"), ("1.0", "1.0"), ("1.", "1.0")],
    "blur": [("20", "20"), ("0020", "20")],
    "fp-x": [(".25", "0.25"), ("0.2500000009", "0.25"), ("1", "1"), ("1.0", "1"), ("0", "0"), ("-0", "0")],
    "ar": [("16:9", "16:9"), ("16.0:09", "16:9"), ("1.910:1", "1.91:1")],
    "bg": [("FFF", "ffffff"), ("White", "ffffff"), ("ffffffff", "ffffff"), ("8fff", "88ffffff"), ("Tomato", "ff6347")],
    "crop": [("left,top", "top,left"), ("top,left", "top,left"), ("entropy", "entropy")],
    "rect": [("0,0.0,10,full", "0,0,10,1.0"), ("left,middle,0.5,1.0", "left,middle,0.5,1.0")],
    "auto": [("compress,format", "format,compress")],
}


def derivative(query, key="cat.jpg"):
    return Presets().request(key, query, "").derivative


@pytest.mark.parametrize(("name", "text"), GOOD)
def test_what_a_parameter_takes_is_written_in_one_way_and_read_again(name, text):
    parameter = PARAMETERS[name]
    written = parameter.kind.text(parameter.parse(text))
    assert parameter.parse(written) == parameter.parse(text)
    assert parameter.kind.text(parameter.parse(written)) == written


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_value_just_outside_is_refused_with_what_was_expected(name, text):
    with pytest.raises(ParameterError) as refusal:
        parse([(name, text)])
    assert str(refusal.value) == f"expected {PARAMETERS[name].kind.expected} for {name}, received '{text}'"


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_page_s_control_offers_what_is_taken_and_nothing_else(name):
    kind = PARAMETERS[name].kind
    control = kind.control
    if control["type"] == "number":
        assert all(control["min"] <= float(text) <= control["max"] for text in kind.good)
        assert {control["min"], control["max"]} & {float(text) for text in kind.good}
        assert float(kind.bad[1]) > control["max"]
    elif control["type"] in ("choice", "several"):
        assert tuple(control["options"]) == tuple(kind.good)
    elif control["type"] == "text":
        assert parse([(name, control["example"])])
    else:
        assert control == {"type": "colour"}


@given(st.sampled_from([*PARAMETERS]), st.text(max_size=30))
def test_no_text_surprises_a_parameter(name, text):
    kind = PARAMETERS[name].kind
    try:
        value = kind.parse(text)
    except ValueError:
        with pytest.raises(ParameterError, match=f"^expected {re.escape(kind.expected)} for {name}, received '"):
            parse([(name, text)])
    else:
        assert kind.parse(kind.text(value)) == parse([(name, text)])[name] == value


NUMERIC = "0123456789.,:-+e _"


@given(st.sampled_from([*PARAMETERS]), st.text(alphabet=NUMERIC, min_size=1, max_size=12))
def test_a_number_in_any_spelling_is_refused_or_has_one_text(name, text):
    kind = PARAMETERS[name].kind
    try:
        written = kind.text(kind.parse(text))
    except ValueError:
        return
    assert kind.text(kind.parse(written)) == written
    assert "e" not in written or kind.control["type"] == "colour"


@pytest.mark.parametrize(
    ("name", "text", "written"), [(name, *pair) for name, pairs in SPELLINGS.items() for pair in pairs]
)
def test_a_value_has_one_spelling(name, text, written):
    parameter = PARAMETERS[name]
    assert parameter.kind.text(parameter.parse(text)) == written


def test_the_words_of_the_design_stand_in_the_refusal():
    with pytest.raises(ParameterError, match=r"^expected integer from 0 to 2000 for blur, received 'abc'$"):
        parse([("blur", "abc")])


@pytest.mark.parametrize(
    "name", [name for name, parameter in PARAMETERS.items() if parameter.default not in (None, ())]
)
def test_a_default_stays_out_of_the_key(name):
    text = PARAMETERS[name].kind.text(PARAMETERS[name].default)
    assert derivative([(name, text)]).text == NOTHING


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_the_parameter(alias, name):
    text = PARAMETERS[name].kind.good[0]
    assert parse([(alias, text)]) == parse([(name, text)])
    with pytest.raises(ParameterError, match=f"one value for {name}"):
        parse([(alias, text), (name, text)])


@pytest.mark.parametrize("name", [name for name, parameter in PARAMETERS.items() if parameter.needs])
def test_what_means_nothing_alone_is_refused(name):
    needs, text = PARAMETERS[name].needs, PARAMETERS[name].kind.good[1]
    with pytest.raises(ParameterError) as refusal:
        merged({}, parse([(name, text)]))
    assert str(refusal.value) == f"expected {needs.expected} beside {name}, received {name} without it"


@pytest.mark.parametrize("query", [[("W", "3")], [("nope", "1")], [("", "1")], [("w ", "3")]])
def test_the_unknown_is_refused(query):
    with pytest.raises(ParameterError, match=r"operations\.md"):
        parse(query)


def test_only_auto_may_stand_twice():
    assert parse([("auto", "format"), ("auto", "compress")]) == parse([("auto", "compress,format")])
    with pytest.raises(ParameterError, match="one value for w, received 2"):
        parse([("w", "3"), ("w", "3")])


def test_long_and_unprintable_texts_are_quoted_short():
    with pytest.raises(ParameterError) as refusal:
        parse([("w", "\n" + "x" * 500)])
    assert len(str(refusal.value)) < 200
    assert "\n" not in str(refusal.value)


@given(queries(), st.integers())
def test_a_query_in_any_order_and_by_any_name_has_one_key(query, seed):
    dice = random.Random(seed)
    other = [(dice.choice([name, *PARAMETERS[name].aliases]), text) for name, text in query]
    dice.shuffle(other)
    assert derivative(other).key == derivative(query).key


@given(queries())
def test_canonical_text_parses_to_itself(query):
    made = derivative(query)
    again = parse_path(made.key)
    assert again is not None
    assert (again.key, again.values, again.format) == (made.key, made.values, made.format)


@given(queries(), st.text(min_size=1, max_size=40))
def test_a_path_is_read_as_it_was_written_whatever_the_original_is_called(query, name):
    made = derivative(query, f"deep/{name}")
    again = parse_path(made.key)
    assert again is not None
    assert (again.original, again.name) == (made.original, made.name)


@given(queries())
def test_a_key_needs_no_escaping_but_of_the_original(query):
    assert quote(derivative(query).name, safe="=,:~") == derivative(query).name


@given(queries())
def test_a_preset_of_the_same_words_has_the_same_key(query):
    configuration = read_configuration(json.dumps({"presets": {"one": dict(query)}}))
    assert configuration.request("cat.jpg", [("preset", "one")], "").derivative.key == derivative(query).key


@pytest.mark.parametrize(
    "path", ["cat.jpg", "a/b=c", "w=300.jpg", "a/w=300", "a/nope=3.jpg", "a/w=300.bmp", "a/w=3/b.jpg"]
)
def test_other_paths_are_originals(path):
    assert parse_path(path) is None


def test_quality_is_no_part_of_a_format_that_has_none():
    assert {form: derivative([("q", "10"), ("fm", form)]).text for form in WRITTEN} == {
        form: "q=10" if WRITTEN[form].quality else NOTHING for form in WRITTEN
    }


def test_compress_chooses_the_quality_only_where_nobody_did():
    assert derivative([("auto", "compress")]).name == "q=45.jpg"
    assert derivative([("auto", "compress"), ("q", "75")]).name == f"{NOTHING}.jpg"
    assert derivative([("auto", "compress"), ("fm", "png")]).name == f"{NOTHING}.png8"


def test_the_text_is_in_the_pipelines_order():
    names = [parameter.name for entry in OPERATIONS for parameter in entry.parameters]
    values = {name: PARAMETERS[name].parse(PARAMETERS[name].kind.good[-1]) for name in reversed(names)}
    assert [part.partition("=")[0] for part in canonical_text(values).split(",")] == names


def test_settling_ignores_what_it_has_settled():
    made = resolve_format("cat.png", {"w": 3, "auto": ("format",)}, "image/webp")
    assert (made.name, dict(made.values)) == ("w=3.webp", {"w": 3})
