"""What every store promises, in memory and on S3 alike; then what only S3 can do wrong."""

import threading
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from chalicelib.errors import Denied, Unavailable
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.s3 import S3Store
from chalicelib.storage.store import Content
from support.pipeline import on_every_store
from support.watched_store import Watched, tags_of

KEYS = [
    "cat.jpg",
    "a b.jpg",
    "a+b.jpg",
    "100%.jpg",
    "100%25.jpg",
    "%2F.jpg",
    "café.jpg",
    "cafe\u0301.jpg",
    "😀/👩‍👧.png",
    "one/two/three/four/five/six.jpg",
    "a//b///c.jpg",
    "/leading.jpg",
    "a?b#c&d=e.jpg",
    "quote'\"<b>&amp;\\.jpg",
    "cat.jpg/w=300,h=200,fit=crop.webp",
    "cat.jpg/manifest.json",
    "k" * 1024,
]


@pytest.fixture
def store(bucket):
    return bucket("imgy-store")


def put(store, key, body=b"body", **metadata):
    return store.put(key, Content(body, "image/png", "public, max-age=1", metadata))


@on_every_store
@pytest.mark.parametrize("key", KEYS)
def test_whatever_is_put_under_a_key_is_there_by_that_key(store, key):
    put(store, key)
    assert store.get(key).read() == b"body"
    assert store.head(key).key == key
    assert [found.key for found in store.listing()] == [key]
    assert list(store.names(key[: key.rfind("/") + 1])) == [key]
    store.delete([key])
    assert store.get(key) is None
    assert list(store.listing()) == []


@on_every_store
def test_an_object_says_what_it_was_put_with(store):
    etag = put(store, "cat.png", b"0123456789", original="abc")
    for found in (store.get("cat.png"), store.head("cat.png")):
        assert (found.etag, found.length, found.content_type) == (etag, 10, "image/png")
        assert found.metadata == {"original": "abc"}
        assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=1)
    assert '"' not in etag


@on_every_store
def test_tags_stay_until_they_are_taken_away(store, s3):
    assert tags_of(store, s3, "cat.png") == {}
    store.swap("cat.png", None, Content(b"one", "image/png", tags="imgy=adhoc&other=a%20b"))
    assert tags_of(store, s3, "cat.png") == {"imgy": "adhoc", "other": "a b"}
    store.untag("cat.png")
    assert tags_of(store, s3, "cat.png") == {}
    assert store.get("cat.png").read() == b"one"
    store.swap("cat.png", store.head("cat.png").etag, Content(b"two", "image/png", tags="imgy=adhoc"))
    assert tags_of(store, s3, "cat.png") == {"imgy": "adhoc"}


# The embedded S3 keeps the tags, which S3 does not.
@pytest.mark.parametrize("backend", ["memory", "moto"], indirect=True)
def test_what_takes_the_place_of_a_tagged_object_has_no_tags(store, s3):
    etag = store.swap("cat.png", None, Content(b"one", "image/png", tags="imgy=adhoc"))
    store.swap("cat.png", etag, Content(b"two", "image/png"))
    assert tags_of(store, s3, "cat.png") == {}


@on_every_store
def test_the_etag_changes_with_the_bytes_and_only_with_them(store):
    first = put(store, "cat.png", b"one")
    assert put(store, "cat.png", b"one") == first
    assert put(store, "cat.png", b"two") != first
    assert store.get("cat.png").read() == b"two"


@on_every_store
def test_what_is_not_there_is_none(store):
    assert store.get("nothing") is None
    assert store.head("nothing") is None
    assert list(store.names("nothing/")) == []
    store.delete(["nothing"])
    store.delete([])


@on_every_store
def test_a_body_belongs_to_its_object_whatever_comes_after(store):
    put(store, "cat.png", b"first")
    found = store.get("cat.png")
    put(store, "cat.png", b"second")
    assert found.read() == b"first"


@on_every_store
def test_a_folder_holds_what_stands_right_below_it(store):
    for key in ("cat.jpg", "cat.jpg/w=1.jpg", "cat.jpg/manifest.json", "cat.jpg/x.png/w=1.jpg", "cat.jpgs/w=1.jpg"):
        put(store, key)
    assert sorted(store.names("cat.jpg/")) == ["cat.jpg/manifest.json", "cat.jpg/w=1.jpg"]
    assert sorted(store.names("cat.jpg/x.png/")) == ["cat.jpg/x.png/w=1.jpg"]


@on_every_store
def test_a_listing_tells_key_etag_length_and_date_in_the_order_of_utf8(store):
    keys = ["a", "a!", "a/b", "a/b.jpg/w=3.jpg", "a0", "b", "é", "\ufffd", "😀"]
    etags = {key: put(store, key, key.encode(), original="abc") for key in reversed(keys)}
    assert keys == sorted(keys, key=str.encode)
    found = list(store.listing())
    assert [(each.key, each.etag, each.length) for each in found] == [(k, etags[k], len(k.encode())) for k in keys]
    assert all(abs(datetime.now(UTC) - each.modified) < timedelta(minutes=1) for each in found)
    assert all((each.metadata, each.content_type) == ({}, "") for each in found)
    assert [each.key for each in store.listing("a/")] == ["a/b", "a/b.jpg/w=3.jpg"]
    assert [each.key for each in store.listing(after="a0")] == keys[5:]
    assert [each.key for each in store.listing("a", "a/b")] == ["a/b.jpg/w=3.jpg", "a0"]


@on_every_store
def test_only_the_keys_named_are_deleted(store):
    for key in ("a", "b", "a/b"):
        put(store, key)
    store.delete(key for key in ("a", "c"))
    assert [found.key for found in store.listing()] == ["a/b", "b"]


@on_every_store
def test_a_swap_writes_only_over_what_is_expected_there(store):
    def swap(over, body):
        return store.swap("cat.png", over, Content(body, "image/png", "no-cache", {"original": "abc"}))

    assert swap("0" * 32, b"over nothing") is None
    assert store.get("cat.png") is None
    first = swap(None, b"first")
    assert first == store.head("cat.png").etag
    assert swap(None, b"second") is None
    assert swap("0" * 32, b"over another") is None
    assert store.get("cat.png").read() == b"first"
    second = swap(first, b"second")
    assert second == store.head("cat.png").etag
    assert (store.get("cat.png").read(), store.head("cat.png").metadata) == (b"second", {"original": "abc"})


@on_every_store
def test_a_drop_deletes_only_what_is_expected_there(store):
    first = put(store, "cat.png", b"first")
    second = put(store, "cat.png", b"second")
    store.drop("cat.png", first)
    assert store.get("cat.png").read() == b"second"
    store.drop("cat.png", second)
    assert store.head("cat.png") is None
    store.drop("cat.png", second)


@on_every_store
def test_of_many_who_write_the_first_one_wins(store):
    together, results = threading.Barrier(6, timeout=10), []

    def write(number):
        together.wait()
        results.append(store.swap("cat.png", None, Content(f"{number}".encode(), "image/png")))

    threads = [threading.Thread(target=write, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([etag for etag in results if etag]) == 1
    assert store.head("cat.png").etag in results


@pytest.mark.parametrize("backend", ["moto", "embedded"], indirect=True)
def test_more_keys_than_a_page_holds_are_listed_and_deleted(store, monkeypatch):
    monkeypatch.setattr("chalicelib.storage.s3._BATCH", 7)
    listed = store._client.list_objects_v2
    monkeypatch.setattr(store._client, "list_objects_v2", lambda **asked: listed(**asked, MaxKeys=4))
    keys = [f"cat.jpg/w={number}.jpg" for number in range(10, 40)]
    for key in keys:
        put(store, key)
    assert sorted(store.names("cat.jpg/")) == keys
    assert [each.key for each in store.listing("cat.jpg/", keys[3])] == keys[4:]
    store.delete(keys)
    assert list(store.names("cat.jpg/")) == []


@pytest.mark.parametrize("backend", ["moto", "embedded"], indirect=True)
def test_objects_carry_the_headers_that_s3_answers_browsers_with(store):
    put(store, "cat.png")
    answer = store._client.head_object(Bucket="imgy-store", Key="cat.png")
    assert (answer["ContentType"], answer["CacheControl"]) == ("image/png", "public, max-age=1")


@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
@pytest.mark.parametrize("key", ["cat.jpg/w=1.png", "a b+é%/😀.png"])
def test_a_signed_url_reads_the_object(store, key):
    import urllib.request

    put(store, key, b"by url")
    with urllib.request.urlopen(store.url(key, 60)) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"by url", "image/png")


# What S3 does wrong.


@pytest.fixture
def stubbed():
    client = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(client) as stub:
        yield S3Store(client, "bucket"), stub


CALLS = {
    "get_object": lambda store: store.get("cat.jpg"),
    "head_object": lambda store: store.head("cat.jpg"),
    "put_object": lambda store: put(store, "cat.jpg"),
    "delete_objects": lambda store: store.delete(["cat.jpg"]),
    "delete_object": lambda store: store.drop("cat.jpg", "abc"),
    "list_objects_v2": lambda store: list(store.names("cat.jpg/")),
}


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("SlowDown", 503), ("RequestTimeout", 400)])
def test_a_fault_of_s3_is_unavailable(stubbed, verb, code, status):
    store, stub = stubbed
    stub.add_client_error(verb, code, http_status_code=status)
    with pytest.raises(Unavailable) as raised:
        CALLS[verb](store)
    assert "bucket" not in str(raised.value)


@pytest.mark.parametrize("verb", ["get_object", "head_object"])
def test_s3s_403_is_denied(stubbed, verb):
    store, stub = stubbed
    stub.add_client_error(verb, "AccessDenied", http_status_code=403)
    with pytest.raises(Denied):
        CALLS[verb](store)


@pytest.mark.parametrize("verb", ["put_object", "delete_objects", "delete_object", "list_objects_v2"])
def test_a_denied_write_is_no_missing_original(stubbed, verb):
    store, stub = stubbed
    stub.add_client_error(verb, "AccessDenied", http_status_code=403)
    with pytest.raises(Unavailable):
        CALLS[verb](store)


def test_a_delete_that_left_something_is_unavailable(stubbed):
    store, stub = stubbed
    stub.add_response("delete_objects", {"Errors": [{"Key": "cat.jpg", "Code": "InternalError"}]})
    with pytest.raises(Unavailable):
        store.delete(["cat.jpg"])


@pytest.mark.parametrize(
    ("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409), ("NoSuchKey", 404)]
)
def test_a_swap_or_a_drop_that_s3_refuses_changes_nothing(stubbed, code, status):
    store, stub = stubbed
    stub.add_client_error("put_object", code, http_status_code=status)
    assert store.swap("cat.jpg", "abc", Content(b"body", "image/png")) is None
    stub.add_client_error("delete_object", code, http_status_code=status)
    store.drop("cat.jpg", "abc")


def test_a_body_that_breaks_off_is_unavailable():
    import socket

    server = socket.create_server(("127.0.0.1", 0))

    def answer_half():
        connection, _ = server.accept()
        connection.recv(4096)
        connection.sendall(
            b'HTTP/1.1 200 OK\r\nETag: "abc"\r\nContent-Length: 100\r\n'
            b"Last-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\n\r\nhalf"
        )
        connection.close()

    threading.Thread(target=answer_half, daemon=True).start()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}),
    )
    found = S3Store(client, "bucket").get("cat.jpg")
    with pytest.raises(Unavailable):
        found.read()
    server.close()


def test_a_store_that_nobody_serves_is_unavailable():
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        config=Config(connect_timeout=1, retries={"total_max_attempts": 1}, proxies={}),
    )
    with pytest.raises(Unavailable):
        S3Store(client, "bucket").get("cat.jpg")


def test_a_watched_store_notes_what_is_done():
    store = Watched(MemoryStore())
    store.put("a", Content(b"1"))
    store.get("a").read()
    store.delete(["a"])
    assert store.calls == [("put", "a"), ("get", "a"), ("read", "a"), ("delete", "a")]
