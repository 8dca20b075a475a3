"""Many requests at once: for one missing derivative, and for more of them than can be made in time."""

import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from chalicelib.flows.single_flight import SingleFlight
from chalicelib.limits import Limits
from chalicelib.sandbox.pool import WORKERS
from chalicelib.settings import Settings
from chalicelib.storage.s3 import S3Store
from cli import ROOT
from cli.embedded import environment as local
from support.aws_events import Web
from support.originals import NOT_AN_IMAGE, noise, size_of
from support.pipeline import client_of
from support.watched_store import at_once

pytestmark = pytest.mark.slow

CROWD = 200
PROCESSES = 3
QUERY = "w=77&fm=jpg"

ONE_OF_THE_PROCESSES = """
import hashlib, json, logging, sys
sys.path.insert(0, "tests")
from cli.embedded import environment as local
local.point_to_this_machine(int(sys.argv[1]))
logging.disable(logging.CRITICAL)
import app, chalicelib.rendering.renderer
from support.aws_events import Web
from support.watched_store import at_once
web = Web(app.app)
web.ask("/-/health")
print("ready", flush=True)
sys.stdin.readline()
said = at_once(int(sys.argv[2]), lambda: web.get("cat.png", sys.argv[3]))
print(json.dumps([(one.status, hashlib.sha256(one.body).hexdigest(), one.headers["Server-Timing"]) for one in said]))
"""


def rendered(timing):
    """Whether a Server-Timing header tells of a render."""
    return "render;" in timing


def test_a_crowd_in_one_process_has_one_render_and_the_same_bytes(web, upload, stored, counts):
    upload("cat.png", noise())
    said = at_once(CROWD, lambda: web.get("cat.png", QUERY))
    assert Counter(one.status for one in said) == {200: CROWD}
    assert len({one.body for one in said}) == 1
    assert size_of(said[0].body) == (77, 58)
    assert Counter(one.headers["X-Cache"] for one in said) == {"HIT": CROWD - 1, "MISS": 1}
    assert stored("cat.png") == ["w=77.jpg"]
    assert counts["rendered"] == 1


def test_a_crowd_in_three_processes_has_three_renders_at_most(embedded_endpoint):
    s3 = client_of(embedded_endpoint)
    for bucket in (local.ORIGINALS, local.DERIVATIVES):
        s3.create_bucket(Bucket=bucket)
        store = S3Store(s3, bucket)
        store.delete(found.key for found in store.listing())
    s3.put_object(Bucket=local.ORIGINALS, Key="cat.png", Body=noise())
    said = [answer for answers in crowds(embedded_endpoint) for answer in answers]
    made = [found.key for found in S3Store(s3, local.DERIVATIVES).listing()]
    assert made == ["cat.png/w=77.jpg"]
    body = s3.get_object(Bucket=local.DERIVATIVES, Key=made[0])["Body"].read()
    assert Counter((status, digest) for status, digest, _ in said) == {
        (200, hashlib.sha256(body).hexdigest()): PROCESSES * 67
    }
    assert 1 <= sum(rendered(timing) for _, _, timing in said) <= PROCESSES


def crowds(endpoint):
    """What three processes got that began together, each with 67 threads."""
    asked = [sys.executable, "-c", ONE_OF_THE_PROCESSES, endpoint.rpartition(":")[2], "67", QUERY]
    processes = [
        subprocess.Popen(asked, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.mark.parametrize(("key", "status"), [("letter.jpg", 415), ("nothing.jpg", 404)])
def test_a_crowd_for_what_cannot_be_made_is_told_so(web, upload, stored, key, status):
    upload("letter.jpg", NOT_AN_IMAGE)
    said = at_once(CROWD, lambda: web.get(key, QUERY))
    assert Counter(one.status for one in said) == {status: CROWD}
    assert stored(key) == (["manifest.json"] if status == 415 else [])


# More than can be made in time.


@pytest.fixture
def slow(configure, prerender):
    """A client of the app in which each render takes so much longer, and nobody waits longer than 1 s for a turn."""

    def made(seconds):
        def slowly(*asked):
            time.sleep(seconds)
            return WORKERS.prepare(*asked)

        return Web(configure(Settings(), replace(prerender, limits=Limits(waiting_seconds=1), prepare=slowly)).app)

    return made


def asked_at_once(web, queries):
    """What these got that asked at once, and the seconds until all had their answer."""
    waiting, start = list(queries), time.monotonic()
    return at_once(len(waiting), lambda: web.get("cat.png", waiting.pop())), time.monotonic() - start


def test_a_storm_is_told_to_come_again_and_once_it_is_over_all_is_well(slow, upload, stored):
    upload("cat.png", noise())
    web = slow(0.3)
    said, seconds = asked_at_once(web, [f"w={20 + number}&fm=jpg" for number in range(CROWD)])
    answers = Counter(one.status for one in said)
    assert set(answers) == {200, 503}
    assert answers[200] >= 4
    for one in said:
        assert (one.headers.get("Retry-After"), one.headers["Cache-Control"] == "no-store") == (
            ("2", True) if one.status == 503 else (None, False)
        )
    assert len(stored("cat.png")) == answers[200]
    assert seconds < 20, "nobody hangs"
    refused = [number for number in range(CROWD) if f"w={20 + number}.jpg" not in stored("cat.png")]
    assert web.get("cat.png", f"w={20 + refused[0]}&fm=jpg").status == 200
    assert web.get("cat.png", f"w={20 + refused[-1]}&fm=jpg").status == 200


def test_a_crowd_for_a_picture_that_takes_too_long_is_told_to_come_again(slow, upload):
    upload("cat.png", noise())
    web = slow(3)
    said = at_once(50, lambda: web.get("cat.png", QUERY))
    assert Counter(one.status for one in said) == {200: 1, 503: 49}
    assert web.get("cat.png", QUERY).headers["X-Cache"] == "HIT"


# One flight for each key.


def test_who_comes_when_a_key_has_just_been_made_looks_again():
    single_flight = SingleFlight()
    before = single_flight.completed
    with single_flight.enter("a", before, 1) as again:
        assert not again
    with single_flight.enter("a", before, 1) as again:
        assert again
    with single_flight.enter("a", single_flight.completed, 1) as again:
        assert not again


def test_a_flight_that_fails_is_over_and_another_key_never_waits():
    single_flight = SingleFlight()

    def fail():
        with single_flight.enter("a", 0, 1), single_flight.enter("b", 0, 1) as again:
            assert not again
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with single_flight.enter("a", single_flight.completed, 1) as again:
        assert not again
