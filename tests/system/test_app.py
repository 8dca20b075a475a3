"""The AWS face: the real triggers and the real route, asked with the events that AWS would bring."""

import json
import logging

import pytest

from chalicelib.errors import Unavailable
from cli.embedded.lambda_context import LambdaContext
from cli.local.buckets import set_up
from cli.local.event_pump import call_triggers
from support.aws_events import TEST_EVENT, Web, removal_event, upload_event
from support.originals import NOT_AN_IMAGE, colour_of, near, picture, size_of
from support.pipeline import NAMES, on_every_store

KEYS = [
    "photos/cat.jpg",
    "a b.jpg",
    "a+b.jpg",
    "100%.jpg",
    "100%25.jpg",
    "café.jpg",
    "cafe\u0301.jpg",
    "😀/👩‍👧.png",
    "Bildschirmfoto um 3.04\u202fPM.png",
    "one/two/three/four/five/six/seven.jpg",
    "a//b///c.jpg",
    "/leading.jpg",
    "//two-leading.jpg",
    "a?b#c&d=e.jpg",
    "semi;colon,comma:colon@at!.jpg",
    "quote'\"back\\slash<b>.jpg",
    "up/../and/./down.jpg",
    "-/health.jpg",
    "x/manifest.json",
    "w=300.jpg",
    "no-extension",
]


@pytest.fixture
def fire(app):
    """Hands an event to a trigger, as Lambda would: through JSON."""

    def fired(event, trigger="upload"):
        handler = {"upload": app.upload_trigger, "removal": app.removal_trigger}[trigger]
        return handler(json.loads(json.dumps(event)), LambdaContext(trigger, 60))

    return fired


# The triggers.


@on_every_store
@pytest.mark.parametrize("key", KEYS)
def test_any_key_works_through_the_trigger_and_through_the_url(fire, web, upload, originals, derivatives, key):
    upload(key, picture())
    fire(upload_event(key))
    assert f"{key}/manifest.json" in set(derivatives.store.names(f"{key}/"))
    preset = web.get(key, "preset=square")
    assert (preset.status, preset.headers["X-Cache"], size_of(preset.body)) == (200, "HIT", (30, 30))
    any_size = web.get(key, "w=77&fm=png")
    assert (any_size.status, any_size.headers["X-Cache"]) == (200, "MISS")
    own_path = web.get(f"{key}/w=77.png")
    assert (own_path.headers["X-Cache"], own_path.body) == ("HIT", any_size.body)
    originals.store.delete([key])
    fire(removal_event(key), "removal")
    assert web.get(key, "w=77&fm=png").status == 404
    assert list(derivatives.store.names(f"{key}/")) == []


@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
def test_the_events_that_s3_itself_sends_reach_the_right_keys(app, s3, upload, embedded_endpoint, manifest, caplog):
    import boto3

    sqs = boto3.client("sqs", endpoint_url=embedded_endpoint)
    queue = set_up(s3, sqs, 8000)
    sqs.purge_queue(QueueUrl=queue)
    waiting = {f"event/{key}" for key in KEYS}
    for key in waiting:
        upload(key, picture((12, 8)))
    while waiting:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
        assert messages, f"no event came for {waiting}"
        for message in messages:
            call_triggers(json.loads(message["Body"]), {"ObjectCreated": app.upload_trigger})
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        waiting = {key for key in waiting if manifest(key) is None}


def test_every_record_of_an_event_is_handled(fire, upload, stored):
    keys = ["a.jpg", "b c.jpg", "d/é.jpg"]
    for key in keys:
        upload(key, picture())
    fire(upload_event(*keys))
    assert [stored(key) for key in keys] == [["manifest.json", *NAMES]] * 3


@pytest.mark.parametrize("encoded", ["deep%2Fa+b%2B%C3%A9%25.jpg", "deep/a+b%2B%C3%A9%25.jpg", "deep/a%20b%2Bé%25.jpg"])
def test_a_key_may_be_form_encoded_in_any_way(fire, upload, stored, encoded):
    upload("deep/a b+é%.jpg", picture())
    event = upload_event("x")
    event["Records"][0]["s3"]["object"]["key"] = encoded
    fire(event)
    assert "manifest.json" in stored("deep/a b+é%.jpg")


def test_a_key_that_comes_twice_in_an_event_is_handled_once(fire, upload, counts, originals):
    upload("cat.jpg", picture())
    fire(upload_event("cat.jpg", "cat.jpg"))
    assert originals.called("get") == ["cat.jpg"]
    assert counts["opened"] == 1


@pytest.mark.parametrize("trigger", ["upload", "removal"])
@pytest.mark.parametrize("event", [TEST_EVENT, {"Records": []}])
def test_an_event_of_nothing_does_nothing(fire, originals, derivatives, event, trigger):
    assert fire(event, trigger) is None
    assert originals.calls == derivatives.calls == []


def test_the_same_event_again_does_nothing(fire, upload, derivatives, counts):
    upload("cat.jpg", picture())
    fire(upload_event("cat.jpg"))
    derivatives.forget()
    counts.update(opened=0, rendered=0)
    fire(upload_event("cat.jpg"))
    assert counts == {"opened": 0, "rendered": 0}
    assert derivatives.called("put", "swap", "delete") == []


def test_events_that_come_in_the_wrong_order_do_no_harm(fire, upload, originals, stored):
    upload("cat.jpg", picture())
    fire(removal_event("cat.jpg"), "removal")
    assert stored() == ["manifest.json", *NAMES]
    originals.store.delete(["cat.jpg"])
    fire(upload_event("cat.jpg"))
    assert stored() == []


@on_every_store
def test_after_an_overwrite_every_url_shows_the_new_picture(fire, web, upload):
    upload("cat.jpg", picture(colour="tomato"))
    fire(upload_event("cat.jpg"))
    queries = ["preset=small", "preset=square", "preset=set&w=20", "w=77", "w=50&h=50&fit=crop&fm=webp"]
    before = [web.get("cat.jpg", query) for query in queries]
    upload("cat.jpg", picture(colour="gold"))
    fire(upload_event("cat.jpg"))
    after = [web.get("cat.jpg", query) for query in queries]
    assert all(near(colour_of(answer.body), "tomato") for answer in before)
    assert all(near(colour_of(answer.body), "gold") for answer in after)
    assert not {answer.headers["ETag"] for answer in before} & {answer.headers["ETag"] for answer in after}


@on_every_store
def test_what_is_not_an_image_raises_nothing_and_its_urls_say_why(fire, web, upload, manifest, originals):
    upload("cat.jpg", NOT_AN_IMAGE)
    fire(upload_event("cat.jpg"))
    answer = web.get("cat.jpg", "w=77")
    assert (answer.status, answer.error) == (415, str(manifest().refusal))
    assert originals.called("read") == ["cat.jpg"]


def test_a_fault_of_s3_raises_once_every_record_had_its_turn(fire, upload, originals, stored):
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        upload(key, picture())
    originals.fail("read", Unavailable("the store does not answer now"), key="b.jpg", once=True)
    with pytest.raises(Unavailable):
        fire(upload_event("a.jpg", "b.jpg", "c.jpg"))
    assert [bool(stored(key)) for key in ("a.jpg", "b.jpg", "c.jpg")] == [True, False, True]
    fire(upload_event("a.jpg", "b.jpg", "c.jpg"))
    assert "manifest.json" in stored("b.jpg")


def test_the_shipped_presets_are_all_there_after_an_upload(configure, prerender, upload, stored):
    from dataclasses import replace

    from chalicelib.presets.file import load_configuration

    shipped = load_configuration().presets
    app = configure(prerender=replace(prerender, presets=shipped))
    upload("logos/a.png", picture((300, 200), form="PNG"))
    app.upload_trigger(upload_event("logos/a.png"), None)
    assert [f"logos/a.png/{name}" for name in stored("logos/a.png") if name != "manifest.json"] == sorted(
        shipped.derivatives("logos/a.png")
    )
    for name in shipped.presets:
        answer = Web(app.app).get("logos/a.png", f"preset={name}", accept="image/avif,image/webp,*/*")
        assert (answer.status, answer.headers["X-Cache"]) == (200, "HIT"), name


def test_a_line_says_what_became_of_each_event_and_request(fire, web, upload, caplog):
    caplog.set_level(logging.INFO, "imgy")
    upload("cat.jpg", picture())
    fire(upload_event("cat.jpg"))
    web.get("cat.jpg", "w=77")
    web.get("cat.jpg", "w=77")
    web.get("dog.jpg", "w=77")
    event, miss, hit, missing = [record.getMessage() for record in caplog.records if record.name == "imgy"]
    assert all(word in event for word in ("upload", "cat.jpg", "made", "5 made", "ms"))
    assert all(word in miss for word in ("GET", "cat.jpg", "w=77.jpg", "MISS", "bytes", "ms"))
    assert "HIT" in hit
    assert "404" in missing


def test_lines_are_logged_where_nothing_is_set_up(app):
    assert app.app.log.getEffectiveLevel() == logging.INFO
    assert app.app.log.handlers


def test_a_key_with_line_breaks_is_still_one_line_of_the_log(fire, upload, originals, caplog):
    caplog.set_level(logging.INFO, "imgy")
    key = "a\r\nupload b.jpg  made\u2028.jpg"
    upload(key, picture())
    fire(upload_event(key))
    originals.fail("get", Unavailable("the store does not answer now"))
    with pytest.raises(Unavailable):
        fire(upload_event(key))
    lines = [record.getMessage() for record in caplog.records if record.name == "imgy"]
    assert [line.splitlines() for line in lines] == [[line] for line in lines]
    assert len(lines) == 2


# What the app does when something is wrong on its side.


def test_an_error_nobody_thought_of_is_500_and_says_nothing(web, upload, originals, caplog):
    upload("cat.jpg", picture())
    originals.fail("get", RuntimeError("secret of imgy-originals in /var/task"))
    answer = web.get("cat.jpg", "w=77")
    assert (answer.status, answer.headers["Cache-Control"]) == (500, "no-store")
    assert answer.error == "an internal error occurred; it was logged"
    assert "secret" in caplog.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_says_versions_limits_and_presets(web, method):
    answer = web.ask("/-/health", method)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert int(answer.headers["Content-Length"]) > 100
    if method == "GET":
        assert answer.json["presets"] == ["small", "square", "set"]
        assert answer.json["limits"]["original_bytes"] == 25_000_000
        assert set(answer.json["versions"]) == {"imgy", "python", "imagemagick", "libvips"}
        assert all(answer.json["versions"].values())
        assert (answer.json["access"], answer.json["formats"]) == ("open", ["webp"])


def test_the_app_is_what_chalice_deploys(app):
    routes = {path: sorted(methods) for path, methods in app.app.routes.items()}
    assert routes == {"/{key+}": ["GET", "HEAD", "OPTIONS"], "/-/health": ["GET", "HEAD", "OPTIONS"]}
    events = {config.name: (config.bucket, config.events) for config in app.app.event_sources}
    assert events == {
        "upload_trigger": ("imgy-originals", ["s3:ObjectCreated:*"]),
        "removal_trigger": ("imgy-originals", ["s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]),
    }


@pytest.mark.parametrize("headers", [None, {}, {"accept": "*/*"}, {"ACCEPT": "image/webp"}])
def test_a_request_with_or_without_accept_is_answered_in_bytes(app, upload, headers):
    from support.aws_events import rest_event

    upload("cat.jpg", picture())
    event = {**rest_event("/cat.jpg?w=20"), "headers": headers}
    answer = app.app(event, None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
