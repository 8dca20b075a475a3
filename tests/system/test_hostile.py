"""Hostile files and requests: every case through both entry points, and proof that the observer sees every harm."""

import socket
import sys
import time
from base64 import b64encode
from collections import Counter
from urllib.parse import quote, quote_from_bytes, urlencode

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.flows.prerender import may_have_derivatives
from chalicelib.formats import READ
from chalicelib.operations import PARAMETERS
from chalicelib.storage.store import Content
from support.aws_events import Response
from support.originals import NOT_AN_IMAGE, picture
from system.hostile import __main__ as command
from system.hostile import observer, service_pool
from system.hostile.case import SHOWN
from system.hostile.corpus import ASKED, CASES
from system.hostile.figures import Figures
from system.hostile.good import good
from system.hostile.jobs import ANY_QUESTION
from system.hostile.mutations import mutation, with_sums
from system.hostile.observer import AFTER, CRASHES, LATE, LEAKS, REQUEST, UPLOAD, ZEROS, Seen
from system.hostile.queries import NUMBERS
from system.hostile.random_requests import question
from system.hostile.service import REQUEST_SECONDS, Service
from system.hostile.service_pool import Worker, canaries, listen, run

pytestmark = pytest.mark.slow

SEED, MUTATIONS, QUESTIONS = 5, 200, 200
QUICK = [case.name for case in CASES.values() if not case.slow]


@pytest.fixture(scope="module")
def figures():
    """All that CI tries, on two services."""
    return Figures(run(command.jobs(MUTATIONS, QUESTIONS, SEED, slow=False)), SEED)


@pytest.fixture(scope="module")
def wrong(figures):
    """What was wrong with each input."""
    return {one.name: one.wrong for one in figures.seen if one.wrong}


@pytest.fixture(scope="module")
def tried(figures):
    """By which entries each input came."""
    return Counter((one.name, one.entry) for one in figures.tried)


@pytest.mark.parametrize("name", QUICK)
def test_what_a_hostile_file_comes_to(tried, wrong, name):
    assert wrong.get(name) is None
    assert (tried[name, UPLOAD], tried[name, REQUEST]) == (1, 1)


@pytest.mark.parametrize("name", ASKED)
def test_what_a_hostile_request_comes_to(tried, wrong, name):
    assert wrong.get(name) is None
    assert tried[name, REQUEST] == 1


def test_good_files_changed_by_chance_are_shown_or_refused(figures, wrong):
    changed = [one for one in figures.tried if one.name.startswith("mutation ")]
    assert not [(name, how) for name, how in wrong.items() if name.startswith("mutation ")]
    assert len(changed) == MUTATIONS
    assert Counter(one.entry for one in changed) == {UPLOAD: MUTATIONS // 2, REQUEST: MUTATIONS // 2}
    assert {one.status for one in changed} >= {200, 415, 422}, "the changes are neither too small nor too large"


def test_questions_asked_by_chance_are_answered(figures, wrong):
    asked = [one for one in figures.tried if one.name.startswith("question ")]
    assert not [(name, how) for name, how in wrong.items() if name.startswith("question ")]
    assert len(asked) == QUESTIONS
    assert {one.status for one in asked} >= {200, 400, 404}


@pytest.mark.parametrize("what", ZEROS)
def test_a_figure_that_must_be_zero(figures, what):
    assert figures.count(what) == 0, figures.wrongs()


def test_the_figures_name_all_that_is_asked_for(figures):
    table = figures.markdown()
    for what in ("inputs tried", "refused at sight", "MB, p50", "libvips 8.", "ImageMagick", "Python 3.", *ZEROS):
        assert what in table


# The corpus.


def test_every_format_that_is_read_has_good_files():
    assert set(good()) == set(READ)


def test_a_mutation_is_the_same_each_time_and_another_for_each_number_and_seed():
    assert mutation(1, 7) == mutation(1, 7)
    assert len({mutation(seed, number)[1] for seed in (1, 2) for number in range(50)}) > 95
    assert question(1, 7) == question(1, 7) != question(1, 8)


def test_sums_are_made_right_again():
    whole = good()["png"]["plain"]
    assert with_sums(whole) == whole
    changed = whole[:45] + b"!" + whole[46:]
    assert with_sums(changed)[45:46] == b"!"
    assert len(with_sums(changed)) == len(whole)


# Who looks on sees what must not be.


@pytest.fixture(scope="module")
def bait():
    with canaries("http://127.0.0.1:9") as (bait, _):
        yield bait


@pytest.fixture
def served(monkeypatch, bait, tmp_path):
    """A service in this process, as the others are."""
    import app

    for name in ("prerender", "events", "route"):
        monkeypatch.setattr(app, name, getattr(app, name))
    return Service(app, bait, tmp_path)


def test_a_good_picture_is_all_right(served):
    assert served.upload("a picture", "cat.jpg", picture(), SHOWN).wrong == []
    assert served.request("a picture", "cat.jpg", picture(), SHOWN).wrong == []


def _connect(served):
    with listen() as (url, heard):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))).close()
        time.sleep(0.1)
        assert len(heard) == 1


HARMS = {
    observer.FILES: lambda served: (served.folder / "left").touch(),
    observer.CONNECTIONS: _connect,
    observer.ANSWERS_500: lambda served: 1 / 0,
    observer.LEAKS: lambda served: Response(200, {}, f"<{served.bait.word.encode().hex()}>".encode()),
    observer.INSIDE: lambda served: Response(422, {}, b'File "/opt/site-packages/x.py"'),
    observer.UNEXPECTED: lambda served: Response(302, {}, b""),
    observer.LATE: lambda served: time.sleep(1.2),
    observer.OF_REFUSED: lambda served: served.derivatives.put("cat.jpg/w=1.jpg", Content(b"made of a refused one")),
}


@pytest.mark.parametrize("what", HARMS)
def test_whatever_must_not_be_is_seen(monkeypatch, served, what):
    ask = served.web.ask
    monkeypatch.setattr(observer, "GRACE", 1 - REQUEST_SECONDS)

    def harmed(*asked, **options):
        answer, said = ask(*asked, **options), HARMS[what](served)
        return said if isinstance(said, Response) else answer

    monkeypatch.setattr(served.web, "ask", harmed)
    seen = served.request("harm", "cat.jpg", NOT_AN_IMAGE, (200, 415, 422))
    assert {found for found, _ in seen.wrong} == {what}


def test_a_trigger_that_raises_is_seen(monkeypatch, served):
    monkeypatch.setattr(served, "app", type("App", (), {"upload_trigger": lambda self, event, context: 1 / 0})())
    assert [found for found, _ in served.upload("harm", "cat.jpg", picture(), SHOWN).wrong] == [observer.ANSWERS_500]


@pytest.mark.parametrize("how", ["as it is", "painted", "encoded"])
def test_a_canary_that_turns_up_is_seen(monkeypatch, served, how):
    body = picture(colour=served.bait.colour, form="PNG")
    if how == "painted":
        entry, wanted = served.request, body
    else:
        word = served.bait.word.encode()
        kept = b64encode(b"x" + word) if how == "encoded" else word
        monkeypatch.setattr(served.web, "ask", lambda *asked, **options: Response(200, {}, b"..." + kept + b"..."))
        entry, wanted = served.request, picture()
    assert LEAKS in [found for found, _ in entry("a canary", "cat.png", wanted, SHOWN, painted=True).wrong]


def test_a_service_that_serves_nothing_good_any_more_is_seen(monkeypatch, served):
    monkeypatch.setattr(served.web, "ask", lambda *asked, **options: Response(503, {}, b""))
    seen = Seen("any", REQUEST, 422)
    served.after(seen)
    assert [found for found, _ in seen.wrong] == [AFTER]


@pytest.mark.parametrize(
    ("program", "wrong", "told"),
    [
        ("import os; input(); os.abort()", CRASHES, "exit code -6"),
        ("import sys; input(); sys.exit('no memory')", CRASHES, "no memory"),
        ("import time; time.sleep(60)", LATE, "nothing in 1 s"),
    ],
)
def test_a_service_that_dies_or_hangs_is_seen_and_another_takes_its_place(monkeypatch, bait, program, wrong, told):
    monkeypatch.setattr(service_pool, "HARD_SECONDS", 1)
    with Worker(bait, [sys.executable, "-c", program]) as worker:
        for name in ("one", "another"):
            (seen,) = worker({"kind": "case", "name": name})
            ((found, how),) = seen.wrong
            assert (seen.name, found) == (name, wrong)
            assert told in how


def test_whoever_opens_a_canary_or_connects_is_seen():
    with listen() as (url, heard), canaries(url) as (bait, opened):
        assert opened() == 0
        bait.text.read_bytes()
        bait.picture.read_bytes()
        assert opened() == 2
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as caller:
            caller.sendall(b"GET /canary HTTP/1.1\r\n\r\n")
            caller.recv(1)
        assert heard == ["GET /canary HTTP/1.1"]


def test_the_figures_do_not_hold_where_one_is_off():
    quick, slow = Seen("a", REQUEST, 415, 0.001), Seen("b", REQUEST, 413, 0.06)
    assert Figures([quick] * 200 + [slow], 1).held
    assert not Figures([quick] * 20 + [slow] * 3, 1).held
    assert Figures([Seen("a", REQUEST, 422, 0.06)], 1).held, "what is decoded may take longer"
    for what in ZEROS:
        assert not Figures([Seen("a", REQUEST, 200, wrong=[(what, "how")])], 1).held


def test_the_command_says_what_was_tried_and_fails_where_a_figure_is_off(monkeypatch, capsys):
    def ended():
        with pytest.raises(typer.Exit) as ended:
            command.main(mutations=4, questions=4, seed=7, processes=1, word="only the first 1 bytes", markdown=True)
        return ended.value.exit_code

    assert ended() == 0
    said = capsys.readouterr()
    assert "seed 7." in said.out
    assert "| inputs tried | 16 |" in said.out
    assert "| canary leaks | 0 |" in said.out
    monkeypatch.setattr(command, "run", lambda *asked: [Seen("a", REQUEST, 200, wrong=[(LEAKS, "in a picture")])])
    assert ended() == 1
    said = capsys.readouterr()
    assert "| canary leaks | 1 |" in said.out
    assert "canary leaks: a, request: in a picture" in said.err


# Keys and queries of every kind.


@pytest.fixture(scope="module")
def anything(bait, tmp_path_factory):
    """A service in this process, for all that may be asked of it."""
    import app

    before = app.prerender, app.events, app.route
    yield Service(app, bait, tmp_path_factory.mktemp("anything"))
    app.prerender, app.events, app.route = before


_TEXTS = st.one_of(st.text(max_size=20), st.text("0123456789.-+eExX,%~", max_size=12), st.sampled_from(NUMBERS))
_NAMES = st.one_of(st.sampled_from([*PARAMETERS, "preset"]), st.text(max_size=9))
_PATHS = st.one_of(
    st.just("cat.jpg"),
    st.text(max_size=60).map(quote),
    st.binary(max_size=60).map(quote_from_bytes),
    st.text("./%a:\\~=,0w", max_size=30),
    st.lists(st.tuples(_NAMES, _TEXTS), max_size=4).map(
        lambda pairs: quote("cat.jpg/" + ",".join(f"{name}={text}" for name, text in pairs) + ".jpg")
    ),
)


@given(path=_PATHS, query=st.lists(st.tuples(_NAMES, _TEXTS), max_size=4), accept=st.text(max_size=30))
def test_whatever_is_asked_is_answered(anything, path, query, accept):
    anything.clear()
    anything.originals.put("cat.jpg", Content(good()["jpeg"]["plain"]))
    target = f"/{path}?{urlencode(query)}"
    assert anything.ask("a question", target, ANY_QUESTION, headers=[("Accept", accept)]).wrong == []


@given(st.one_of(st.text(min_size=1, max_size=60), st.text("./%a:\\\0\n~=,w1", min_size=1, max_size=20)))
def test_a_key_of_any_letters_is_one_original(anything, key):
    body = good()["jpeg"]["plain"]
    uploaded = anything.upload("a key", key, body, (200, 404))
    assert uploaded.wrong == []
    assert uploaded.status == (200 if may_have_derivatives(key) else 404)
    assert {name.rpartition("/")[0] for name in anything.derivatives.names(f"{key}/")} <= {key}
    assert anything.request("a key", key, body, (200, 400, 404)).wrong == []


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", *(body[:24] for files in good().values() for body in files.values())]),
)
def test_bytes_of_any_kind_are_no_picture(anything, body, start):
    seen = anything.request("bytes", "cat.jpg", start + body, (200, 413, 415, 422))
    assert seen.wrong == []
