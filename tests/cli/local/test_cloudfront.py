"""Through the edge: the real function, S3 before the app, a cache that keeps what it may and forgets what it must."""

import shutil
import time
from dataclasses import dataclass, replace

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from chalicelib.access.policy import Access
from chalicelib.access.signatures import imgix_path, signed_path
from chalicelib.cdn import tag
from chalicelib.storage.manifest import manifest_key
from cli.edge.access import items
from cli.edge.function import TEMPLATE, function
from cli.local.cloudfront import Edge, Template, ViewerRequest, edge_before, s3_origin
from cli.local.gateway import REQUEST_HEADERS, TARGET, gateway
from support.aws_events import upload_event
from support.originals import colour_of, near, picture

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.parametrize("backend", ["moto"], indirect=True),
]
SECRET = "the-origin-secret-of-this-test-run"
AVIF = {"Accept": "image/avif,image/webp,*/*"}
WEBP = {"Accept": "image/webp,*/*"}


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@dataclass(frozen=True)
class Seen:
    """What a browser sees."""

    status: int
    headers: Headers
    body: bytes

    @property
    def hit(self):
        return self.headers["X-Cache"].startswith("Hit")


class Browser:
    """A client of the edge."""

    def __init__(self, edge):
        self._edge = edge

    def get(self, target, method="GET", **headers):
        builder = EnvironBuilder(path=target.partition("?")[0], method=method, headers=headers)
        own = {TARGET: target, REQUEST_HEADERS: list(headers.items()), "REMOTE_ADDR": "127.0.0.1"}
        environ = builder.get_environ() | own
        body, status, named = run_wsgi_app(self._edge, environ, buffered=True)
        return Seen(int(status.split()[0]), named, b"".join(body))


@pytest.fixture
def calls():
    return []


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def edge(app, s3, configuration, calls, clock):
    def counted(event, context):
        calls.append(event["path"])
        return app.app(event, context)

    with ViewerRequest.running(function(configuration), {}) as viewer_request:
        yield Edge(viewer_request, s3_origin(s3, "imgy-derivatives"), gateway(counted, lambda *_: []), clock=clock)


@pytest.fixture
def browser(edge):
    return Browser(edge)


@pytest.fixture
def uploaded(app, upload):
    def done(key="photos/c t.jpg", body=None):
        upload(key, body or picture())
        app.upload_trigger(upload_event(key), None)

    return done


def test_a_preset_never_calls_the_app(browser, uploaded, calls):
    uploaded()
    for headers, kind in ((WEBP, "image/webp"), ({}, "image/jpeg"), (AVIF, "image/webp")):
        answer = browser.get("/photos/c%20t.jpg?preset=small", **headers)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
        assert answer.headers["Vary"] == "Accept"
    assert calls == []


def test_every_spelling_of_an_ad_hoc_url_calls_the_app_once(browser, uploaded, calls):
    uploaded()
    bodies = {
        browser.get(f"/photos/c%20t.jpg?{query}").body
        for query in (
            "w=33&h=20&fit=crop",
            "fit=crop&h=20&w=33",
            "width=33&height=020&f=crop&ixlib=js",
            "h=20&fit=crop&w=33",
        )
    }
    assert len(bodies) == 1
    assert calls == ["/photos/c%20t.jpg/w=33,h=20,fit=crop.jpg"]


def test_what_the_function_leaves_to_the_api_is_kept_too(browser, uploaded, calls):
    uploaded()
    answers = [browser.get("/photos/c%20t.jpg?w=33&bg=red") for _ in range(2)]
    assert [answer.hit for answer in answers] == [False, True]
    assert len(calls) == 1


def test_after_an_overwrite_the_new_picture_comes(browser, edge, uploaded):
    uploaded(body=picture(colour="tomato"))
    for query in ("preset=small", "w=33", "w=33&bg=red"):
        assert near(colour_of(browser.get(f"/photos/c%20t.jpg?{query}").body), "tomato")
    uploaded(body=picture(colour="navy"))
    edge.invalidate(tag("photos/c t.jpg"))
    for query in ("preset=small", "w=33", "w=33&bg=red"):
        assert near(colour_of(browser.get(f"/photos/c%20t.jpg?{query}").body), "navy")


def test_a_missing_original_is_kept_for_as_long_as_it_says(browser, uploaded, clock, calls):
    assert browser.get("/photos/c%20t.jpg?w=9").status == 404
    clock.now = 9
    uploaded()
    assert browser.get("/photos/c%20t.jpg?w=9").status == 404
    clock.now = 11
    assert browser.get("/photos/c%20t.jpg?w=9").status == 200
    assert len(calls) == 2


def test_a_fault_is_not_kept(browser, edge, uploaded, monkeypatch):
    uploaded()
    with monkeypatch.context() as broken:
        broken.setattr(edge, "api", lambda environ, start: start("503 -", [("Cache-Control", "no-store")]) and [])
        assert browser.get("/photos/c%20t.jpg?w=9").status == 503
    assert browser.get("/photos/c%20t.jpg?w=9").status == 200


def test_a_stored_picture_with_a_query_is_refused_as_the_api_refuses_it(browser, uploaded):
    uploaded()
    assert browser.get("/photos/c%20t.jpg/w=40.webp").status == 200
    assert browser.get("/photos/c%20t.jpg/w=40.webp?response-content-type=text/html").status == 400


def test_a_preflight_is_answered(browser):
    answer = browser.get("/photos/c%20t.jpg?w=9", "OPTIONS", Origin="https://example.com")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")


@pytest.mark.parametrize("query", ["", "?x", "?w=", "?bg=red"])
def test_no_query_reads_a_manifest(browser, uploaded, query):
    uploaded()
    answer = browser.get(f"/photos/c%20t.jpg/manifest.json{query}")
    assert answer.status in (400, 404)
    assert b"etag" not in answer.body


def test_the_template_denies_what_the_simulator_denies(backend):
    assert f'/*{manifest_key("")}"' in TEMPLATE.read_text("utf-8")


def test_a_redirection_ends(browser, configure, settings, uploaded, calls):
    configure(replace(settings, response_bytes=100))
    uploaded()
    answer = browser.get("/photos/c%20t.jpg?w=31")
    # The app stored the picture before it answered: the redirect and every later request get it from S3.
    assert answer.status in (200, 302)
    assert browser.get("/photos/c%20t.jpg?w=31").status == 200
    assert len(calls) == 1


def test_a_browser_that_has_it_is_told_so(browser, uploaded):
    uploaded()
    etag = browser.get("/photos/c%20t.jpg?preset=small").headers["ETag"]
    again = browser.get("/photos/c%20t.jpg?preset=small", **{"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")


def test_head_has_no_body(browser, uploaded):
    uploaded()
    answer = browser.get("/photos/c%20t.jpg?preset=small", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_the_local_run_invalidates_replaced_pictures_and_never_caches_its_page(app, s3, uploaded, monkeypatch):
    monkeypatch.setattr(app, "events", app.events)
    page = lambda environ, start: start("200 -", [("Content-Length", "4")]) and [b"page"]  # noqa: E731
    with edge_before(gateway(app.app, page), app, s3, "imgy-derivatives") as front:
        browser = Browser(front)
        uploaded(body=picture(colour="tomato"))
        assert near(colour_of(browser.get("/photos/c%20t.jpg?preset=small").body), "tomato")
        uploaded(body=picture(colour="navy"))
        assert near(colour_of(browser.get("/photos/c%20t.jpg?preset=small").body), "navy")
        assert "X-Cache" not in browser.get("/").headers


def test_the_template_is_what_the_simulator_goes_by(backend):
    template = Template.read()
    assert {403, 404, 503} <= template.failover
    assert template.error_seconds[404] == 10
    assert template.error_seconds[503] == 0


KEYS = {"k1": "first-secret-of-all"}


@pytest.fixture
def signed(uploaded, configure, configuration, settings, s3, calls):
    """A browser of a stage that wants signatures, with a picture in it."""
    uploaded()
    guarded = replace(configuration, access=Access("signed"))
    app = configure(replace(settings, keys="file:x", origin_secret=SECRET), configuration=guarded)
    app.route = replace(app.route, keys=lambda: KEYS)

    def counted(event, context):
        calls.append(event["path"])
        return app.app(event, context)

    with ViewerRequest.running(function(guarded), items(guarded, KEYS)) as viewer_request:
        origins = s3_origin(s3, "imgy-derivatives"), gateway(counted, lambda *_: [])
        yield Browser(Edge(viewer_request, *origins, secret=SECRET))


def test_a_signed_stage_answers_presets_and_what_is_signed(signed, calls):
    assert signed.get("/photos/c%20t.jpg?preset=small").status == 200
    assert signed.get("/photos/c%20t.jpg?w=33").status == 403
    assert calls == [], "a stranger costs nothing"
    assert signed.get(signed_path("photos/c t.jpg", {"w": "33"}, "k1", KEYS["k1"])).status == 200
    assert signed.get(imgix_path("photos/c t.jpg", {"w": "33", "bg": "red"}, KEYS["k1"])).status == 200
    assert calls == ["/photos/c%20t.jpg/w=33.jpg", "/photos/c%20t.jpg"]
    # It stands in the bucket now, and still nobody else gets it, whatever he says.
    for target in ("/photos/c%20t.jpg?w=33", "/photos/c%20t.jpg/w=33.jpg"):
        for said in ({}, {"X-Imgy-Access": "signed"}):
            answer = signed.get(target, **said)
            assert (answer.status, answer.headers["Cache-Control"]) == (403, "public, max-age=10")
    assert len(calls) == 2


def test_what_was_kept_of_a_signed_url_ends_with_it(signed):
    url = signed_path("photos/c t.jpg", {"w": "33"}, "k1", KEYS["k1"], int(time.time()) + 2)
    assert signed.get(url).status == 200
    time.sleep(2.1)
    answer = signed.get(url)
    assert (answer.status, b"expired" in answer.body) == (403, True)
