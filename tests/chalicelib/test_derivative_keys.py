"""Derivative keys: every original's key is reached by a URL, by the derivative's own path and by a query."""

from urllib.parse import quote

import pytest

from chalicelib.errors import ParameterError
from chalicelib.http.route import Request, Route
from chalicelib.presets.configuration import Configuration
from chalicelib.settings import Settings
from chalicelib.transformation import KEY_BYTES, parse_path

ODD_KEYS = [
    "a b.jpg",
    "a+b.jpg",
    "100%.jpg",
    "%41.jpg",
    "%2F.jpg",
    "größe/é/e\u0301.jpg",
    "🐈/🐕.jpg",
    "/".join("abcdefghijklmnopqrstuvwxyz"),
    "a//b",
    "/a",
    "a?b#c&d=e.jpg",
    "~41~2C.jpg",
    "a,b=c.jpg",
    "w=300.jpg",
    "photos/w=300.jpg",
    "a.jpg/w=300,h=200.webp",
    "manifest.json",
    "..",
    "a/../b.jpg",
    "'\"<>;|\\.jpg",
]


def derivative(query, key):
    return Configuration().request(key, query, "").derivative


def understood(path, query=None):
    route = Route(None, Configuration(), Settings(), lambda key: key)
    return route.understand(Request("GET", path, query or {}, {}))


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("safe", ["", "/", "/~!$&'()*+,;=:@"])
def test_a_url_reaches_every_key_by_the_derivative_s_own_path(key, safe):
    made = derivative([("w", "300"), ("fit", "crop"), ("crop", "top,left"), ("bg", "8fff")], key)
    wanted, by_path = understood(quote(made.key, safe=safe))
    assert by_path
    assert (wanted.derivative.original, wanted.derivative.key) == (key, made.key)


@pytest.mark.parametrize("key", [key for key in ODD_KEYS if parse_path(key) is None])
def test_a_query_reaches_every_key_unless_it_looks_like_a_derivative_s(key):
    wanted, by_path = understood(quote(key), {"width": ["300"], "ixlib": ["js-4.0.0", "again"]})
    assert not by_path
    assert wanted.derivative.key == f"{key}/w=300.jpg"


def test_an_original_that_is_called_like_a_derivative_is_taken_for_one():
    assert [key for key in ODD_KEYS if parse_path(key)] == ["photos/w=300.jpg", "a.jpg/w=300,h=200.webp"]
    with pytest.raises(ParameterError, match="no query beside a derivative's own path"):
        understood("photos/w=300.jpg", {"w": ["20"]})


@pytest.mark.parametrize(
    "name",
    [
        "w=0.jpg",
        "w=300,w=300.jpg",
        "w=300,nope=1.jpg",
        "w=300,fm=png.jpg",
        "auto=format.jpg",
        "crop=top.jpg",
        "w=300,.jpg",
    ],
)
def test_a_bad_path_is_refused(name):
    with pytest.raises(ParameterError):
        parse_path(f"cat.jpg/{name}")


def test_a_path_in_another_order_is_the_same_derivative():
    assert parse_path("cat.jpg/h=200,w=300.png").key == "cat.jpg/w=300,h=200.png"


def test_a_key_longer_than_s3_takes_is_refused():
    longest = "k" * (KEY_BYTES - len("/w=300.jpg") - len(".jpg")) + ".jpg"
    assert len(derivative([("w", "300")], longest).key) == KEY_BYTES
    with pytest.raises(ParameterError, match=str(KEY_BYTES)):
        derivative([("w", "300")], "é" + longest)
