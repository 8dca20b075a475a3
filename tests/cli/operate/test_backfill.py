"""Backfill: the plan, what is made of it and what is left alone; killed, stopped, twice, and beside uploads."""

import contextlib
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest

from chalicelib.errors import Unavailable
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.file import read_configuration
from chalicelib.storage.derivatives import TAG, Derivatives
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.s3 import S3Store
from chalicelib.storage.store import Content, Object
from chalicelib.transformation import parse_path
from cli import ROOT
from cli.costs.prices import load
from cli.local.event_pump import call_triggers
from cli.operate import pool
from cli.operate import queue as sending
from cli.operate.audit import Report, audit
from cli.operate.backfill import Done, backfill, plan, plan_lines
from cli.operate.estimate import Estimate, Work, estimate
from cli.operate.findings import by_picture
from cli.operate.queue import Events, batches
from support.commands import FOUNDATION, run
from support.originals import NOT_AN_IMAGE, picture
from support.pipeline import NAMES, PRESETS, client_of, on_every_store

pytestmark = [pytest.mark.usefixtures("no_pauses"), pytest.mark.slow]

WIDER = PRESETS + "  wide: {w: 80, fm: jpg}\n"
NARROWER = PRESETS.replace("  square: {w: 30, h: 30, fit: crop, fm: png}\n", "")


@pytest.fixture
def backfilled(prerender):
    """Plans and does it; what was planned, with what became of it beside it."""

    def made(prerender=prerender, chosen=(), **where):
        planned, backfilled.done = plan(prerender, io.StringIO(), chosen, **where), Done()
        backfill(prerender, planned, backfilled.done, 2, chosen)
        return planned.work.originals, planned.work.derivatives, dict(planned.counts)

    backfilled = made
    return made


@pytest.fixture
def with_presets(prerender):
    return lambda text: Prerender(prerender.originals, prerender.derivatives, read_configuration(text).presets)


@pytest.fixture
def cats(upload, derivatives):
    """A bucket that was there before imgy."""
    for key in ("a.jpg", "a.jpg/b.jpg", "a!.jpg"):
        upload(key, picture((120, 80)))


def audited(prerender):
    report = Report()
    audit(prerender, by_picture, report)
    return report.counts


@on_every_store
def test_a_bucket_that_was_there_before_gets_everything(cats, backfilled, prerender, stored):
    assert backfilled() == (3, 15, {"missing": 3})
    assert (backfilled.done.outcomes, backfilled.done.derivatives) == ({"made": 3}, 15)
    assert stored("a.jpg") == sorted(["manifest.json", *NAMES])
    assert audited(prerender) == {"complete": 3}


@on_every_store
def test_the_second_time_does_nothing(cats, backfilled, originals, derivatives):
    backfilled()
    originals.forget()
    derivatives.forget()
    assert backfilled() == (0, 0, {"complete": 3})
    assert [verb for verb, _ in (*originals.calls, *derivatives.calls)] == ["listing", "listing"]


def test_a_manifest_that_is_missing_is_written_and_nothing_rendered(cats, backfilled, derivatives, counts):
    backfilled()
    derivatives.store.delete(["a.jpg/manifest.json"])
    derivatives.forget()
    counts.update(rendered=0)
    assert backfilled() == (1, 0, {"complete": 2, "missing": 1})
    assert (derivatives.written, counts["rendered"]) == (["a.jpg/manifest.json"], 0)


def test_of_a_new_preset_only_what_is_missing_is_made(cats, backfilled, with_presets, derivatives, manifest):
    backfilled()
    derivatives.forget()
    assert backfilled(with_presets(WIDER)) == (3, 3, {"missing": 3})
    written = {key for key in derivatives.written if not key.endswith("/manifest.json")}
    assert written == {"a.jpg/w=80.jpg", "a.jpg/b.jpg/w=80.jpg", "a!.jpg/w=80.jpg"}
    assert set(manifest("a.jpg").derivatives) == {*NAMES, "w=80.jpg"}


def test_what_expires_is_taken_on_where_a_preset_has_come_to_name_it(cats, backfilled, with_presets, derivatives):
    expiring = replace(with_presets(PRESETS), derivatives=Derivatives(derivatives, "", expire=True))
    backfilled(expiring)
    for key in ("a.jpg", "a.jpg/b.jpg", "a!.jpg"):
        OnDemand(expiring).find(parse_path(f"{key}/w=80.jpg"), Timing())
    assert derivatives.store.tags["a.jpg/w=80.jpg"] == TAG
    wider = replace(expiring, presets=read_configuration(WIDER).presets)
    assert backfilled(wider) == (3, 0, {"missing": 3})
    assert "a.jpg/w=80.jpg" not in derivatives.store.tags
    assert backfilled(wider) == (0, 0, {"complete": 3})


def test_what_a_preset_made_that_is_gone_stays(cats, backfilled, with_presets, stored):
    backfilled()
    assert backfilled(with_presets(NARROWER)) == (0, 0, {"complete": 3})
    assert "w=30,h=30,fit=crop.png" in stored("a.jpg")


def test_chosen_presets_alone_and_what_stands_of_the_others(cats, backfilled, prerender, upload, stored, manifest):
    prerender.reconcile("a.jpg")
    upload("new.jpg", picture((120, 80)))
    assert backfilled(chosen=["square"]) == (3, 3, {"missing": 3, "complete": 1})
    assert stored("new.jpg") == ["manifest.json", "w=30,h=30,fit=crop.png"]
    assert stored("a.jpg") == sorted(["manifest.json", *NAMES])
    assert backfilled(chosen=["set"]) == (3, 6, {"missing": 3, "complete": 1})
    assert set(manifest("new.jpg").derivatives) == {"w=20.jpg", "w=30,h=30,fit=crop.png", "w=60.jpg"}
    assert backfilled() == (3, 6, {"missing": 3, "complete": 1})
    assert audited(prerender) == {"complete": 4}


def test_below_a_prefix_and_behind_a_key(cats, backfilled):
    assert backfilled(prefix="a.jpg/") == (1, 5, {"missing": 1})
    assert backfilled(after="a!.jpg") == (1, 5, {"missing": 1, "complete": 1})


def test_a_refused_original_is_not_tried_again(cats, upload, backfilled, counts):
    upload("letter.txt", NOT_AN_IMAGE)
    assert backfilled()[2] == {"missing": 4}
    assert backfilled.done.outcomes == {"made": 3, "refused": 1}
    counts.update(opened=0)
    assert backfilled() == (0, 0, {"complete": 3, "refused": 1})
    assert counts["opened"] == 0


def test_a_fault_that_passes_is_waited_for_and_one_that_stays_stops_no_other(cats, backfilled, originals, derivatives):
    originals.fail("get", Unavailable("slow down"), "a!.jpg", once=True)
    derivatives.fail("swap", Unavailable("slow down"), "a.jpg/w=20.jpg")
    backfilled()
    assert (backfilled.done.outcomes, backfilled.done.failed) == ({"made": 2, "failed": 1}, {"a.jpg": "slow down"})
    derivatives.heal()
    assert backfilled()[0] == 1


def test_what_came_between_plan_and_work_is_not_made_again(cats, prerender, originals, counts):
    planned, done = plan(prerender, io.StringIO()), Done()
    prerender.reconcile("a.jpg")
    originals.store.delete(["a!.jpg"])
    counts.update(rendered=0)
    backfill(prerender, planned, done, 2)
    assert (done.outcomes, counts["rendered"]) == ({"made": 1, "unchanged": 1, "gone": 1}, 5)


def test_beside_uploads_everything_is_in_step_in_the_end(prerender, upload, originals):
    for number in range(8):
        upload(f"{number}.jpg", picture((60, 40)))

    def change(numbers):
        for number in numbers:
            upload(f"{number}.jpg", picture((60 + number, 40)))
            prerender.reconcile(f"{number}.jpg")
            originals.store.delete([f"{number - 1}.jpg"])
            prerender.reconcile(f"{number - 1}.jpg")

    uploads = [threading.Thread(target=change, args=[range(start, 12, 2)]) for start in (4, 5)]
    for each in uploads:
        each.start()
    backfill(prerender, plan(prerender, io.StringIO()), Done(), 2)
    for each in uploads:
        each.join()
    assert set(audited(prerender)) == {"complete"}


# What it is going to take.


def test_the_plan_goes_by_what_stands_of_the_same_name(cats, prerender, upload, derivatives):
    prerender.reconcile("a.jpg")
    lengths = {name: derivatives.store.head(f"a.jpg/{name}").length for name in NAMES}
    work = plan(prerender, io.StringIO()).work
    assert (work.originals, work.derivatives) == (2, 10)
    assert work.original_bytes == 2 * len(picture((120, 80)))
    assert estimate(work, load(), 1, False).bytes == 2 * sum(lengths.values())


def test_the_estimate_by_hand():
    prices = load()
    work = Work(1000, 3_000_000_000, {"w=1.jpg": 1000, "w=2.jpg": 2000}, {"w=1.jpg": 10_000.0})
    here = estimate(work, prices, 2, False)
    assert here.bytes == 1000 * 10_000 + 2000 * 10_000
    assert here.seconds == 3000 * 0.06 + 3000 * 0.05
    assert here.minutes == 330 / 60 / 2
    assert here.dollars == pytest.approx((4000 + 3000) * prices["s3_write"] + 6000 * prices["s3_read"], abs=0.001)
    there = estimate(work, prices, 10, True)
    assert there.minutes == 330 / 60 / 10
    lambda_dollars = 330 * 1.769 * prices["lambda_gigabyte_second"]
    assert there.dollars - here.dollars == pytest.approx(lambda_dollars + 0.0002 + 0.00084, abs=0.0002)
    assert estimate(Work(1, 0, {"w=1.jpg": 3}, {}), prices, 1, False).bytes == 300_000


def test_measured_uploads_are_near_the_estimate():
    measured = {3_000_000: 1.21, 16_376_668: 1.70}
    for length, seconds in measured.items():
        assert estimate(Work(1, length, {"": 16}, {}), load(), 1, False).seconds == pytest.approx(seconds, rel=0.15)


@pytest.mark.parametrize(
    ("minutes", "told"), [(0.0, "1 second"), (0.5, "30 seconds"), (1.5, "1.5 minutes"), (6000.0, "6,000.0 minutes")]
)
def test_the_plan_for_people(cats, prerender, minutes, told):
    first, second, third = plan_lines(plan(prerender, io.StringIO()), Estimate(12_100_000, 1.0, minutes, 1.25))
    assert (first, second) == ("3 originals inspected", "to do: 3 originals, 15 derivatives")
    assert third == f"about 12.1 MB, {told}, 1.25 dollars"


class Simulated(MemoryStore):
    """Many originals, made up while they are listed, of which nothing is made."""

    def __init__(self, count):
        super().__init__()
        self._count = count

    def listing(self, prefix="", after=""):
        return (self.head(f"photos/{number:09}.jpg") for number in range(self._count))

    def head(self, key):
        return Object(key, "0" * 32, 1000, datetime.now(UTC))


def test_a_plan_takes_no_memory_for_each_original(presets, tmp_path):
    prerender = Prerender(Simulated(3000), Derivatives(MemoryStore(), ""), presets)
    tracemalloc.start()
    with (tmp_path / "keys").open("w+") as keys:
        assert plan(prerender, keys).work.originals == 3000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        keys.seek(0)
        assert sum(1 for line in keys if json.loads(line).startswith("photos/")) == 3000
    assert peak < 2_000_000


# By way of the queue.

on_moto = pytest.mark.parametrize("backend", ["moto"], indirect=True)


@pytest.fixture
def few(monkeypatch, presets):
    monkeypatch.setattr("cli.operate.environment.load_configuration", lambda: Configuration(presets))


@on_moto
def test_a_filled_queue_makes_everything_as_uploads_would(few, s3, upload, prerender, app):
    keys = ["a.jpg", "a b+c%.jpg", "é/😀.jpg", *(f"{number:02}.jpg" for number in range(11))]
    for key in keys:
        upload(key, picture((60, 40)))
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    ended = run("backfill", "--queue", "events", "--json")
    assert (ended.code, ended.json["done"], ended.json["derivatives"]) == (0, {"queued": 14}, 0)
    bodies = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [json.loads(message["Body"]) for message in found]
    assert [len(body["Records"]) for body in bodies] == [1] * 14
    for body in bodies:
        call_triggers(body, {"ObjectCreated": app.upload_trigger})
    assert audited(prerender) == {"complete": 14}


class Stubborn:
    """SQS that does not take some messages, so many times."""

    def __init__(self, times):
        self.times, self.taken = times, []

    def send_message_batch(self, QueueUrl, Entries):  # noqa: N803
        failing = Entries[:2] if self.times else []
        self.times = max(0, self.times - 1)
        self.taken += [entry["MessageBody"] for entry in Entries if entry not in failing]
        return {"Failed": [{"Id": entry["Id"], "Code": "Busy", "SenderFault": False} for entry in failing]}


@pytest.mark.parametrize(("times", "outcomes"), [(1, ["queued"] * 3), (9, ["failed"] * 2 + ["queued"])])
def test_what_sqs_does_not_take_is_sent_again_and_in_the_end_told(monkeypatch, times, outcomes):
    monkeypatch.setattr(sending, "PAUSES", (0, 0))
    sqs = Stubborn(times)
    sent = Events(sqs, "url", "imgy-originals").send(["a", "b", "c"])
    assert [settled.outcome for settled in sent] == outcomes
    assert len(sqs.taken) == outcomes.count("queued")
    assert {settled.reason for settled in sent if settled.outcome == "failed"} <= {"Busy"}


def test_batches_are_as_large_as_sqs_takes():
    assert [len(batch) for batch in batches(map(str, range(25)))] == [10, 10, 5]


# The command.


@on_moto
def test_the_command_plans_does_and_tells(few, cats):
    dry = run("backfill", "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.splitlines()[:2] == ["3 originals inspected", "to do: 3 originals, 15 derivatives"]
    told = run("backfill", "--dry-run", "--json").json
    assert (told["plan"]["originals"], told["plan"]["derivatives"], told["done"]) == (3, 15, {})
    ended = run("backfill", "--jobs", "2")
    assert ended.code == 0
    assert ended.out.splitlines()[3].startswith("3 made; 15 derivatives, ")
    again = run("backfill")
    assert (again.code, again.out.splitlines()) == (0, ["3 originals inspected: 3 complete", "nothing to do"])


@on_moto
def test_the_command_tells_what_failed_by_its_exit_code(few, cats, monkeypatch):
    swap = S3Store.swap

    def failing(self, key, *written):
        if key.startswith("a!.jpg/"):
            raise Unavailable("slow down")
        return swap(self, key, *written)

    monkeypatch.setattr(S3Store, "swap", failing)
    monkeypatch.setattr(pool, "PAUSES", ())
    ended = run("backfill", "--json")
    assert (ended.code, ended.json["done"], ended.json["failed"]) == (
        1,
        {"made": 2, "failed": 1},
        {"a!.jpg": "slow down"},
    )


@on_moto
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--presets", "smal"], "expected presets of presets.yaml (small, square, set) for --presets, received 'smal'"),
        (["--presets", "small", "--queue", "events"], "expected --presets without --queue"),
        (["--queue", "nothing"], "queue nothing was not found"),
    ],
)
def test_a_mistake_is_said_in_a_sentence_and_nothing_done(few, cats, derivatives, words, said):
    ended = run("backfill", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert list(derivatives.store.listing()) == []


@on_moto
def test_the_queue_of_a_stage_is_filled_only_where_somebody_reads_it(few, cats, monkeypatch):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="imgy-dev-events")["QueueUrl"]
    ended = {}
    for mode in ("direct", "queue"):
        found = {**FOUNDATION, "Invalidations": "", "Mode": mode}
        monkeypatch.setattr("cli.operate.environment.outputs", lambda client, name, found=found: found)
        ended[mode] = run("backfill", "--queue", "imgy-dev-events", buckets=["--stage", "dev"])
    assert (ended["direct"].code, ended["direct"].err.count("\n")) == (2, 1)
    assert "no function reads imgy-dev-events; deploy stage dev with Mode=queue" in ended["direct"].err
    assert (ended["queue"].code, ended["queue"].out.splitlines()[3]) == (0, "3 queued")
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 3


# Ended in the middle.

ORIGINALS, STANDING = 24, 3
"""How many there are, and how many are complete when the command is ended: long before it would be done."""


@pytest.fixture
def shell(embedded_endpoint):
    """Buckets on the embedded S3 with originals, and the command on them as a process."""
    client = client_of(embedded_endpoint)
    names = {"--originals": f"o-{time.time_ns()}", "--derivatives": f"d-{time.time_ns()}"}
    stores = []
    for name in names.values():
        client.create_bucket(Bucket=name)
        stores.append(S3Store(client, name))
    for number in range(ORIGINALS):
        stores[0].put(f"{number}.jpg", Content(picture((640, 480)), "image/jpeg"))

    def start(stderr=subprocess.PIPE):
        words = [word for pair in names.items() for word in pair]
        return subprocess.Popen(
            [sys.executable, "-m", "cli", "backfill", "--json", "--jobs", "1", *words],
            cwd=ROOT,
            env={**os.environ, "AWS_ENDPOINT_URL": embedded_endpoint},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    start.derivatives = stores[1]
    return start


def test_a_terminal_shows_rate_and_time_left_while_stdout_is_for_machines(shell):
    ours, theirs = pty.openpty()
    process = shell(stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # what Linux says when the other end is closed
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert json.loads(process.communicate(timeout=120)[0])["done"] == {"made": ORIGINALS}
    assert re.search(rb"(?:1\d|2[0-3])/24.*?\d\.\d/s.*?\d:\d\d:\d\d", shown), shown[-400:]


def until_some_stand(process, derivatives):
    def manifests():
        return [found.key for found in derivatives.listing() if found.key.endswith("/manifest.json")]

    while len(manifests()) < STANDING:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


def goes_on(shell):
    """The second run makes all that is missing, and nothing that stands."""
    standing = {found.key: found.modified for found in shell.derivatives.listing()}
    process = shell()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    after = {found.key: found.modified for found in shell.derivatives.listing()}
    pictures = [key for key in after if not key.endswith("/manifest.json")]
    told = json.loads(out)
    assert told["plan"]["complete"] >= STANDING
    assert len(pictures) == 16 * ORIGINALS
    assert told["derivatives"] == len(pictures) - len(set(pictures) & standing.keys())
    assert {key: after[key] for key in standing} == standing


def test_killed_in_the_middle_it_goes_on_from_there(shell):
    process = shell()
    until_some_stand(process, shell.derivatives)
    process.kill()
    process.communicate()
    goes_on(shell)


def test_ctrl_c_ends_it_in_a_sentence_and_it_goes_on_from_there(shell):
    process = shell()
    until_some_stand(process, shell.derivatives)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "imgy: stopped; run the same command again to continue\n")
    told = json.loads(out)
    assert told["stopped"]
    assert STANDING <= told["done"]["made"] + 1 < ORIGINALS
    goes_on(shell)
