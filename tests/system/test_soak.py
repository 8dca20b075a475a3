"""The soak: how it tells what grows, and a few seconds of it in a process of its own."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.soak import MOST, Sample, growth, slope, verdict
from cli import ROOT

pytestmark = pytest.mark.slow

SHORT = """
import json, logging
from dataclasses import asdict
from bench.soak import counted, sample, soak, warm_process

logging.disable(logging.INFO)
with warm_process(seed=1) as (traffic, folder):
    caller, looks = traffic[0], []
    for calls in (20, 60):
        for _ in range(calls):
            caller()
        looks.append(sample(0, sum(counted(traffic).values()), folder))
    looks += soak(traffic, 0.5, folder, lambda one: None)
wrong = [what for caller in traffic for what in caller.wrong]
print(json.dumps({"looks": [asdict(one) for one in looks], "wrong": wrong, "seen": counted(traffic)}))
"""


def samples(**growing):
    """Thirty looks, 100 calls between them, at what grows by so much from one to the next."""
    steady = {"memory": 100.0, "rendering": 90.0, "processes": 2, "descriptors": 10, "threads": 8, "files": 0}
    return [
        Sample(
            seconds=10.0 * number,
            calls=100 * number,
            **{name: held + growing.get(name, 0) * number for name, held in steady.items()},
        )
        for number in range(30)
    ]


def test_the_slope_is_that_of_the_line_that_fits_best():
    assert slope([0, 1, 2, 3], [1, 3, 5, 7]) == pytest.approx(2)
    assert slope([0, 1, 2, 3], [5, 5, 5, 5]) == 0
    assert slope([0, 1, 2], [0, 3, 0]) == 0
    assert slope([4, 4], [1, 2]) == 0


def test_what_grows_while_the_process_gets_warm_does_not_count():
    warming = [replace(one, memory=min(one.calls, 800)) for one in samples()]
    assert growth(warming, "memory", "calls") == 0
    assert growth(samples(memory=2.0), "memory", "calls") == pytest.approx(0.02)
    assert growth(samples(memory=2.0), "memory", "seconds") == pytest.approx(0.2)


@pytest.mark.parametrize("name", MOST)
def test_each_thing_that_grows_is_found_and_named(name):
    told = list(verdict(samples(**{name: 1}), MOST))
    assert [line.split()[0] for line, held in told if not held] == [name]
    assert "MISSED" in told[list(MOST).index(name)][0]
    assert all(held and "reached" in line for line, held in verdict(samples(), MOST))


@pytest.fixture(scope="module")
def short():
    ended = subprocess.run([sys.executable, "-c", SHORT], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_sixty_calls_leave_no_file_and_no_descriptor_behind(short):
    warm, later, *_, last = short["looks"]
    assert later["calls"] == warm["calls"] + 60
    assert last["files"] == 0
    # Connections to S3 are kept, one for each of the ten threads of an upload at most.
    assert max(later["descriptors"], last["descriptors"]) <= warm["descriptors"] + 20
    assert max(later["threads"], last["threads"]) <= warm["threads"] + 20
    assert 1 <= last["processes"] <= 2
    assert last["rendering"] > 20


def test_whatever_comes_is_answered_as_it_should_be(short):
    assert short["wrong"] == []
    assert {"request", "upload", "removal", "request with a mistake"} <= set(short["seen"])
