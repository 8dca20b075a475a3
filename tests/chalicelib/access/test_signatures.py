"""Signatures: what makes one, and that whatever changes what it covers is refused."""

import json
import logging
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.access.keys import KeySource, fetcher
from chalicelib.access.signatures import EXPIRED, LIFETIME, WRONG, Signature, imgix_path, read_keys, signed_path
from chalicelib.errors import Forbidden, MisconfiguredError, ParameterError, Unavailable
from chalicelib.http.route import Request, Route
from chalicelib.presets.file import read_configuration
from chalicelib.settings import Settings
from chalicelib.transformation import ALIASES
from cli import ROOT
from cli.local.gateway import gathered
from support.aws_events import Web
from support.originals import picture
from support.queries import queries

KEYS = {"k1": "first-secret-of-all", "k2": "second-secret-of-all"}
NOW = 1_800_000_000
VECTORS = json.loads((ROOT / "tests" / "support" / "signatures.json").read_text("utf-8"))
NO_KEYS = (
    *("", "[]", "{}", "nonsense", '{"k1": "short"}', '{"K": "x"}', '{"k1": 3}'),
    *('{"k1": "with a space in between"}', '{"": "long-enough-secret"}'),
)
NO_SIGNATURES = (
    *("s=1&sig=k1.x", "s=1&s=1", "sig=k1.x&sig=k1.x", "expires=1", "expires=x", "expires=1&expires=1"),
    *("s=1&expires=x", "s=1&expires=-1", "s=1&expires=1e9", "s=1&expires=٣"),
    *("s=x", "s=ü", "sig=k1", "sig=k1.", "sig=.x", "sig=__proto__.x", "sig=k1.ü", "sig=x"),
)
SIGNED = "access: signed\npresets: {small: {w: 40, fm: jpg}}"


def understood(url, presets=SIGNED, now=NOW, keys=KEYS, headers=None, **named):
    """What the route makes of a URL: the derivative's key, or the error."""
    path, _, query = url.partition("?")
    asked: dict[str, list[str]] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        asked.setdefault(name, []).append(text)
    configuration = read_configuration(presets)
    route = Route(None, configuration, Settings(keys="file:x", **named), lambda key: "", lambda: keys, lambda: now)
    return route.understand(Request("GET", path[1:], asked, headers or {}))[0].derivative.key


# imgix's own examples: imgix-core-js and imgix-python, README and tests (BSD-2-Clause).
@pytest.mark.parametrize(
    ("key", "parameters", "signature"),
    [
        ("users/1.png", {}, "6797c24146142d5b40bde3141fd3600c"),
        ("users/1.png", {"h": "300", "w": "400"}, "1a4e48641614d1109c6a7af51be23d18"),
    ],
)
def test_imgix_s_signatures_are_imgix_s(key, parameters, signature):
    assert imgix_path(key, parameters, "FOO123bar").endswith(f"s={signature}")
    url = f"/{key}?{urlencode([*parameters.items(), ('s', signature)])}"
    assert understood(url, keys={"k1": "FOO123bar"}).startswith(f"{key}/")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_vector(vector):
    presets = f"access: {vector['access']}\nsign_presets: {str(vector['sign_presets']).lower()}\n{vector['presets']}"

    def ask():
        return understood(vector["url"], presets, vector["now"], vector["keys"])

    if "key" in vector:
        assert ask() == vector["key"]
    else:
        with pytest.raises({403: Forbidden, 400: ParameterError}[vector["status"]]) as refused:
            ask()
        assert vector.get("says", "") in str(refused.value)


def test_the_vectors_are_of_every_kind():
    outcomes = {(vector["access"], vector.get("status", 200)) for vector in VECTORS}
    assert outcomes >= {(access, status) for access in ("open", "signed", "presets") for status in (200, 403)}
    assert {vector.get("says") for vector in VECTORS} >= {WRONG, EXPIRED}


@st.composite
def changes(draw):
    """A signed URL, and one that means something else."""
    pairs = draw(queries())
    key = draw(st.sampled_from(["cat.jpg", "a b/ü+%41.png", "cat.jpg/w=20.jpg"]))
    if "=" in key:
        pairs = []
    expires = draw(st.sampled_from([None, NOW, NOW + 100]))
    how = draw(st.sampled_from(["sig", "s"]))
    make = {"sig": lambda: signed_path(key, dict(pairs), "k1", KEYS["k1"], expires)}
    make["s"] = lambda: imgix_path(key, dict(pairs), KEYS["k1"], expires)
    url = make[how]()
    path, _, query = url.partition("?")
    parts = query.split("&")
    which = draw(st.integers(0, len(parts) - 1))
    other = draw(st.sampled_from(["add", "repeat", "drop", "alter", "path", "case", "later", "id"]))
    if other == "add":
        parts.insert(which, draw(st.sampled_from(["w=31", "blur=7", "preset=small", "zz=1", "expires=9999999999"])))
    elif other == "repeat":
        parts.insert(which, parts[which])
    elif other == "drop":
        del parts[which]
    elif other == "alter":
        parts[which] = parts[which][:-1] + ("0" if parts[which][-1:] != "0" else "1")
    elif other == "path":
        path = f"{path}x"
    elif other == "case":
        path = path.replace("cat", "Cat").replace("a%20b", "A%20b")
    elif other == "later":
        parts = [part.replace("expires=1", "expires=2") for part in parts]
    else:
        parts = [part.replace("sig=k1.", "sig=k2.").replace("s=", "s=0", 1) for part in parts]
    return url, f"{path}?{'&'.join(parts)}"


@given(changed=changes())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_changes_what_is_covered_is_refused(changed):
    url, other = changed
    key = understood(url)
    if other == url:
        return
    try:
        found = understood(other)
    except (Forbidden, ParameterError):
        return
    # Without any signature the presets are open.
    assert found == "cat.jpg/w=40.jpg" or (found == key and "sig=" in other), other


@given(pairs=queries(), draw=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_sig_covers_the_meaning_and_s_the_spelling(pairs, draw):
    pairs = [pair for pair in pairs if pair[1]]
    url = signed_path("cat.jpg", dict(pairs), "k2", KEYS["k2"], NOW)
    path, _, query = url.partition("?")
    names = {name: alias for alias, name in ALIASES.items()}
    parts = [
        f"{names.get(name, name)}={''.join(f'%{byte:02x}' for byte in text.encode())}"
        for name, text in parse_qsl(query)
    ]
    other = f"/%63at.jpg?{'&'.join(draw.draw(st.permutations([*parts, 'ixlib=js-3'])))}"
    assert understood(other) == understood(url)
    spelled = imgix_path("cat.jpg", dict(pairs), KEYS["k2"])
    assert understood(spelled) == understood(url)
    if len(parts) > 3:
        path, _, query = spelled.partition("?")
        first, *rest = query.split("&")
        with pytest.raises(Forbidden, match=WRONG):
            understood(f"{path}?{'&'.join([*rest[:-1], first, rest[-1]])}")


def test_a_signature_ends_after_its_second():
    for make in (
        lambda: signed_path("cat.jpg", {"w": "9"}, "k1", KEYS["k1"], NOW),
        lambda: imgix_path("cat.jpg", {"w": "9"}, KEYS["k1"], NOW),
    ):
        assert understood(make(), now=NOW) == "cat.jpg/w=9.jpg"
        assert understood(make(), now=NOW + 0.0) == "cat.jpg/w=9.jpg"
        with pytest.raises(Forbidden, match=EXPIRED):
            understood(make(), now=NOW + 1)


def test_two_keys_are_good_at_once_and_one_that_is_dropped_no_more():
    for name in KEYS:
        url = signed_path("cat.jpg", {"w": "9"}, name, KEYS[name])
        assert understood(url) == "cat.jpg/w=9.jpg"
        with pytest.raises(Forbidden, match=WRONG):
            understood(url, keys={other: secret for other, secret in KEYS.items() if other != name})


@pytest.mark.parametrize("query", NO_SIGNATURES)
@pytest.mark.parametrize("presets", [SIGNED, ""])
def test_what_cannot_be_a_signature_is_refused_in_every_mode(query, presets):
    with pytest.raises(Forbidden, match=WRONG):
        understood(f"/cat.jpg?w=9&{query}", presets)


def test_the_edge_s_word_counts_beside_the_origin_s_secret_alone():
    said = {"x-imgy-access": "signed"}
    with pytest.raises(Forbidden):
        understood("/cat.jpg/w=9.jpg", headers=said)
    assert understood("/cat.jpg/w=9.jpg", headers=said, origin_secret="x") == "cat.jpg/w=9.jpg"


@pytest.mark.parametrize(("expires", "kept"), [(None, LIFETIME), (NOW + 20, 20), (NOW + 9999, LIFETIME)])
def test_no_cache_keeps_an_answer_longer_than_its_signature_is_good(configure, prerender, upload, expires, kept):
    app = configure(Settings(keys="file:x", origin_secret="secret"), configuration=read_configuration(SIGNED))
    app.route = replace(app.route, keys=lambda: KEYS, clock=lambda: NOW)
    upload("cat.jpg", picture())
    by_edge = {"x-imgy-origin": "secret"}
    url = signed_path("cat.jpg", {"w": "41", "bg": "red"}, "k1", KEYS["k1"], expires)
    for _ in range(2):
        assert Web(app.app).ask(url, **by_edge).headers["Cache-Control"] == f"public, max-age={kept}"
    # The edge looks at the signature of each request before it looks what it has kept.
    verified = Web(app.app).ask(url, **by_edge, **{"x-imgy-access": "signed"})
    assert "s-maxage" in verified.headers["Cache-Control"]


@pytest.mark.parametrize("query", [*NO_SIGNATURES, "s=", "sig=", "expires="])
def test_where_nothing_is_signed_whatever_is_about_signatures_is_a_mistake(query):
    route = Route(None, read_configuration(""), Settings(), lambda key: "")
    asked = gathered(parse_qsl(query, keep_blank_values=True))
    with pytest.raises(ParameterError, match="this stage has no signing keys"):
        route.understand(Request("GET", "cat.jpg", asked, {}))


@pytest.mark.parametrize("make", [signed_path, imgix_path])
def test_an_end_in_the_past_is_an_end_too(make):
    named = {"key_id": "k1"} if make is signed_path else {}
    with pytest.raises(Forbidden, match=EXPIRED):
        understood(make("cat.jpg", {"w": "9"}, secret=KEYS["k1"], expires=0, **named))


@pytest.mark.parametrize("own_path", [False, True])
@pytest.mark.parametrize("make", [signed_path, imgix_path])
def test_a_large_picture_that_is_signed_is_read_from_s3_itself(configure, prerender, upload, make, own_path):
    few = Settings(keys="file:x", response_bytes=10)
    app = configure(few, configuration=read_configuration(SIGNED))
    app.route = replace(app.route, keys=lambda: KEYS)
    upload("cat.jpg", picture())
    named = {"key_id": "k1"} if make is signed_path else {}
    key, asked = ("cat.jpg/w=41.jpg", {}) if own_path else ("cat.jpg", {"w": "41"})
    answer = Web(app.app).ask(make(key, asked, secret=KEYS["k1"], **named))
    assert (answer.status, answer.headers["Cache-Control"]) == (302, "no-store")
    assert answer.headers["Location"].startswith("https://s3.example/") or "w=41.jpg?" in answer.headers["Location"]


def test_parameters_are_checked_before_they_are_signed():
    with pytest.raises(ParameterError, match="for w"):
        signed_path("cat.jpg", {"w": "wide"}, "k1", KEYS["k1"])


# Keys.


@pytest.mark.parametrize("text", NO_KEYS)
def test_what_are_no_keys_is_said_without_quoting_them(text):
    with pytest.raises(MisconfiguredError) as mistake:
        read_keys(text)
    assert not text or text not in str(mistake.value)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_keys_are_fetched_when_wanted_and_again_after_their_lifetime():
    clock, fetched = Clock(), []
    source = KeySource(lambda: fetched.append(1) or json.dumps(KEYS), clock)
    assert fetched == []
    assert source() == source() == KEYS
    assert len(fetched) == 1
    clock.now = LIFETIME - 1
    source()
    assert len(fetched) == 1
    clock.now = LIFETIME
    source()
    assert len(fetched) == 2


def test_while_keys_cannot_be_fetched_the_old_stay_valid_and_out_of_the_log(caplog):
    clock, says = Clock(), [json.dumps(KEYS)]

    def fetch():
        if not says:
            raise RuntimeError(f"could not say {KEYS['k1']}")
        return says.pop()

    source = KeySource(fetch, clock)
    source()
    clock.now = LIFETIME + 1
    with caplog.at_level(logging.INFO):
        assert source() == KEYS
    assert "RuntimeError" in caplog.text
    assert KEYS["k1"] not in caplog.text
    assert KEYS["k1"] not in repr(source)


def test_without_keys_it_is_503_and_the_source_is_not_asked_at_each_request():
    clock, asked = Clock(), []
    source = KeySource(lambda: asked.append(1) or "nonsense", clock)
    for _ in range(3):
        with pytest.raises(Unavailable):
            source()
    assert len(asked) == 1
    clock.now = 11.0
    with pytest.raises(Unavailable):
        source()
    assert len(asked) == 2


def test_keys_come_from_secrets_manager_and_from_systems_manager():
    import boto3
    from moto import mock_aws

    with mock_aws():
        boto3.client("secretsmanager").create_secret(Name="imgy-dev-keys", SecretString=json.dumps(KEYS))
        boto3.client("ssm").put_parameter(Name="/imgy/keys", Value=json.dumps(KEYS), Type="SecureString")
        for reference in ("secretsmanager:imgy-dev-keys", "ssm:/imgy/keys"):
            assert KeySource(fetcher(reference, boto3.client))() == KEYS


@pytest.mark.parametrize("reference", ["nonsense", "http://x", "ssm:", ""])
def test_a_reference_that_names_nothing_is_a_mistake(reference):
    with pytest.raises(MisconfiguredError, match="IMGY_KEYS"):
        fetcher(reference, lambda service: None)


# Through the app.


def test_a_signed_stage_answers_presets_and_what_is_signed(configure, prerender, upload, caplog):
    app = configure(Settings(keys="file:x"), configuration=read_configuration(SIGNED))
    app.route = replace(app.route, keys=lambda: KEYS)
    web = Web(app.app)
    upload("cat.jpg", picture())
    assert web.ask("/cat.jpg?preset=small").status == 200
    refused = web.ask("/cat.jpg?w=41")
    assert (refused.status, refused.headers["Cache-Control"]) == (403, "public, max-age=10")
    assert refused.error == "expected a signature: without one only presets are open here"
    assert web.ask(signed_path("cat.jpg", {"w": "41"}, "k1", KEYS["k1"])).status == 200
    assert web.ask("/cat.jpg?w=41").status == 403, "it stands there now"
    assert web.ask("/cat.jpg/w=41.jpg").status == 403
    assert not any(secret in caplog.text for secret in KEYS.values())


def test_a_signature_says_nothing_of_its_key_when_shown():
    signature = Signature.of([("sig", "k1.abc"), ("expires", "5")])
    assert not any(secret in repr(signature) for secret in KEYS.values())
