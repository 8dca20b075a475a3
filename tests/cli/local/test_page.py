"""The page's server side: what it lists, what it says of an original, which uploads it signs."""

import http.client
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from werkzeug.test import Client

from chalicelib.errors import ImgyError
from chalicelib.http.route import Request, Route
from chalicelib.operations import OPERATIONS, PARAMETERS
from chalicelib.presets.file import read_configuration
from chalicelib.settings import Settings
from chalicelib.storage.manifest import Manifest
from cli.embedded.environment import CREDENTIALS, DERIVATIVES, ORIGINALS
from cli.local.page import PLAYGROUND, newest, page, pictures, preset_labels
from support.originals import NOT_AN_IMAGE, picture
from support.pipeline import NAMES, PRESETS

ODD_KEYS = [
    "été 2026/100% + größe/🎈 &?#.png",
    "<script>alert(1)</script>.jpg",
    "\"quoted\" 'twice'.jpg",
    "-/page/originals",
    "Screenshot 10.30\N{NARROW NO-BREAK SPACE}AM.jpg",
    "family 👩‍👧.jpg",
    "no extension",
]
KEYS = {"k1": "the-older-of-two-secrets", "k2": "the-newer-of-two-secrets"}


@pytest.fixture
def backend():
    return "moto"


@pytest.fixture
def client(s3, originals, derivatives, configuration):
    return Client(page(s3, ORIGINALS, DERIVATIVES, configuration, KEYS.copy))


@pytest.fixture
def listed(client):
    return lambda **query: client.get("/-/page/originals", query_string=query).json


@pytest.fixture
def described(client):
    return lambda key: client.get("/-/page/original", query_string={"key": key}).json


# What the page is made of.


def test_the_page_and_all_that_it_loads_are_served(client):
    page = client.get("/")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    wanted, seen = set(named_in(page.text)), {}
    while todo := wanted - seen.keys():
        name = todo.pop()
        seen[name] = client.get(f"/-/page/{name}")
        assert seen[name].status_code == 200, name
        wanted |= set(named_in(seen[name].text))
    assert {name: found.mimetype for name, found in seen.items() if "." in name} == {
        file.name: {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}[file.suffix]
        for file in PLAYGROUND.iterdir()
        if file.suffix != ".html"
    }


def named_in(text):
    return re.findall(r'/-/page/([\w.]+)"', text) + re.findall(r'from "\./([\w.]+)"', text)


def test_a_browser_may_run_only_what_is_served_here(client):
    for path in ("/", "/-/page/playground.js", "/-/page/originals", "/-/page/nothing"):
        headers = client.get(path).headers
        policy = dict(entry.split(" ", 1) for entry in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert "unsafe" not in str(policy)
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_nothing_that_its_policy_forbids():
    text = (PLAYGROUND / "index.html").read_text("utf-8")
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)|javascript:|https?://", text)
    for script in PLAYGROUND.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", script.read_text("utf-8")
        )


def test_every_element_that_a_script_asks_for_by_id_is_there():
    ids = set(re.findall(r'\sid="([\w-]+)"', (PLAYGROUND / "index.html").read_text("utf-8")))
    for script in PLAYGROUND.glob("*.js"):
        assert set(re.findall(r"(?<!\.)\b(?:get|made)\(\"([\w-]+)\"\)", script.read_text("utf-8"))) <= ids


@pytest.mark.parametrize("path", ["../app.py", "..%2Fapp.py", "%2Fetc%2Fpasswd", "nothing.js", "", "a/b"])
def test_nothing_else_is_served(client, path):
    response = client.get(f"/-/page/{path}")
    assert response.status_code == 404
    assert response.json["error"]


def test_a_method_that_is_not_meant_is_named(client):
    response = client.put("/-/page/uploads")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


# What a transformation may say.


def test_every_parameter_is_described_as_it_is_declared(client, presets):
    answer = client.get("/-/page/operations").json
    assert answer["presets"] == list(presets.presets)
    assert [entry["name"] for entry in answer["operations"]] == [entry.name for entry in OPERATIONS]
    described = {entry["name"]: entry for group in answer["operations"] for entry in group["parameters"]}
    assert described.keys() == PARAMETERS.keys()
    for name, parameter in PARAMETERS.items():
        assert described[name]["expected"] == parameter.kind.expected
        assert described[name]["control"] == parameter.kind.control
        if described[name]["default"]:
            assert parameter.parse(described[name]["default"]) == parameter.default


# What stands in the bucket.


def test_the_newest_originals_come_first():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    entries = [
        {"key": key, "modified": (start + timedelta(seconds=age)).isoformat()}
        for key, age in {"old.jpg": 0, "b.jpg": 5, "a.jpg": 5, "folder/": 6, "Été.jpg": 9}.items()
    ]
    assert [entry["key"] for entry in newest(entries, "")] == ["Été.jpg", "a.jpg", "b.jpg", "old.jpg"]
    assert [entry["key"] for entry in newest(entries, "éTÉ")] == ["Été.jpg"]


def test_more_originals_than_s3_lists_at_once_are_counted_and_found(listed, upload):
    for number in range(1003):
        upload(f"{number:04}.jpg", b"")
    assert listed(count=24)["total"] == 1003
    assert len(listed(count=24)["originals"]) == 24
    assert [entry["key"] for entry in listed(find="1002")["originals"]] == ["1002.jpg"]
    assert listed(find="nothing like it") == {"total": 0, "originals": []}


@pytest.mark.parametrize(("count", "shown"), [("0", 0), ("-1", 0), ("nonsense", 2), ("1", 1), ("1000000", 2)])
def test_a_strange_count_does_no_harm(listed, upload, count, shown):
    upload("a.jpg", picture())
    upload("b.jpg", picture())
    assert len(listed(count=count)["originals"]) == shown


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_listed_described_and_removed(client, listed, described, upload, prerender, originals, key):
    body = picture()
    upload(key, body)
    prerender.reconcile(key)
    (entry,) = listed()["originals"]
    assert (entry["key"], entry["length"]) == (key, len(body))
    assert described(key)["etag"] == entry["etag"]
    assert described(key)["pictures"]
    assert client.delete("/-/page/original", query_string={"key": key}).status_code == 204
    assert originals.store.head(key) is None
    assert client.get("/-/page/original", query_string={"key": key}).status_code == 404


# What is said of one original.


def test_an_original_is_described_with_its_pictures_once_its_manifest_is_there(described, upload, prerender):
    upload("cat.jpg", picture((120, 80)))
    assert described("cat.jpg")["manifest"] is None
    assert described("cat.jpg")["pictures"] == []
    prerender.reconcile("cat.jpg")
    known = described("cat.jpg")
    assert (known["manifest"]["width"], known["manifest"]["height"], known["manifest"]["format"]) == (120, 80, "jpeg")
    assert known["manifest"]["placeholder"].startswith("data:image/")
    assert [
        (entry["preset"], entry["width"], entry["height"], [file["format"] for file in entry["files"]])
        for entry in known["pictures"]
    ] == [
        ("preset=small", 40, 27, ["webp", "jpg"]),
        ("preset=square", 30, 30, ["png"]),
        ("preset=set&w=20", 20, 13, ["jpg"]),
        ("preset=set&w=60", 60, 40, ["jpg"]),
    ]


def test_what_was_asked_for_by_url_comes_after_the_presets(described, upload, prerender, find, body):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    find("cat.jpg/w=33.webp")
    last = described("cat.jpg")["pictures"][-1]
    length = len(body("cat.jpg/w=33.webp"))
    assert last == {
        "preset": None,
        "text": "w=33",
        "width": None,
        "height": None,
        "signature": "",
        "files": [{"name": "w=33.webp", "format": "webp", "length": length, "signature": ""}],
    }


def test_the_pictures_of_an_original_that_was_overwritten_are_not_shown(described, upload, prerender):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    upload("cat.jpg", picture(colour="green"))
    assert described("cat.jpg")["manifest"] is None
    assert described("cat.jpg")["pictures"] == []


def test_a_refused_original_says_why(described, upload, prerender):
    upload("letter.jpg", NOT_AN_IMAGE)
    prerender.reconcile("letter.jpg")
    refused = described("letter.jpg")["manifest"]["refused"]
    assert refused["status"] == 415
    assert "expected an image" in refused["reason"]


def test_pictures_of_other_originals_and_other_files_are_left_out(presets):
    stored = {"a/w=40.jpg": 7, "a/manifest.json": 9, "a/notes.txt": 1, "a/w=abc.jpg": 3}
    made = pictures("a", stored, Manifest("etag"), presets, lambda key, pairs: "")
    assert [(entry["preset"], entry["text"]) for entry in made] == [("preset=small", "w=40")]


# Where nobody may ask without a signature.


@pytest.fixture
def closed(s3, originals, derivatives, prerender, upload, find):
    """The page of an original with its presets and another picture, and what the route says to one of its URLs."""

    def said(access):
        configuration = read_configuration(f"{access}\n{PRESETS}")
        upload("cat.jpg", picture((120, 80)))
        prerender.reconcile("cat.jpg")
        find("cat.jpg/w=33.webp")
        client = Client(page(s3, ORIGINALS, DERIVATIVES, configuration, KEYS.copy))
        route = Route(None, configuration, Settings(keys="file:x"), str, KEYS.copy)

        def refusal(path, *query):
            asked = parse_qs("&".join(filter(None, query)), keep_blank_values=True)
            try:
                route.understand(Request("GET", path, asked, {}))
            except ImgyError as error:
                return error.status
            return None

        return client, refusal

    return said


@pytest.mark.parametrize(
    ("access", "signed"),
    [
        ("access: open", []),
        ("access: signed", ["w=33.webp"]),
        ("access: signed\nsign_presets: true", [*NAMES, "w=33.webp"]),
        ("access: presets", []),
    ],
)
def test_what_the_page_shows_is_signed_where_it_must_be(closed, access, signed):
    client, refusal = closed(access)
    entries = client.get("/-/page/original?key=cat.jpg").json["pictures"]
    files = {file["name"]: file["signature"] for entry in entries for file in entry["files"]}
    assert sorted(name for name, signature in files.items() if signature) == sorted(signed)
    refused = [name for name, signature in files.items() if refusal(f"cat.jpg/{name}", signature)]
    assert refused == (["w=33.webp"] if access == "access: presets" else [])
    labels = [(entry["preset"], entry["signature"]) for entry in entries if entry["preset"]]
    assert [label for label, signature in labels if refusal("cat.jpg", label, signature)] == []


@pytest.mark.parametrize(
    ("access", "query", "signed", "status"),
    [
        ("access: open", "w=33", False, None),
        ("access: signed", "w=33", True, None),
        ("access: signed", "w=33&h=20&fit=crop&crop=top%2Cleft", True, None),
        ("access: signed", "preset=small", False, None),
        ("access: signed", "preset=small&w=41", True, None),
        ("access: signed\nsign_presets: true", "preset=small", True, None),
        ("access: signed", "w=abc", False, 400),
        ("access: signed", "w=1&w=2", False, 400),
        ("access: signed", "preset=none", False, 400),
        ("access: signed", "w=33&sig=k1.wrong", False, 403),
        ("access: presets", "w=33", False, 403),
        ("access: signed", "w=33&ixlib=js-3.0", True, None),
        ("access: open\nladder: {w: [40], otherwise: refuse}", "w=33", True, None),
        ("access: open\nladder: {w: [40], otherwise: snap}", "w=33", True, None),
        ("access: open\nladder: {w: [40], otherwise: snap}", "w=40", False, None),
    ],
)
def test_what_is_tried_out_is_signed_where_it_must_be(closed, access, query, signed, status):
    client, refusal = closed(access)
    answer = client.get("/-/page/signature", query_string={"key": "cat.jpg", "query": query}).json
    assert answer["signature"].startswith("sig=k2." if signed else "")
    assert bool(answer["signature"]) == signed
    assert refusal("cat.jpg", query, answer["signature"]) == status


def test_without_keys_nothing_is_signed(s3):
    client = Client(page(s3, ORIGINALS, DERIVATIVES, read_configuration("access: signed"), dict))
    assert client.get("/-/page/signature?key=cat.jpg&query=w=33").json == {"signature": ""}


def test_every_label_is_a_query_that_asks_for_that_very_picture(presets):
    for name, query in preset_labels("cat.jpg", presets).items():
        pairs = [tuple(pair.split("=")) for pair in query.split("&")]
        accept = "image/webp" if name.endswith(".webp") else ""
        assert presets.request("cat.jpg", pairs, accept).derivative.name == name


def test_a_preset_for_other_originals_labels_nothing():
    presets = read_configuration('presets:\n  logo: {only: ["logos/*"], w: 40, fm: png}\n').presets
    assert preset_labels("cat.jpg", presets) == {}
    assert preset_labels("logos/cat.jpg", presets) == {"w=40.png": "preset=logo"}


# Uploads.


@pytest.mark.parametrize(
    "key",
    ["", "folder/", "a\nb.jpg", "a\x00.jpg", "\ud800.jpg", "x" * 1024, "a/../b.jpg", "./a.jpg", None, 7, ["a"]],
    ids=repr,
)
def test_a_name_that_no_original_can_have_is_refused_in_a_sentence(client, key):
    response = client.post("/-/page/uploads", json={"key": key})
    assert response.status_code == 400
    assert response.json["error"].startswith("Expected a name ")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"a"', b"null"])
def test_an_upload_that_names_nothing_is_refused_in_a_sentence(client, body):
    response = client.post("/-/page/uploads", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.json["error"]


def test_another_site_cannot_ask_without_a_preflight_which_is_not_granted(client):
    """A form or a plain fetch elsewhere can send no JSON; and no answer here lets another origin read it."""
    response = client.post("/-/page/uploads", data='{"key": "a.jpg"}', content_type="text/plain")
    assert response.status_code == 415
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "DELETE"}
    preflight = client.options("/-/page/original", headers=asked)
    assert not [name for name, _ in preflight.headers if name.startswith("Access-Control")]


@pytest.fixture
def signing(embedded_endpoint, configuration):
    """The page on the embedded S3, which checks URLs that were signed ahead."""
    s3 = boto3.client(
        "s3",
        endpoint_url=embedded_endpoint,
        **{name.lower(): value for name, value in CREDENTIALS.items()},
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    s3.create_bucket(Bucket=ORIGINALS)
    yield s3, Client(page(s3, ORIGINALS, DERIVATIVES, configuration, dict))
    for entry in s3.list_objects_v2(Bucket=ORIGINALS).get("Contents", []):
        s3.delete_object(Bucket=ORIGINALS, Key=entry["Key"])
    s3.delete_bucket(Bucket=ORIGINALS)


def put(url, headers, body):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("PUT", f"{parts.path}?{parts.query}", body=body, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_signed_url_stores_that_very_original(signing, key):
    s3, client = signing
    asked = client.post("/-/page/uploads", json={"key": key, "type": "image/jpeg"}).json
    assert put(asked["url"], asked["headers"], picture()) == 200
    stored = s3.get_object(Bucket=ORIGINALS, Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (picture(), "image/jpeg")


def test_a_signed_url_is_good_for_nothing_else(signing):
    s3, client = signing
    asked = client.post("/-/page/uploads", json={"key": "mine.jpg", "type": "image/jpeg"}).json
    assert put(asked["url"].replace("mine.jpg", "yours.jpg"), asked["headers"], b"x") == 403
    assert put(asked["url"], {"Content-Type": "text/html"}, b"x") == 403
    assert "Contents" not in s3.list_objects_v2(Bucket=ORIGINALS)


def test_a_store_that_does_not_answer_is_said_in_a_sentence(configuration):
    options = Config(connect_timeout=0.2, retries={"total_max_attempts": 1})
    s3 = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=options)
    client = Client(page(s3, ORIGINALS, DERIVATIVES, configuration, dict))
    for response in (
        client.get("/-/page/originals"),
        client.get("/-/page/original?key=a.jpg"),
        client.delete("/-/page/original?key=a.jpg"),
    ):
        assert response.status_code == 503
        assert response.json == {"error": "The embedded S3 does not answer; see the terminal."}
    assert client.get("/").status_code == 200
