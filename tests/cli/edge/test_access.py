"""Who may ask, at the edge and in Python: the same path, the same refusal, or both leave it to the API."""

import hashlib
import hmac
import json
import random
import re
import subprocess
from base64 import urlsafe_b64encode
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from urllib.parse import quote, unquote, urlencode

import pytest

from chalicelib.access.policy import _UNSIGNED
from chalicelib.access.signatures import EXPIRED, WRONG, imgix_path, signed_path
from chalicelib.errors import ImgyError, ParameterError
from chalicelib.presets.file import load_configuration, read_configuration
from chalicelib.presets.presets import Presets
from chalicelib.settings import ACCESS_HEADER, SIGNED
from cli import ROOT
from cli.edge.access import items, pattern
from cli.edge.function import ACCESS, API, MOST_BYTES, function
from support.edge_access import KEYS, MODES, NOW, STOPPED, asked, at_the_edge, by_python, in_mode
from support.edge_function import NODE, PRESETS, names_a_colour, needs_node, queries, run_function

pytestmark = needs_node
QUERIES = 4_000
VECTORS = json.loads((ROOT / "tests" / "support" / "signatures.json").read_text("utf-8"))


@cache
def generated(mode: str) -> str:
    return function(in_mode(read_configuration(PRESETS), mode), True)


def said(answer: dict) -> str:
    """What the function refuses with."""
    response = answer["response"]
    assert (response["statusCode"], response["headers"]["cache-control"]["value"]) == (403, "public, max-age=10")
    return json.loads(response["body"])["error"]


def one(mode: str, url: str, headers: dict[str, str] | None = None, method: str = "GET", keys=KEYS) -> dict:
    """What becomes of a URL at the edge."""
    stored = items(in_mode(read_configuration(PRESETS), mode), keys)
    return run_function(generated(mode) + STOPPED, [asked(url, headers, method)], stored)[0]


def signed(key: str, pairs, dice: random.Random) -> str:
    """A URL with a signature that is right, has ended, or does not fit; or without one."""
    plain = f"/{quote(key)}" + (f"?{urlencode(pairs)}" if pairs else "")
    how = dice.choice(("not", "right", "right", "ended", "wrong", "altered", "dropped", "moved", "added"))
    expires = NOW - 1 if how == "ended" else dice.choice((None, NOW, NOW + 9))
    own = [pair for pair in pairs if pair[0] != "ixlib"]
    try:
        url = dice.choice(
            (
                lambda: signed_path(key, dict(own), "k2", KEYS["k2"], expires),
                lambda: imgix_path(key, dict(pairs), KEYS["k1"], expires),
            )
        )()
    except ParameterError:
        return plain
    path, _, query = url.partition("?")
    parts = query.split("&")
    if how == "not":
        return plain
    if how == "wrong":
        parts[-1] = parts[-1][:-1] + dice.choice("abc")
    if how == "altered":
        parts[0] = "w=77" + parts[0] if "sig" not in parts[0] else parts[0] + "x"
    if how == "dropped" and len(parts) > 1:
        del parts[0]
    if how == "added":
        parts.insert(0, dice.choice(("h=9", "__proto__=1", "w=5", "expires=1900000000", "blur=4")))
    if how == "moved":
        path = path.replace("a", "b") + "x"
    return f"{path}?{'&'.join(parts)}"


def named(presets: Presets, dice: random.Random) -> tuple[str, list[tuple[str, str]]]:
    """What presets.yaml names for an original, by its path or by its preset; or names for others."""
    key = dice.choice(("cat.jpg", "logos/x.svg", "a b/ü+%41/日本 😀.webp", "anim.gif", "x.avif", "y.png"))
    preset = dice.choice(list(presets.presets))
    width = [("w", dice.choice(("300", "600", "301")))] if preset == "wide" else []
    derivative = dice.choice(list(presets.derivatives(dice.choice((key, "logos/y.jpg"))).values()))
    return dice.choice(((key, [("preset", preset), *width]), (f"{key}/{derivative.name}", [])))


@pytest.mark.parametrize("mode", MODES)
def test_every_url_comes_to_the_same(mode):
    configuration = in_mode(read_configuration(PRESETS), mode)
    dice, source = random.Random(mode), queries(21, configuration.presets)
    presets, drawn = configuration.presets, [next(source) for _ in range(QUERIES // len(MODES))]
    drawn = [(*named(presets, dice), accept) if dice.random() < 0.4 else (*drew, accept) for *drew, accept in drawn]
    urls = [signed(key, pairs, dice) for key, pairs, _ in drawn]
    events = [asked(url, {"accept": accept} if accept else {}) for url, (_, _, accept) in zip(urls, drawn, strict=True)]
    counted = {"path": 0, "refused": 0, "api": 0}
    for url, (key, pairs, accept), answer in zip(urls, drawn, at_the_edge(configuration, events), strict=True):
        expected = by_python(configuration, url, accept)
        if "response" in answer:
            counted["refused"] += 1
            assert isinstance(expected, ImgyError), url
            sentence = said(answer)
            assert sentence == str(expected) or {sentence, str(expected)} == {WRONG, EXPIRED}, url
        elif answer["origin"] is None:
            counted["path"] += 1
            assert unquote(answer["request"]["uri"]) == f"/{expected}", url
            assert answer["request"]["querystring"] == {}
            vouched = answer["request"]["headers"].get(ACCESS_HEADER)
            assert vouched == (
                {"value": SIGNED} if "sig=" in url or "s=" in url.partition("?")[2].split("&")[-1][:2] else None
            )
        else:
            counted["api"] += 1
            assert answer["request"]["querystring"] == asked(url)["request"]["querystring"]
            api_s = isinstance(expected, ParameterError) or str(expected) in (WRONG, EXPIRED)
            assert api_s or names_a_colour(pairs) or key.startswith("-/"), (url, expected)
    assert all(count > QUERIES / len(MODES) / 50 for count in counted.values()), counted


def shared(vector: dict) -> tuple[str, str, bool]:
    """What vectors have in common that one function answers."""
    return vector["presets"], vector["access"], vector["sign_presets"]


@pytest.mark.parametrize("config", sorted({shared(vector) for vector in VECTORS}), ids=lambda config: config[1])
def test_a_vector(config):
    text, access, sign_presets = config
    configuration = read_configuration(text)
    access = replace(configuration.access, mode=access, sign_presets=sign_presets)
    configuration = replace(configuration, access=access)
    vectors = [vector for vector in VECTORS if shared(vector) == config]
    assert {json.dumps(vector["keys"]) for vector in vectors} == {json.dumps(KEYS)}
    for vector, answer in zip(
        vectors, at_the_edge(configuration, [asked(vector["url"]) for vector in vectors]), strict=True
    ):
        if "key" in vector:
            assert unquote(answer["request"]["uri"]) == f"/{vector['key']}", vector["name"]
        elif vector["status"] == 403 and "left" not in vector:
            assert vector["says"] in said(answer), vector["name"]
        else:
            assert answer["origin"] == API, vector["name"]


def refuses(answer: dict) -> str | None:
    return said(answer) if "response" in answer else None


RIGHT = signed_path("cat.jpg", {"w": "300"}, "k1", KEYS["k1"])
MAC = RIGHT.rpartition(".")[2]


def test_each_key_is_good_and_any_other_is_not():
    assert one("signed", RIGHT)["request"]["uri"] == "/cat.jpg/w=300,bg=ffffff,q=60.jpg"
    assert refuses(one("signed", RIGHT, keys={"k2": KEYS["k2"]})) == WRONG
    assert one("signed", signed_path("cat.jpg", {"w": "300"}, "k2", KEYS["k2"]))["origin"] is None


@pytest.mark.parametrize("mode", ["open", "presets", "signed"])
def test_without_keys_what_is_signed_goes_to_the_api_as_it_came(mode):
    answer = one(mode, RIGHT, keys={})
    assert (answer["origin"], answer["request"]["querystring"]) == (API, asked(RIGHT)["request"]["querystring"])
    assert ACCESS_HEADER not in answer["request"]["headers"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize(
    "url", ["/cat.jpg?w=300", "/cat.jpg?preset=small", "/cat.jpg?w=wide", "/cat.jpg/w=300.jpg?x=1"]
)
def test_nobody_vouches_for_himself(mode, method, url):
    answer = one(mode, url, {"X-Imgy-Access": SIGNED, "x-IMGY-access": SIGNED}, method)
    assert "response" in answer or ACCESS_HEADER not in answer["request"]["headers"]
    if method in ("OPTIONS", "POST"):
        assert answer["origin"] == API


ATTACKS = (
    f"sig=k1.{MAC}&s=", f"sig=k1.{MAC}&sig=k1.{MAC}", f"sig=k1.{MAC}&%73ig=k1.{MAC}", f"sig=k1.{MAC}x", f"sig=.{MAC}",
    f"sig=k1..{MAC}", f"sig=k1.{MAC}.", f"sig=K1.{MAC}", f"sig={MAC}", "sig=k1.", "sig=k1", "sig=.", "sig=%ff", "sig=",
    f"sig=__proto__.{MAC}", f"sig=constructor.{MAC}", f"sig=keys.{MAC}", f"sig=toString.{MAC}", f"sig=k1.{MAC}&w=300",
    f"sig=k1.{MAC}&__proto__=1", f"sig=k1.{MAC}&constructor=1", f"sig=k1.{MAC}&expires=1900000000",
    f"sig=k1.{MAC}&expires=1e9", f"sig=k1.{MAC}&expires=", f"sig=k1.{MAC}&expires=9999999999999", "expires=1900000000",
    f"sig=k1.{MAC}&x={'y' * 2000}", f"sig=k1.{'A' * 5000}", f"s={'0' * 32}", "s=", "s", "s=%00", f"s={'é' * 32}",
    f"sig=k1.{MAC[:-1]}%C3%A9", "preset=__proto__", "preset=constructor", f"sig=k1.{MAC.lower()}",
)  # fmt: skip


def test_nothing_unsigned_comes_to_s3():
    configuration = in_mode(read_configuration(PRESETS), "signed")
    answers = at_the_edge(configuration, [asked(f"/cat.jpg?w=300&{attack}") for attack in ATTACKS])
    for attack, answer in zip(ATTACKS, answers, strict=True):
        assert refuses(answer) in (WRONG, _UNSIGNED) or answer["origin"] == API, attack
        assert isinstance(by_python(configuration, f"/cat.jpg?w=300&{attack}"), ImgyError), attack


PATHS = (
    "/cat.jpg%2Fw=300.jpg", "//cat.jpg/w=300.jpg", "/./cat.jpg/w=300.jpg", "/a/../cat.jpg/w=300.jpg",
    "/cat.jpg//w=300.jpg",
    "/cat.jpg/w%3D300.jpg", "/cat.jpg/w=300%2Ejpg", "/cat.jpg/w=300.jpg/", "/cat.jpg/w=300.jpg%00",
    "/%2E%2E/cat.jpg/w=300.jpg",
    "/cat.jpg/manifest.json", "/cat.jpg/w=300,__proto__=1.jpg", "/cat.jpg/w=300.__proto__",
    "/cat.jpg/q=10.png", "/%ff/w=300.jpg",
)  # fmt: skip


@pytest.mark.parametrize("mode", ["presets", "signed", "signed presets"])
def test_no_path_that_is_not_open_comes_to_s3(mode):
    answers = at_the_edge(in_mode(read_configuration(PRESETS), mode), [asked(path) for path in PATHS])
    assert all("response" in answer or answer["origin"] == API for answer in answers)


def test_a_signature_is_for_one_path():
    path, query = "/cat.jpg/w=300.webp", signed_path("cat.jpg/w=300.webp", {}, "k1", KEYS["k1"]).partition("?")[2]
    assert one("signed", f"{path}?{query}")["request"]["uri"] == path
    assert one("signed", f"/cat.jpg%2Fw=300.webp?{query}")["request"]["uri"] == path
    for other in ("/cat.jpg/w=300.jpg", "/Cat.jpg/w=300.webp", "/a/cat.jpg/w=300.webp", "/cat.jpg"):
        assert refuses(one("signed", f"{other}?{query}")) == WRONG


def test_s_covers_how_a_url_is_spelled():
    url = imgix_path("a b/cat.jpg", {"w": "300", "fit": "crop"}, KEYS["k2"])
    assert one("signed", url)["request"]["headers"][ACCESS_HEADER] == {"value": SIGNED}
    for other in (
        url.replace("w=300", "w=0300"),
        url.replace("w=300", "%77=300"),
        url.replace("%20", "+"),
        url + "&h=9",
    ):
        assert refuses(one("signed", other)) == WRONG, other


def test_what_s_covers_and_the_function_does_not_understand_is_vouched_for():
    url = imgix_path("cat.jpg", {"bg": "red"}, KEYS["k1"])
    answer = one("signed", url)
    assert (answer["origin"], answer["request"]["headers"][ACCESS_HEADER]) == (API, {"value": SIGNED})
    assert answer["request"]["querystring"] == asked(url)["request"]["querystring"]


def test_md5_that_is_continued_does_not_fit():
    text = f"{KEYS['k1']}/cat.jpg?w=300\x80\0&h=9"
    forged = hashlib.md5(text.encode("latin-1")).hexdigest()
    assert refuses(one("signed", f"/cat.jpg?w=300\x80\0&h=9&s={forged}")) in (WRONG, None)
    assert refuses(one("signed", f"/cat.jpg?w=300\x80&s={forged}")) in (WRONG, None)


def test_sig_is_what_it_is_said_to_be():
    digest = hmac.digest(KEYS["k1"].encode(), b"/cat.jpg?w=300", "sha256")
    assert urlsafe_b64encode(digest).decode().rstrip("=") == MAC


GLOBS = (
    "*", "?", "??", "a?b", "[abc]", "[!abc]", "[a-c]*", "[]a]", "[!]a]", "[a-]", "[--0]", "[z-a]", "[!z-a]", "[*]",
    "[?]",
    "*.jp[eg]*", "logos/*", "*/*", "a.b", "a+b(c)", "~!'()*", "[é-ü]", "日*", "?日", "[日😀]", "[!日😀]",
    "%", "%25", "a@b", "[@]", "[]", "[!]", "a[!]*", "b[]*", "[]a*", "[", "[!", "[]a]*",
)  # fmt: skip
TEXTS = (
    "", "a", "b", "z", "ab", "a/b", "axb", "a😀b", "é", "ü", "日", "日本",
    "😀", "x日", "😀日", "]", "-", "0", "*", "?", "a.b", "axb.jpeg",
    "a+b(c)", "~!'()x", "%", "%25", "%2", "logos/", "logos/x", "/", "a@b", "@", " ", "a b", "c.jpg", "[",
    "!", "^", "a\\b", "[]", "[!]", "a[!]x", "b[]", "[]ab",
)  # fmt: skip


def test_globs_are_python_s():
    asked = [[pattern(glob), text] for glob in GLOBS for text in TEXTS]
    script = """
var CHARACTER = SOURCE;
function isLike(original, pattern) {
    return RegExp('^(' + pattern.replace(/@/g, CHARACTER) + ')$').test(encodeURIComponent(original));
}
process.stdout.write(JSON.stringify(ASKED.map(([pattern, text]) => isLike(text, pattern))));
"""
    source = ACCESS.read_text("utf-8")
    assert "RegExp('^(' + pattern.replace(/@/g, CHARACTER) + ')$').test(encodeURIComponent(original))" in source
    character = re.search(r"var CHARACTER = (.*);", source)[1]
    script = script.replace("SOURCE", character).replace("ASKED", json.dumps(asked))
    answers = json.loads(subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True).stdout)
    expected = [fnmatchcase(text, glob) for glob in GLOBS for text in TEXTS]
    wrong = [
        (glob, text)
        for (glob, text), one, other in zip(product(GLOBS, TEXTS), answers, expected, strict=True)
        if one != other
    ]
    assert not wrong


@pytest.mark.parametrize("mode", MODES)
def test_cloudfront_takes_it(mode):
    assert len(function(in_mode(load_configuration(), mode), True).encode()) < MOST_BYTES - 1000


def test_what_is_open_to_everybody_knows_nothing_of_keys():
    text = function(in_mode(load_configuration(), "open"))
    assert not any(word in text for word in ("crypto", "kvs", "async", ACCESS_HEADER))
