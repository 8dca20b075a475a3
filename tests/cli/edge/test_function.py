"""The edge function and Python understand every URL alike: the same path, or both leave it to the API."""

from urllib.parse import quote, unquote

import pytest

from chalicelib.cdn import HEADER
from chalicelib.errors import ImgyError
from chalicelib.http.route import Request, Route
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.file import load_configuration, read_configuration
from chalicelib.settings import Settings
from cli.edge.function import API, FUNCTION, MOST_BYTES, TEMPLATE, function
from support.edge_function import PRESETS, event, names_a_colour, needs_node, queries, run_function

QUERIES = 20_000


def by_python(configuration: Configuration, key: str, pairs: list[tuple[str, str]], accept: str) -> str | None:
    """The derivative key that the route understands; None where it refuses."""
    query: dict[str, list[str]] = {}
    for name, text in pairs:
        query.setdefault(name, []).append(text)
    try:
        wanted, _ = Route(None, configuration, Settings(), str).understand(
            Request("GET", quote(key), query, {"accept": accept})
        )
    except ImgyError:
        return None
    return wanted.derivative.key


@needs_node
@pytest.mark.parametrize(
    "configuration", [load_configuration(), read_configuration(PRESETS)], ids=["shipped", "others"]
)
def test_every_query_comes_to_the_same_path_or_to_the_api(configuration):
    source = queries(20, configuration.presets)
    asked = [next(source) for _ in range(QUERIES // 2)]
    answers = run_function(function(configuration), [event(*query) for query in asked])
    settled = 0
    for query, (answer, origin) in zip(asked, (answered.values() for answered in answers), strict=True):
        expected = by_python(configuration, *query)
        if expected and not names_a_colour(query[1]) and not query[0].startswith("-/"):
            settled += 1
            assert unquote(answer["uri"]) == f"/{expected}", query
            assert (answer["querystring"], answer["headers"], origin) == ({}, {"accept": {"value": "*/*"}}, None)
        else:
            assert origin == API
            assert answer | {"headers": {}} == event(*query)["request"] | {"headers": {}}, query
            assert by_python(configuration, *query[:2], answer["headers"]["accept"]["value"]) == expected
    assert len(asked) / 4 < settled < len(asked)


def test_the_function_stands_as_it_would_be_written_now():
    assert FUNCTION.read_text("utf-8") == function(load_configuration()), "stale: run `make edge`"


def test_cloudfront_takes_it():
    assert len(FUNCTION.read_bytes()) < MOST_BYTES


@needs_node
def test_what_is_no_reading_passes_as_it_came():
    asked = event("cat.jpg", [("w", "300")], "", method="OPTIONS")
    assert run_function(FUNCTION.read_text("utf-8"), [asked]) == [{"request": asked["request"], "origin": API}]


@needs_node
@pytest.mark.parametrize("name", ["response-content-type", "versionId", "X-Amz-Signature", "acl"])
def test_what_has_a_meaning_to_s3_never_comes_there(name):
    asked = event("cat.jpg/w=300.jpg", [(name, "text/html")], "")
    assert [answer["origin"] for answer in run_function(FUNCTION.read_text("utf-8"), [asked])] == [API]


def test_the_template_names_the_origin_and_the_header_that_are_meant():
    text = TEMPLATE.read_text("utf-8")
    assert f"- Id: {API}\n" in text
    assert f"HeaderName: {HEADER}\n" in text
