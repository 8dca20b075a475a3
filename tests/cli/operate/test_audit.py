"""The audit: what it finds at each level, what it leaves alone, and that a repair brings everything in step."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Denied, Unavailable
from chalicelib.flows.prerender import Prerender
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.file import read_configuration
from chalicelib.presets.presets import Presets
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.manifest import manifest_key, original_of
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content
from cli import ROOT
from cli.operate.audit import Report, audit, lines, summary
from cli.operate.findings import by_listing, by_manifest, by_picture
from support.commands import BUCKETS, FOUNDATION, run
from support.interleaving import draw
from support.originals import NOT_AN_IMAGE, picture
from support.pipeline import NAMES, on_every_store

pytestmark = pytest.mark.usefixtures("no_pauses")

LOOKS = {"listing": by_listing, "manifest": by_manifest, "picture": by_picture}


@pytest.fixture
def look_at(prerender):
    """Audits the test's buckets; kinds and keys of what is out of step, with the report beside it."""

    def looked(look=by_manifest, **options):
        report = Report()
        audit(prerender, look, report, **options)
        looked.report = report
        return sorted((finding.what, finding.key) for finding in report.findings)

    return looked


@pytest.fixture
def cats(upload, prerender):
    """Three originals, all in step."""
    for key in ("a", "a/b.jpg", "a!"):
        upload(key, picture((120, 80)))
        prerender.reconcile(key)


@on_every_store
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_what_is_in_step_is_complete_at_every_level(cats, look_at, look):
    assert look_at(look) == []
    assert (look_at.report.counts, look_at.report.code) == ({"complete": 3}, 0)


@on_every_store
def test_each_kind_is_found_by_its_name(cats, look_at, upload, originals, derivatives, prerender):
    upload("new.jpg", picture())
    upload("a!", picture((50, 50)))
    derivatives.store.delete(["a/w=40.jpg"])
    originals.store.delete(["a/b.jpg"])
    upload("letter.txt", NOT_AN_IMAGE)
    prerender.reconcile("letter.txt")
    assert look_at() == [("missing", "a"), ("missing", "new.jpg"), ("orphaned", "a/b.jpg"), ("stale", "a!")]
    report = look_at.report
    assert report.counts == {"missing": 2, "orphaned": 1, "stale": 1, "refused": 1}
    assert list(report.refused) == ["expected an image (jpeg, png, gif, webp, avif, tiff, svg, heic)"]
    found = {finding.key: finding for finding in report.findings}
    assert (found["a"].missing, found["a"].surplus) == (["a/w=40.jpg"], 0)
    assert (len(found["new.jpg"].missing), found["a/b.jpg"].surplus, found["a!"].surplus) == (5, 6, 5)
    assert report.code == 1


@pytest.mark.parametrize("name", ["w=40.jpg", "w=77.jpg"], ids=["a preset's", "an ad-hoc one"])
@pytest.mark.parametrize(("look", "what"), [(by_listing, []), (by_manifest, [("stale", "a")])])
def test_a_picture_of_another_original_is_found_by_who_reads_manifests(cats, look_at, derivatives, look, what, name):
    metadata = {**derivatives.store.get("a/w=40.jpg").metadata, "original-etag": "x"}
    derivatives.store.put(f"a/{name}", Content(b"of another", "image/jpeg", "", metadata))
    assert look_at(look) == what


def test_a_picture_that_no_manifest_tells_of_is_looked_at_and_no_other(cats, look_at, derivatives, find):
    find("a/w=77.jpg")
    derivatives.forget()
    assert look_at() == []
    assert derivatives.called("head") == ["a/w=77.jpg"]


@pytest.mark.parametrize(("look", "what"), [(by_listing, []), (by_manifest, [("stale", "a")])])
def test_an_upload_whose_event_was_lost_is_found_by_who_reads_manifests(cats, look_at, upload, look, what):
    upload("a", picture((50, 50)))
    assert look_at(look) == what


def test_a_manifest_alone_is_an_orphan_and_pictures_alone_are(cats, look_at, originals, derivatives):
    originals.store.delete(["a", "a!"])
    derivatives.store.delete([f"a/{name}" for name in NAMES] + ["a!/manifest.json"])
    assert look_at() == [("orphaned", "a"), ("orphaned", "a!")]


def test_without_a_manifest_or_with_an_unreadable_one_it_is_missing(cats, look_at, derivatives):
    derivatives.store.delete(["a/manifest.json"])
    derivatives.store.put("a!/manifest.json", Content(b"{}", "application/json"))
    assert look_at() == [("missing", "a"), ("missing", "a!")]
    assert [finding.reason for finding in look_at.report.findings] == ["there is no manifest"] * 2


def test_one_request_an_original_and_no_write_where_all_is_in_step(cats, look_at, originals, derivatives):
    originals.forget()
    derivatives.forget()
    look_at()
    asked = [verb for verb, _ in (*originals.calls, *derivatives.calls)]
    assert asked == ["listing", "listing", *["get", "read"] * 3]


def test_only_what_begins_with_the_prefix(cats, look_at, originals):
    originals.store.delete(["a", "a!", "a/b.jpg"])
    assert look_at(prefix="a/") == [("orphaned", "a/b.jpg")]


def test_what_was_uploaded_within_the_grace_is_arriving(look_at, upload):
    upload("new.jpg", picture())
    assert look_at(grace=timedelta(hours=1)) == [("arriving", "new.jpg")]
    assert look_at.report.code == 0
    assert look_at(grace=timedelta(0)) == [("missing", "new.jpg")]


def test_what_came_into_step_while_the_listings_were_read_is_complete(cats, look_at, upload, originals, prerender):
    upload("a", picture((50, 50)))
    originals.on("head", lambda: prerender.reconcile("a"))
    assert look_at() == []


@on_every_store
def test_a_repair_brings_everything_in_step_and_again_does_nothing(cats, look_at, upload, originals, derivatives):
    upload("new.jpg", picture())
    upload("a!", picture((50, 50)))
    derivatives.store.delete(["a/w=40.jpg"])
    originals.store.delete(["a/b.jpg"])
    assert len(look_at(jobs=2)) == 4
    assert (look_at.report.repaired, look_at.report.left, look_at.report.code) == ({"made": 3, "gone": 1}, 0, 0)
    derivatives.forget()
    assert look_at(by_picture, jobs=2) == []
    assert derivatives.written == derivatives.called("delete") == []


def test_a_repair_leaves_an_original_that_is_refused(look_at, upload, derivatives):
    upload("letter.txt", NOT_AN_IMAGE)
    assert look_at(jobs=1) == [("missing", "letter.txt")]
    assert look_at.report.repaired == {"refused": 1}
    assert look_at(jobs=1) == []
    assert (look_at.report.counts, look_at.report.code) == ({"refused": 1}, 0)


def test_what_s3_does_not_answer_is_tried_again(cats, look_at, derivatives):
    derivatives.fail("get", Unavailable("slow down"), "a/manifest.json", once=True)
    assert look_at() == []


@pytest.mark.parametrize("error", [Unavailable("slow down"), Denied("closed"), RuntimeError("a mistake of ours")])
def test_what_s3_never_answers_has_failed_and_the_rest_is_looked_at(cats, look_at, originals, derivatives, error):
    derivatives.fail("get", error, "a/manifest.json")
    originals.fail("head", error, "a")
    assert look_at(jobs=1) == [("failed", "a")]
    assert (look_at.report.counts, look_at.report.code) == ({"complete": 2, "failed": 1}, 1)
    assert look_at.report.findings[0].reason == str(error)


def test_a_repair_that_fails_is_told_and_the_rest_repaired(cats, look_at, derivatives):
    derivatives.store.delete(["a/w=40.jpg", "a!/w=40.jpg"])
    derivatives.fail("swap", Unavailable("slow down"), "a/w=40.jpg")
    look_at(jobs=2)
    report = look_at.report
    assert (report.repaired, report.left, report.code) == ({"made": 1, "failed": 1}, 1, 1)
    assert summary(report)["not_repaired"] == {"a": "slow down"}
    assert "not repaired: a: slow down" in list(lines(report))


# Against an audit that has everything in memory, on keys that sort oddly.

KEYS = ["a", "a!", "a/b", "a/b.jpg", "a/b.jpg/w=3.jpg", "a0", "é", "\ufffd", "😀", "😀/a"]
STATES = ["nothing", "in step", "new", "stale", "orphaned", "half", "no manifest", "another's", "refused", "manifest"]
STATES += ["an ad-hoc one", "another's ad-hoc one"]
PRESETS = read_configuration("presets: {small: {w: 1, fm: jpg}, large: {w: 2, fm: jpg}}").presets


def world(states):
    """Buckets in which each key is in some state."""
    prerender = Prerender(MemoryStore(), Derivatives(MemoryStore(), ""), PRESETS, prepare=draw)
    for key, state in states.items():
        _bring(prerender, key, state)
    return prerender


def _bring(prerender, key, state):
    originals, derivatives = prerender.originals, prerender.derivatives.store
    if state == "nothing":
        return
    originals.put(key, Content(b"nonsense" if state == "refused" else b"red"))
    if state != "new":
        prerender.reconcile(key)
    if state in ("orphaned", "manifest"):
        originals.delete([key])
    elif state == "stale":
        originals.put(key, Content(b"blue"))
    elif state == "another's":
        derivatives.put(f"{key}/w=1.jpg", Content(b"blue", metadata={"original-etag": "blue's"}))
    elif state.endswith("ad-hoc one"):
        etag = originals.head(key).etag if state.startswith("an ") else "blue's"
        derivatives.put(f"{key}/w=9.jpg", Content(b"red or blue", metadata={"original-etag": etag}))
    gone = {"half": ["w=1.jpg"], "no manifest": ["manifest.json"], "manifest": ["w=1.jpg", "w=2.jpg"]}.get(state, [])
    derivatives.delete(f"{key}/{name}" for name in gone)


def naive(prerender):
    """What is out of step, by looking at every object of both buckets."""
    stored = {found.key: prerender.derivatives.store.get(found.key) for found in prerender.derivatives.store.listing()}
    owners = {key.rpartition("/")[0] for key in stored}
    originals = {found.key: found for found in prerender.originals.listing()}
    told = dict.fromkeys(owners - originals.keys(), "orphaned")
    for key, original in originals.items():
        pictures = {each.key: each for each in stored.values() if each.key.rpartition("/")[0] == key}
        etags = {each.metadata.get("original-etag") for each in pictures.values()}
        manifest = json.loads(pictures[manifest_key(key)].read()) if manifest_key(key) in pictures else None
        if manifest and manifest["refused"] and etags == {original.etag}:
            continue
        if etags - {original.etag}:
            told[key] = "stale"
        elif manifest is None or not pictures.keys() >= {f"{key}/w=1.jpg", f"{key}/w=2.jpg"}:
            told[key] = "missing"
    return told


@pytest.mark.parametrize("look", [by_manifest, by_picture])
@given(st.fixed_dictionaries({key: st.sampled_from(STATES) for key in KEYS}))
def test_it_finds_what_is_found_by_looking_at_every_object(look, states):
    prerender, report = world(states), Report()
    audit(prerender, look, report)
    assert {finding.key: finding.what for finding in report.findings} == naive(prerender)


@given(st.fixed_dictionaries({key: st.sampled_from(STATES) for key in KEYS}))
def test_a_repair_of_anything_leaves_nothing_out_of_step(states):
    prerender, report = world(states), Report()
    before = {found.key: found.etag for found in prerender.originals.listing()}
    audit(prerender, by_manifest, report, jobs=2)
    assert naive(prerender) == {}
    assert report.code == 0
    assert {found.key: found.etag for found in prerender.originals.listing()} == before
    owners = {original_of(found.key) for found in prerender.derivatives.store.listing() if original_of(found.key)}
    assert owners == before.keys()


# The command.

on_moto = pytest.mark.parametrize("backend", ["moto"], indirect=True)


@pytest.fixture
def few(monkeypatch, presets):
    """The presets of the tests in place of the shipped ones."""
    monkeypatch.setattr("cli.operate.environment.load_configuration", lambda: Configuration(presets))


@on_moto
def test_cron_learns_by_the_exit_code(few, cats, derivatives):
    ended = run("audit")
    assert (ended.code, ended.out.splitlines(), ended.err) == (0, ["3 complete", "everything is in step"], "")
    derivatives.store.delete(["a/w=40.jpg"])
    ended = run("audit")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.splitlines()[0] == "missing   a: 1 derivative missing"
    assert ended.out.splitlines()[-1] == "1 original out of step"
    ended = run("audit", "--repair", "--json")
    assert (ended.code, ended.json["in_step"], ended.json["repaired"]) == (0, True, {"made": 1})


@on_moto
def test_a_summary_for_machines(few, cats, upload):
    upload("new.jpg", picture())
    told = run("audit", "--json").json
    assert (told["looked_at"], told["complete"], told["missing"], told["left"]) == (4, 3, 1, 1)
    assert [(finding["key"], finding["what"]) for finding in told["findings"]] == [("new.jpg", "missing")]
    assert run("audit", "--json", "--grace", "3600").json["arriving"] == 1


@on_moto
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "imgy: choose the buckets: --local, --stage STAGE, or --originals NAME with --derivatives NAME"),
        (["--local", *BUCKETS], "choose the buckets"),
        (["--originals", "one"], "expected two buckets"),
        (["--originals", "one", "--derivatives", "one"], "expected two buckets"),
        (["--originals", "one", "--derivatives", "two"], "bucket one does not exist"),
        (["--stage", "nowhere"], "expected one of the stages dev, prod, received 'nowhere'"),
        (["--stage", "dev"], "stage dev is not deployed; run: make deploy STAGE=dev"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_a_sentence(s3, monkeypatch, words, said):
    monkeypatch.setattr("cli.operate.environment.outputs", lambda client, name: {})
    ended = run("audit", buckets=words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["audit", "--repiar"], "imgy: No such option: --repiar (Possible options: --prefix, --repair)\n"),
        (["audit", "--s3-port", "99999"], "imgy: Invalid value for '--s3-port'"),
        (["purge"], "imgy: Missing argument 'KEY|PREFIX'.\n"),
        (["audti"], "imgy: No such command 'audti'."),
    ],
)
def test_a_command_that_is_misspelt_has_found_nothing_out_of_step(words, said):
    ended = subprocess.run([sys.executable, "-m", "cli", *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(said)


@on_moto
def test_a_listing_that_breaks_off_is_no_clean_audit(few, cats, monkeypatch):
    def broken(self, prefix="", after=""):
        raise Unavailable("the store does not answer now")

    monkeypatch.setattr("chalicelib.storage.s3.S3Store.listing", broken)
    ended = run("audit")
    assert (ended.code, ended.out, ended.err) == (2, "", "imgy: the store does not answer now\n")


@on_moto
def test_a_stage_is_found_by_its_foundation(few, cats, monkeypatch):
    found = {**FOUNDATION, "Invalidations": ""}
    monkeypatch.setattr(
        "cli.operate.environment.outputs", lambda client, name: found if name == "imgy-dev-foundation" else {}
    )
    assert run("audit", "--json", buckets=["--stage", "dev"]).json["complete"] == 3


def test_where_nothing_answers_the_way_to_start_is_said():
    command = [sys.executable, "-m", "cli", "audit", "--local", "--s3-port", "9"]
    elsewhere = {**os.environ, "AWS_PROFILE": "work", "AWS_ENDPOINT_URL": "http://elsewhere.example"}
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, env=elsewhere)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "imgy: no S3 answers at http://127.0.0.1:9; start it first: make run\n"


def test_keys_cannot_write_lines_of_their_own():
    report = Report()
    prerender = Prerender(MemoryStore(), Derivatives(MemoryStore(), ""), Presets())
    prerender.originals.put("a\neverything is in step\n", Content(b""))
    audit(prerender, by_manifest, report)
    assert len(list(lines(report))) == 3
    assert replace(report.findings[0]).key == "a\neverything is in step\n"
