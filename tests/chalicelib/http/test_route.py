"""The HTTP route: what is understood of a request, and what its answer says in status, headers and body."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.presets.file import read_configuration
from chalicelib.settings import Settings
from support.aws_events import Web
from support.originals import picture, size_of

PICTURES = Settings().cache_control


# Ways to ask.


@pytest.mark.parametrize(
    ("target", "size", "content_type"),
    [
        ("/cat.jpg", (120, 80), "image/jpeg"),
        ("/cat.jpg?w=30", (30, 20), "image/jpeg"),
        ("/cat.jpg?w=30&h=30&fit=crop&fm=png", (30, 30), "image/png"),
        ("/cat.jpg?width=30&fm=webp", (30, 20), "image/webp"),
        ("/cat.jpg?preset=square", (30, 30), "image/png"),
        ("/cat.jpg?preset=square&fm=webp", (30, 30), "image/webp"),
        ("/cat.jpg?w=50&preset=square", (50, 30), "image/png"),
        ("/cat.jpg?preset=set", (60, 40), "image/jpeg"),
        ("/cat.jpg?preset=set&w=20", (20, 13), "image/jpeg"),
        ("/cat.jpg/w=30.png", (30, 20), "image/png"),
        ("/cat.jpg/w=30,h=30,fit=crop.webp", (30, 30), "image/webp"),
        ("/cat.jpg/fit=clip.jpg", (120, 80), "image/jpeg"),
        ("/cat.jpg%2Fw=30.png", (30, 20), "image/png"),
        ("/%63at%2Ejpg?%77=%33%30", (30, 20), "image/jpeg"),
        ("/cat.jpg?w=30&ixlib=js-3.8.0", (30, 20), "image/jpeg"),
        ("/cat.jpg?&&w=30&", (30, 20), "image/jpeg"),
        ("/cat.jpg?", (120, 80), "image/jpeg"),
    ],
)
def test_a_picture_may_be_asked_for_in_any_of_these_ways(web, cat, target, size, content_type):
    answer = web.ask(target)
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert size_of(answer.body) == size


def test_query_preset_and_path_meet_in_one_derivative(web, cat, derivatives):
    asked = ["?w=30&h=30&fit=crop&fm=png", "?preset=square", "?fm=png&fit=crop&h=030&w=30", "/w=30,h=30,fit=crop.png"]
    answers = [web.ask(f"/cat.jpg{tail}") for tail in asked]
    assert [answer.headers["X-Cache"] for answer in answers] == ["MISS", "HIT", "HIT", "HIT"]
    assert len({answer.body for answer in answers}) == 1
    assert derivatives.written == ["cat.jpg/w=30,h=30,fit=crop.png"]


@pytest.mark.parametrize(
    "query",
    [
        "w=0",
        "w=8193",
        "w=abc",
        "w=",
        "w=1&w=2",
        "nonsense=1",
        "W=1",
        "w=+1",
        "w=%001",
        "fit=nonsense",
        "fm=html",
        "=1",
        "preset=",
        "preset=nonsense",
        "preset=small&preset=small",
        "PRESET=small",
        "w=1;h=2",
        "fm=txt",
        "fm=../x",
    ],
)
def test_an_unknown_parameter_is_400_with_a_sentence_and_touches_no_store(web, cat, originals, derivatives, query):
    answer = web.ask(f"/cat.jpg?{query}")
    assert (answer.status, answer.headers["Cache-Control"]) == (400, "public, max-age=10")
    assert answer.error.startswith("expected ")
    assert originals.calls == derivatives.calls == []


@pytest.mark.parametrize(
    "path", ["/cat.jpg/w=0.jpg", "/cat.jpg/w=1,w=2.jpg", "/cat.jpg/w=30.jpg?w=30", "/cat.jpg/w=1,.jpg"]
)
def test_a_bad_path_is_400(web, cat, path):
    assert web.ask(path).status == 400


def test_the_sentence_names_the_parameter_what_was_expected_and_what_came(web):
    assert web.ask("/cat.jpg?q=abc").error == "expected integer from 0 to 100 for q, received 'abc'"


# Paths as strangers write them.


@pytest.mark.parametrize("path", ["/%ff.jpg", "/a%00.jpg", "/a%0d%0aX-Evil:%201.jpg", "/%C0%AF.jpg", "/a%7f.jpg"])
def test_a_path_that_is_no_text_is_400(web, path):
    answer = web.ask(path)
    assert answer.status == 400
    assert answer.error.startswith("expected a path")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "///",
        "/%",
        "/%zz",
        "/%2",
        "/.",
        "/..",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//cat.jpg",
        "/cat.jpg/",
        "/cat.jpg//w=1.jpg",
        "/cat.jpg/manifest.json",
        "/CAT.JPG",
        "/cat.jpg%20",
        "/cat%252Ejpg",
        "/-/",
        "/-/health/",
        "/photos/",
    ],
)
def test_a_path_of_no_original_is_404(web, upload, path):
    upload("photos/", b"")
    answer = web.ask(path)
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "public, max-age=10")
    assert answer.error == "there is no such original"


@pytest.mark.parametrize("backend", ["moto", "embedded"], indirect=True)
@pytest.mark.parametrize(
    "path", ["/", "/%2e%2e/%2e%2e/etc/passwd", "/../x", "/a/../../x", "//", "/.", "/" + "k" * 1011 + "?w=9"]
)
def test_s3_is_not_led_astray_by_a_path(web, path):
    assert web.ask(path).status == 404


def test_a_key_with_no_room_for_a_derivative_is_400(web):
    answer = web.ask("/" + "k" * 1020)
    assert answer.status == 400
    assert "1024 bytes" in answer.error


@pytest.mark.parametrize("name", ["ixlib", "w", "preset", "nonsense"])
def test_a_query_over_the_limit_is_400(web, cat, name):
    answer = web.ask(f"/cat.jpg?w=1&{name}={'x' * 20_000}")
    if name == "ixlib":
        assert answer.status == 200
    else:
        assert (answer.status, len(answer.error) < 200) == (400, True)


def test_the_limit_of_the_query_is_what_the_presets_file_says(web_of, cat):
    web = web_of("limits: {query_bytes: 10}")
    assert web.ask("/cat.jpg?w=20&h=20").status == 200
    longer = web.ask("/cat.jpg?w=20&h=200")
    assert longer.status == 400
    assert longer.error == "expected a query of at most 10 bytes, received 11"


@pytest.mark.parametrize("evil", ["%0d%0aX-Evil:%201", "%0aX-Evil:1", "%0dX-Evil:1", "%E2%80%A8X-Evil:1"])
def test_nothing_of_a_request_gets_into_a_header(web, upload, evil):
    upload("cat.jpg\u2028X-Evil:1", picture())
    answers = [
        web.ask(f"/cat.jpg{evil}"),
        web.ask(f"/cat.jpg?w={evil}"),
        web.ask(f"/cat.jpg?{evil}=1"),
        web.ask(f"/cat.jpg?preset={evil}"),
        web.ask("/cat.jpg?w=1", origin=f"https://x{evil}", accept=evil, if_none_match=evil, if_modified_since=evil),
    ]
    for answer in answers:
        assert "Evil" not in "".join(f"{name}{value}" for name, value in answer.headers.items())


# Who may ask.

ONLY_PRESETS = (
    "access: presets\nformats: [webp]\npresets: {small: {w: 40, auto: format}, set: {widths: [20, 60], fm: jpg}}"
)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/cat.jpg?preset=small", 200),
        ("/cat.jpg?w=40&fm=jpg", 200),
        ("/cat.jpg?preset=set&w=20", 200),
        ("/cat.jpg/w=40.webp", 200),
        ("/cat.jpg/w=60.jpg", 200),
        ("/cat.jpg", 403),
        ("/cat.jpg?w=41", 403),
        ("/cat.jpg?preset=small&fm=png", 403),
        ("/cat.jpg?preset=set&w=21", 403),
        ("/cat.jpg/w=41.jpg", 403),
        ("/cat.jpg/w=60.png", 403),
        ("/cat.jpg?preset=small&w=0", 400),
        ("/dog.jpg?preset=small", 404),
        ("/dog.jpg?w=41", 403),
    ],
)
def test_where_only_presets_are_open_nothing_else_is(web_of, cat, derivatives, target, status):
    answer = web_of(ONLY_PRESETS).ask(target)
    assert answer.status == status
    if status == 403:
        assert "small, set" in answer.error
        assert derivatives.calls == []


# A query in any order and spelling gives the key that the upload made.

SPELLINGS = {
    "w": {"w": ["300", "0300"], "width": ["300"]},
    "h": {"h": ["200", "00200"], "height": ["200"]},
    "fit": {"fit": ["crop"], "f": ["crop"]},
    "crop": {"crop": ["top,left", "left,top"]},
    "blur": {"blur": ["10", "010"]},
    "bg": {"bg": ["ff0000", "F00", "red", "ffff0000", "fF00", "Red"]},
    "q": {"q": ["60", "060"]},
    "fm": {"fm": ["webp"]},
}


@st.composite
def spelled(draw):
    """The one preset of the test, as any query may write it."""
    pairs = []
    for names in SPELLINGS.values():
        name = draw(st.sampled_from(sorted(names)))
        pairs.append((name, draw(st.sampled_from(names[name]))))
        written = "&".join(f"{name}={text}" for name, text in draw(st.permutations(pairs)))
    escape = st.lists(st.booleans(), min_size=len(written), max_size=len(written))
    hexed = (
        f"%{ord(letter):02X}" if escaped and letter not in "&=" else letter
        for letter, escaped in zip(written, draw(escape), strict=True)
    )
    return "".join(hexed) + draw(st.sampled_from(["", "&", "&ixlib=js-1.0", "&ixlib=a&ixlib=b"]))


@given(query=spelled(), accept=st.sampled_from(["", "*/*", "image/avif,image/webp", "nonsense;;q=,"]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_query_in_any_order_and_spelling_gives_the_key_that_the_upload_made(
    configure, prerender, upload, derivatives, query, accept
):
    preset = "{w: 300, h: 200, fit: crop, crop: 'left,top', blur: 10, bg: f00, q: 60, fm: webp}"
    configuration = read_configuration(f"presets: {{one: {preset}}}")
    web = Web(configure(configuration=configuration).app)
    upload("cat.jpg", picture())
    replace(prerender, presets=configuration.presets).reconcile("cat.jpg")
    derivatives.forget()
    answer = web.ask(f"/cat.jpg?{query}", accept=accept)
    assert (answer.status, answer.headers.get("X-Cache")) == (200, "HIT"), answer.body[:200]
    assert derivatives.written == []
