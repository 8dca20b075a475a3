"""Refusals and faults, as the caller sees them: a status, one sentence, and how long to keep it."""

from dataclasses import replace
from threading import BoundedSemaphore
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.errors import Unavailable
from chalicelib.limits import Limits
from chalicelib.operations import ALIASES, PARAMETERS
from support.aws_events import Web
from support.originals import NOT_AN_IMAGE, damaged, picture, size_of
from support.watched_store import at_once


@pytest.mark.parametrize(
    ("original", "limits", "status"),
    [
        (NOT_AN_IMAGE, Limits(), 415),
        (b"", Limits(), 415),
        (b"<html><svg></html>", Limits(), 415),
        (damaged(), Limits(), 422),
        (picture(), Limits(original_bytes=100), 413),
        (picture(), Limits(original_pixels=100), 413),
    ],
)
def test_a_refused_original_is_answered_with_its_reason_and_not_opened_again(
    configure, prerender, upload, originals, original, limits, status
):
    web = Web(configure(prerender=replace(prerender, limits=limits)).app)
    upload("cat.jpg", original)
    answers = [web.get("cat.jpg", "w=20")]
    originals.forget()
    answers += [web.get("cat.jpg", query) for query in ("w=30", "preset=small")]
    assert {answer.status for answer in answers} == {status}
    assert len({answer.error for answer in answers}) == 1
    assert {answer.headers["Cache-Control"] for answer in answers} == {"public, max-age=10"}
    assert originals.called("read") == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("broken", ["originals", "derivatives"])
def test_while_s3_is_down_it_is_503_and_nobody_keeps_it(web, cat, request, broken, method):
    store = request.getfixturevalue(broken)
    store.fail("get", Unavailable("the store does not answer now; try again in a moment"))
    answer = web.ask("/cat.jpg?w=30", method)
    assert (answer.status, answer.headers["Cache-Control"], answer.headers["Retry-After"]) == (503, "no-store", "2")
    store.heal()
    assert web.ask("/cat.jpg?w=30", method).status == 200


def test_a_body_that_breaks_off_is_503(web, cat, derivatives):
    web.ask("/cat.jpg?w=30")
    derivatives.fail("read", Unavailable("the store closed the connection; try again in a moment"), once=True)
    assert web.ask("/cat.jpg?w=30").status == 503
    assert web.ask("/cat.jpg?w=30").status == 200


def test_too_many_at_once_is_503(configure, prerender, cat):
    prerender = replace(prerender, limits=Limits(waiting_seconds=0))
    slots = BoundedSemaphore(1)
    web = Web(configure(prerender=prerender, slots=slots).app)
    slots.acquire()
    answer = web.ask("/cat.jpg?w=30")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    slots.release()
    assert web.ask("/cat.jpg?w=30").status == 200


def test_requests_at_once_are_not_mixed_up(web, cat):
    sizes = iter(range(20, 28))
    answers = at_once(8, lambda: (width := next(sizes), size_of(web.get("cat.jpg", f"w={width}").body)[0]))
    assert sorted(answers) == [(width, width) for width in range(20, 28)]


def test_every_error_is_one_sentence_without_a_bucket_a_path_or_a_trace(web, web_of, upload, cat, originals):
    upload("bad.jpg", NOT_AN_IMAGE)
    answers = [web.ask(path) for path in ("/cat.jpg?w=0", "/dog.jpg", "/bad.jpg", "/%ff", "/" + "k" * 1100)]
    answers.append(web_of("{access: presets, presets: {small: {w: 40}}}").ask("/cat.jpg?w=3"))
    originals.fail("get", Unavailable("the store does not answer now; try again in a moment"))
    answers.append(web_of().ask("/cat.jpg?w=31"))
    assert [answer.status for answer in answers] == [400, 404, 415, 400, 400, 403, 503]
    for answer in answers:
        assert "\n" not in answer.error
        assert not any(word in answer.error for word in ("imgy-", "Traceback", "/var", "/tmp", ".py"))
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Content-Length"] == str(len(answer.body))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" not in answer.headers


TARGETS = st.text(max_size=60) | st.builds(
    "cat.jpg{}{}".format, st.sampled_from(["?", "/", "%2F", "//", ""]), st.text()
)
PAIRS = st.tuples(
    st.sampled_from([*PARAMETERS, *ALIASES, "preset", "ixlib", ""]),
    st.text(max_size=12)
    | st.integers(-2, 120).map(str)
    | st.sampled_from(["crop", "small", "0.5", "png", "1:1", "f00"]),
)
QUERIES = st.lists(PAIRS, max_size=4).map(lambda pairs: f"cat.jpg?{urlencode(pairs)}")
HEADERS = st.dictionaries(
    st.sampled_from(["accept", "if_none_match", "if_modified_since", "origin", "range", "content_type"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
)


@given(target=TARGETS | QUERIES, method=st.sampled_from(["GET", "HEAD", "OPTIONS"]), headers=HEADERS)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered_and_never_an_error_of_ours(web, upload, target, method, headers):
    upload("cat.jpg", picture((12, 8)))
    answer = web.ask(f"/{target}", method, **headers)
    assert answer.status in (200, 204, 304, 400, 404)
    if answer.status >= 400 and method == "GET":
        assert answer.error.strip()
