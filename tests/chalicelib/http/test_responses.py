"""What the route answers with a picture: headers, conditions, origins, redirections."""

from urllib.parse import quote, urljoin

import pytest

from chalicelib.cdn import HEADER, tags
from chalicelib.settings import Settings
from chalicelib.transformation import parse_path
from support.originals import noise, picture
from support.pipeline import on_every_store

PICTURES = Settings().cache_control


# What a picture's answer says.


def test_a_picture_says_all_there_is_to_say(web, cat, originals):
    from chalicelib.storage.derivatives import http_date

    answer = web.ask("/cat.jpg?w=30")
    timing = answer.headers.pop("Server-Timing")
    assert answer.headers == {
        "Content-Type": "image/jpeg",
        "Content-Length": str(len(answer.body)),
        "Cache-Control": PICTURES,
        "ETag": answer.headers["ETag"],
        "Last-Modified": http_date(originals.store.head("cat.jpg").modified),
        "X-Cache": "MISS",
        HEADER: tags("cat.jpg"),
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, Content-Length, Server-Timing, X-Cache",
    }
    assert answer.headers["ETag"].strip('"').isalnum()
    assert all(stage in timing for stage in ("fetch;dur=", "original;dur=", "render;dur=", "store;dur="))


@on_every_store
@pytest.mark.parametrize("query", ["w=30", "w=30&fm=png", "w=30&auto=format", "preset=small", "fm=avif&w=30", "fm=gif"])
def test_the_answer_is_the_same_hit_or_miss(web, cat, query):
    miss, hit = (web.get("cat.jpg", query, accept="image/webp") for _ in range(2))
    assert (miss.headers["X-Cache"], hit.headers["X-Cache"]) == ("MISS", "HIT")
    assert (miss.status, miss.steady, miss.body) == (hit.status, hit.steady, hit.body)


@on_every_store
def test_head_is_get_without_the_body(web, cat):
    first, get, head = (web.ask("/cat.jpg?w=30", method) for method in ("HEAD", "GET", "HEAD"))
    assert (first.status, first.headers["X-Cache"], first.body) == (200, "MISS", b"")
    assert get.steady == head.steady == first.steady
    assert (head.headers["X-Cache"], head.body) == ("HIT", b"")


def test_head_of_an_error_is_the_error_without_its_body(web):
    get, head = web.ask("/cat.jpg?w=0"), web.ask("/cat.jpg?w=0", "HEAD")
    assert (head.status, head.steady, head.body) == (400, get.steady, b"")


def test_what_was_uploaded_is_answered_without_reading_the_original(web, prerender, cat, originals):
    prerender.reconcile("cat.jpg")
    originals.forget()
    answer = web.ask("/cat.jpg?preset=small")
    assert answer.headers["X-Cache"] == "HIT"
    assert originals.calls == [("head", "cat.jpg")]
    assert "render" not in answer.headers["Server-Timing"]


@pytest.mark.parametrize(
    ("query", "accept", "content_type", "vary"),
    [
        ("w=30", "image/webp", "image/jpeg", None),
        ("w=30&fm=png&auto=format", "image/webp", "image/png", None),
        ("w=30&auto=format", "image/webp,*/*;q=0.8", "image/webp", "Accept"),
        ("w=30&auto=format", "image/webp;q=0", "image/jpeg", "Accept"),
        ("w=30&auto=format", "*/*", "image/jpeg", "Accept"),
        ("w=30&auto=format", "", "image/jpeg", "Accept"),
        ("w=30&auto=format", "image/avif", "image/jpeg", "Accept"),
        ("w=30&auto=compress", "image/webp", "image/jpeg", None),
        ("preset=small", "image/webp", "image/webp", "Accept"),
        ("preset=small&fm=jpg", "image/webp", "image/jpeg", None),
        ("preset=square", "image/webp", "image/png", None),
    ],
)
def test_vary_stands_where_accept_had_a_say_and_only_there(web, cat, query, accept, content_type, vary):
    answer = web.get("cat.jpg", query, accept=accept)
    assert (answer.headers["Content-Type"], answer.headers.get("Vary")) == (content_type, vary)
    etag = answer.headers["ETag"]
    assert web.get("cat.jpg", query, accept=accept, if_none_match=etag).headers.get("Vary") == vary


def test_a_derivatives_own_path_does_not_vary(web, cat):
    assert "Vary" not in web.ask("/cat.jpg/w=30.webp", accept="image/webp").headers


@on_every_store
def test_who_has_the_picture_gets_304_without_it(web, cat):
    first = web.ask("/cat.jpg?w=30")
    answer = web.ask("/cat.jpg?w=30", if_none_match=first.headers["ETag"])
    assert (answer.status, answer.body) == (304, b"")
    for name in ("ETag", "Cache-Control", "Last-Modified", "Access-Control-Allow-Origin"):
        assert answer.headers[name] == first.headers[name]
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"one", {}, "two"', 304),
        ('W/"one" ,W/{}', 304),
        ("*", 304),
        (" * ", 304),
        ('"one"', 200),
        ('"*"', 200),
        ("", 200),
        (",,", 200),
        ('"', 200),
        ("nonsense", 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(web, cat, tags, status, method):
    etag = web.ask("/cat.jpg?w=30").headers["ETag"]
    assert web.ask("/cat.jpg?w=30", method, if_none_match=tags.format(etag)).status == status


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("same", 304),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 304),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ("Saturday, 01-Jan-00 00:00:00 GMT", 200),
        ("yesterday", 200),
        ("", 200),
        ("99999999999", 200),
        ("Fri, 01 Jan 99999 00:00:00 GMT", 200),
        ("Fri, 01 Jan 2100 00:00:00 +99999999", 200),
    ],
)
def test_if_modified_since(web, cat, since, status):
    modified = web.ask("/cat.jpg?w=30").headers["Last-Modified"]
    asked = modified if since == "same" else since
    assert web.ask("/cat.jpg?w=30", if_modified_since=asked).status == status
    assert web.ask("/cat.jpg?w=30", if_modified_since=asked, if_none_match='"another"').status == 200


def test_an_overwritten_original_has_another_etag_and_is_sent_again(web, prerender, upload, cat):
    first = web.ask("/cat.jpg?w=30")
    upload("cat.jpg", picture(colour="gold"))
    prerender.reconcile("cat.jpg")
    again = web.ask("/cat.jpg?w=30", if_none_match=first.headers["ETag"])
    assert (again.status, again.headers["X-Cache"]) == (200, "MISS")
    assert again.headers["ETag"] != first.headers["ETag"]


# Who may read it.


@pytest.mark.parametrize("origin", ["https://shop.example", "null", ""])
def test_by_default_every_origin_may_read(web, cat, origin):
    answer = web.ask("/cat.jpg?w=30", origin=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("target", ["/cat.jpg?w=30", "/cat.jpg?w=0", "/dog.jpg", "/-/health"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_only_the_named_origins_may_read(web_of, cat, target, method):
    web = web_of(origins=("https://shop.example", "https://blog.example"))
    for origin in ("https://shop.example", "https://blog.example"):
        answer = web.ask(target, method, origin=origin)
        assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == (origin, "Origin")
    for origin in ("https://evil.example", "https://shop.example.evil.example", "https://shop.exampl", "null", ""):
        answer = web.ask(target, method, origin=origin)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"
    assert web.ask(target, method).headers["Vary"] == "Origin"


def test_both_reasons_to_vary_are_named(web_of, cat):
    answer = web_of(origins=("https://shop.example",)).ask("/cat.jpg?auto=format", origin="https://shop.example")
    assert answer.headers["Vary"] == "Accept, Origin"


@pytest.mark.parametrize("target", ["/cat.jpg?w=30", "/nothing", "/-/health"])
def test_a_browser_that_asks_before_it_asks_is_told_what_is_allowed(web, originals, target):
    answer = web.ask(target, "OPTIONS", origin="https://shop.example", access_control_request_method="GET")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Allow"] == answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert originals.calls == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("target", ["/cat.jpg?w=30", "/-/health"])
def test_other_methods_are_405_and_say_which_are_taken(web, cat, target, method):
    answer = web.ask(target, method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


# What Lambda cannot carry.


@on_every_store
@pytest.mark.parametrize("stage", ["", "/api"])
@pytest.mark.parametrize("target", ["/photos/cat +é%.png?w=100", "/photos%2Fcat%20+%C3%A9%25.png?w=100"])
def test_what_is_too_large_is_stored_and_found_at_its_own_path(web_of, upload, derivatives, stage, target):
    upload("photos/cat +é%.png", noise())
    web = web_of(response_bytes=1000)
    first, again = web.ask(quote(target, safe="/%?=+")), web.ask(quote(target, safe="/%?=+"))
    assert [answer.status for answer in (first, again)] == [302, 302]
    assert [answer.headers["X-Cache"] for answer in (first, again)] == ["MISS", "HIT"]
    assert first.headers["Cache-Control"] == "no-store"
    assert first.steady == again.steady
    whole = urljoin(f"https://images.example{stage}{quote(target, safe='/%?=+')}", first.headers["Location"])
    assert whole == f"https://images.example{stage}/photos/cat%20%2B%C3%A9%25.png/w=100.png" or "%2F" in target
    path = whole.removeprefix(f"https://images.example{stage}")
    second = web.ask(path)
    assert second.status == 302
    # No circle: the path's own answer leads to S3 itself.
    assert "images.example" not in second.headers["Location"]
    assert second.headers["Location"].startswith("http")
    assert parse_path("photos/cat +é%.png/w=100.png").key in set(derivatives.store.names("photos/cat +é%.png/"))


@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
def test_at_the_end_of_the_redirections_is_the_picture(web_of, upload, derivatives):
    from urllib.request import urlopen

    upload("cat +é.png", noise())
    location = web_of(response_bytes=1000).get("cat +é.png/w=100.png").headers["Location"]
    with urlopen(location) as answer:
        assert answer.read() == derivatives.store.get("cat +é.png/w=100.png").read()


def test_exactly_what_can_be_carried_is_carried(web_of, upload):
    upload("cat.png", noise())
    length = len(web_of().get("cat.png", "w=100").body)
    assert web_of(response_bytes=length).get("cat.png", "w=100").status == 200
    assert web_of(response_bytes=length - 1).get("cat.png", "w=100").status == 302


def test_who_has_what_is_too_large_or_asks_for_its_head_is_not_sent_elsewhere(web_of, upload):
    upload("cat.png", noise())
    web = web_of(response_bytes=1000)
    head = web.ask("/cat.png?w=100", "HEAD")
    assert (head.status, int(head.headers["Content-Length"]) > 1000) == (200, True)
    assert web.ask("/cat.png?w=100", if_none_match=head.headers["ETag"]).status == 304


def test_a_redirection_varies_where_accept_had_a_say(web_of, upload):
    upload("cat.png", noise())
    answer = web_of(response_bytes=1000).get("cat.png", "w=100&auto=format")
    assert (answer.status, answer.headers["Vary"]) == (302, "Accept")
