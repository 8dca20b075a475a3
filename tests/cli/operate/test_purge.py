"""Purge: what goes, what stays, in which order, and that the edge is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.cdn import tag, tags
from chalicelib.errors import Unavailable
from chalicelib.flows.prerender import Prerender
from chalicelib.presets.configuration import Configuration
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.memory import MemoryStore
from cli.operate.audit import Report, audit
from cli.operate.findings import by_picture
from cli.operate.purge import count_below, purge
from support.commands import BUCKETS, FOUNDATION, run
from support.originals import NOT_AN_IMAGE, picture
from support.pipeline import NAMES, on_every_store

KEYS = ["a", "a!", "a/b.jpg", "a/b/c.jpg", "a0", "é/a", "w=1.jpg"]


@pytest.fixture
def told():
    """What the edge was told to invalidate."""
    return []


@pytest.fixture
def cats(upload, prerender, told):
    for key in KEYS:
        upload(key, picture((120, 80)))
        prerender.reconcile(key)
    told.clear()


@pytest.fixture
def prerender(originals, derivatives, presets, settings, told):
    return Prerender(originals, Derivatives(derivatives, settings.cache_control), presets, invalidate=told.append)


def left(derivatives):
    return {found.key.rpartition("/")[0] for found in derivatives.store.listing()}


@on_every_store
def test_an_original_loses_its_own_pictures_and_no_other_does(cats, prerender, originals, derivatives, told):
    purged = purge(prerender, "a")
    assert (purged.originals, purged.derivatives, purged.manifests) == (1, 5, 1)
    assert left(derivatives) == {*KEYS} - {"a"}
    assert told == ["a"]
    assert originals.called("put", "swap", "delete", "drop") == []


@on_every_store
def test_a_prefix_takes_all_below_it_but_not_the_original_of_its_name(cats, prerender, derivatives, told):
    assert count_below(prerender, "a/") == purge(prerender, "a/")
    assert left(derivatives) == {"a", "a!", "a0", "é/a", "w=1.jpg"}
    assert told == ["a/"]


def test_again_it_finds_nothing(cats, prerender, derivatives):
    purge(prerender, "a/")
    derivatives.forget()
    assert purge(prerender, "a/").originals == 0
    assert derivatives.called("delete", "put", "swap") == []


def test_what_is_purged_is_made_again(cats, prerender, find, stored):
    purge(prerender, "a")
    assert not find("a/w=40.jpg").hit
    prerender.reconcile("a")
    assert stored("a") == sorted(["manifest.json", *NAMES])


def test_a_refused_original_is_looked_at_again(prerender, upload, counts):
    upload("letter.txt", NOT_AN_IMAGE)
    prerender.reconcile("letter.txt")
    assert prerender.reconcile("letter.txt").outcome == "unchanged"
    purge(prerender, "letter.txt")
    assert prerender.reconcile("letter.txt").outcome == "refused"


def test_pictures_go_first_then_the_edge_is_told_then_manifests_go(cats, prerender, derivatives, told):
    derivatives.on("delete", lambda: told.append(sorted(derivatives.calls[-1:])), "", once=False)
    purge(prerender, "a/")
    order = [entry if isinstance(entry, str) else entry[0][1].rpartition("/")[2] for entry in told]
    assert order == [*NAMES, *NAMES, "a/", "manifest.json", "manifest.json"]


@pytest.mark.parametrize("moment", ["delete", "after delete"])
@pytest.mark.parametrize("key", ["a/b.jpg/w=20.jpg", "a/b/c.jpg/manifest.json", ""])
def test_one_that_broke_off_is_seen_by_the_audit_and_done_by_the_same_command(
    cats, prerender, derivatives, told, moment, key
):
    def broken():
        raise Unavailable("slow down")

    derivatives.on(moment, broken, key)
    if not (moment == "after delete" and key):
        with pytest.raises(Unavailable):
            purge(prerender, "a/")
    report = Report()
    audit(prerender, by_picture, report)
    whole = {"a/b.jpg", "a/b/c.jpg"} <= left(derivatives)
    assert report.code == (0 if whole and report.counts["complete"] == 7 else 1)
    derivatives.heal()
    purge(prerender, "a/")
    assert left(derivatives) == {"a", "a!", "a0", "é/a", "w=1.jpg"}
    assert told[-1] == "a/"


@given(st.lists(st.sampled_from(["a", "b.jpg", "é", "", "!"]), min_size=1, max_size=40).map("/".join))
def test_what_the_edge_is_told_covers_every_picture_below(prefix):
    told, prefix = [], f"{prefix}/"
    prerender = Prerender(MemoryStore(), Derivatives(MemoryStore(), ""), None, invalidate=told.append)
    purge(prerender, prefix)
    (forgotten,) = told
    assert prefix.startswith(forgotten)
    for deeper in ("x.jpg", "deeper/x.jpg"):
        assert tag(forgotten) in tags(prefix + deeper).split(",")


# The command.

on_moto = pytest.mark.parametrize("backend", ["moto"], indirect=True)


@pytest.fixture
def few(monkeypatch, presets):
    monkeypatch.setattr("cli.operate.environment.load_configuration", lambda: Configuration(presets))


@on_moto
def test_the_command_says_what_it_did(few, cats, derivatives):
    ended = run("purge", "a")
    assert (ended.code, ended.out.splitlines()[0]) == (0, "deleted: 5 derivatives and 1 manifest of 1 original")
    told = run("purge", "a/", "--yes", "--json").json
    assert told == {"purged": "a/", "originals": 2, "derivatives": 10, "manifests": 2, "edge_told": False}
    ended = run("purge", "é")
    assert (ended.code, ended.out) == (0, "é has no derivatives; to purge everything below it: é/\n")
    assert left(derivatives) == {"a!", "a0", "é/a", "w=1.jpg"}


@on_moto
@pytest.mark.parametrize(("answer", "purged"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_prefix_is_asked_about(few, cats, derivatives, answer, purged):
    ended = run("purge", "a/", input=answer)
    assert "Delete 10 derivatives and 2 manifests of 2 originals in imgy-derivatives?" in ended.err
    assert ended.code == (0 if purged else 1)
    assert ("nothing was purged" in ended.err) is not purged
    assert ("a/b.jpg" not in left(derivatives)) is purged


@on_moto
def test_a_stages_edge_is_told_by_its_queue(few, cats, monkeypatch):
    import boto3

    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="imgy-dev-invalidations")["QueueUrl"]
    monkeypatch.setattr("cli.operate.environment.outputs", lambda client, name: FOUNDATION)
    ended = run("purge", "a/", "--yes", buckets=["--stage", "dev"])
    assert ended.out.splitlines()[1] == "CloudFront is invalidated within a minute"
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "a/"


@on_moto
def test_an_empty_name_is_no_prefix_of_everything(few, cats, derivatives):
    ended = run("purge", "")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "imgy: expected the key of an original, or a prefix ending in /\n"
    assert left(derivatives) == set(KEYS)
    assert run("purge", "x", buckets=BUCKETS[:2]).code == 2
