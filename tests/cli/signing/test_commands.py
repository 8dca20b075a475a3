"""`python -m cli keys` and `python -m cli url`: keys come and go two at a time, and URLs are signed with the newest."""

import json
import sys
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from chalicelib.access.signatures import Signature
from chalicelib.presets.file import read_configuration
from cli.__main__ import commands
from cli.signing.key_store import FileKeys, ParameterKeys, added, dropped, ensured
from cli.signing.url import UrlRequest, signed_url

KEYS = {"k1": "first-secret-of-all", "k2": "second-secret-of-all"}
NOW = 1_800_000_000.0
OPEN = read_configuration("presets: {small: {w: 40}}")


@pytest.fixture(params=["file", "parameter"])
def store(request, tmp_path):
    if request.param == "file":
        yield FileKeys(tmp_path / "keys.json")
    else:
        with mock_aws():
            yield ParameterKeys(boto3.client("ssm"), "/imgy-dev/keys")


def test_a_first_key_is_made_once(store):
    assert store.read() is None
    first = ensured(store)
    assert list(first) == ["k1"]
    assert len(first["k1"]) >= 40
    assert ensured(store) == store.read() == first


def test_a_new_key_comes_before_the_old_one_goes(store):
    old = ensured(store)
    both = added(store, "k2")
    assert list(both) == ["k1", "k2"]
    assert both["k1"] == old["k1"] != both["k2"]
    assert dropped(store, "k1") == store.read() == {"k2": both["k2"]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda store: dropped(store, "k1"), "the only key"),
        (lambda store: dropped(store, "k9"), "no key k9; the keys are: k1"),
        (lambda store: added(store, "k1"), "already"),
        (lambda store: added(store, "Key 2"), "expected keys as a JSON object of ids"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_changed(store, change, says):
    before = ensured(store)
    with pytest.raises(SystemExit, match=says):
        change(store)
    assert store.read() == before


def test_a_file_of_keys_is_its_owner_s_alone(tmp_path):
    ensured(FileKeys(tmp_path / "keys.json"))
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_what_are_no_keys_is_said_without_quoting_them(tmp_path):
    (tmp_path / "keys.json").write_text('{"k1": "s3cr3t"}')
    with pytest.raises(SystemExit) as refusal:
        FileKeys(tmp_path / "keys.json").read()
    assert "s3cr3t" not in str(refusal.value)


def asked(url):
    return urlsplit(url), dict(parse_qsl(urlsplit(url).query))


def test_a_url_is_signed_with_the_newest_key_and_ends_when_it_is_told():
    at, query = asked(
        signed_url(
            UrlRequest("/a b.jpg", ["w=30", "h=20", "fit=crop"], expires="2h"), KEYS, "https://img.example/", OPEN, NOW
        )
    )
    assert (at.netloc, at.path) == ("img.example", "/a%20b.jpg")
    assert (query["w"], query["expires"]) == ("30", "1800007200")
    assert query["sig"].startswith("k2.")
    pairs = [pair for pair in query.items() if pair[0] != "sig"]
    Signature(sig=query["sig"], expires=query["expires"]).verify(KEYS, "", "a b.jpg", pairs, NOW)


def test_or_as_imgix_signs():
    _, query = asked(
        signed_url(UrlRequest("users/1.png", ["h=300", "w=400"], imgix=True), {"k": "FOO123bar"}, "", OPEN)
    )
    assert query["s"] == "1a4e48641614d1109c6a7af51be23d18"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"parameters": ["w=wide"]}, "for w, received 'wide'"),
        ({"parameters": ["wide=3"]}, "received 'wide'"),
        ({"parameters": ["w"]}, "as NAME=VALUE, received 'w'"),
        ({"parameters": ["w=3", "w=4"]}, "each parameter once"),
        ({"parameters": ["sig=3"]}, "each parameter once"),
        ({"expires": "soon"}, "a time like"),
        ({"expires": "0"}, "a time like"),
        ({"expires": "999999999d"}, "a shorter time"),
        ({"parameters": ["preset=nope"]}, "expected one of small for preset, received 'nope'"),
        ({"key": "cat.jpg/w=300.webp", "parameters": ["w=20"]}, "no parameters with"),
        ({"key": "a\nb.jpg"}, "without control characters"),
        ({"key": "a\udcff.jpg"}, "without control characters"),
        ({"key": "/"}, "a non-empty key"),
        ({"key_id": "k9"}, "no key k9; the keys are: k1, k2"),
    ],
)
@pytest.mark.parametrize("imgix", [False, True])
def test_a_url_that_would_be_refused_is_not_signed(changed, says, imgix):
    with pytest.raises(SystemExit, match=says):
        signed_url(UrlRequest(**{"key": "cat.jpg", "parameters": [], "imgix": imgix, **changed}), KEYS, "", OPEN)


def test_a_url_that_the_mode_refuses_is_not_signed_and_an_own_path_is():
    named = read_configuration("access: presets\npresets: {small: {w: 40}}")
    assert "/cat.jpg/w%3D40.jpg?sig=k2." in signed_url(UrlRequest("cat.jpg/w=40.jpg", []), KEYS, "", named)
    with pytest.raises(SystemExit, match="only presets are open here"):
        signed_url(UrlRequest("cat.jpg", ["w=41"]), KEYS, "", named)


def run(*arguments):
    return CliRunner().invoke(commands, list(arguments))


def test_the_commands_on_this_machine(tmp_path):
    folder = ["--data-dir", str(tmp_path)]
    assert "no keys yet" in str(run("url", "cat.jpg", *folder).exception or run("url", "cat.jpg", *folder).output)
    assert run("keys", "--add", "k1", *folder).output == "k1\n"
    secret = json.loads((tmp_path / "keys.json").read_text())["k1"]
    assert secret not in run("keys", *folder).output
    assert run("keys", "--show", *folder).output == f"k1  {secret}\n"
    assert run("url", "cat.jpg", "w=30", *folder).output.startswith("http://127.0.0.1:8000/cat.jpg?w=30&sig=k1.")


def test_the_commands_of_a_stage(monkeypatch):
    told, stack = [], {}
    monkeypatch.setattr("cli.operate.signing_commands._edge", lambda stage, profile: stack)
    monkeypatch.setitem(sys.modules, "cli.edge.store", SimpleNamespace(sync_keys=lambda *asked: told.append(asked[2])))
    with mock_aws():
        assert run("keys", "--stage", "dev", "--add", "k1").output == "k1\n"
        assert run("keys", "--stage", "dev").output == "k1\n"
        url = run("url", "cat.jpg", "w=30", "--stage", "dev", "--base", "https://img.example").output
        assert url.startswith("https://img.example/cat.jpg?w=30&sig=k1.")
        assert "no edge yet" in str(run("url", "cat.jpg", "--stage", "dev").exception)
        stack |= {"Store": "arn:of:a:store", "Url": "https://img.example"}
        assert run("url", "cat.jpg", "--stage", "dev").output.startswith("https://img.example/cat.jpg?sig=k1.")
        assert run("keys", "--stage", "dev", "--add", "k2").output == "k1\nk2\n"
        assert [list(keys) for keys in told] == [["k1", "k2"]]
        assert "expected one of the stages" in str(run("keys", "--stage", "nowhere").exception)
