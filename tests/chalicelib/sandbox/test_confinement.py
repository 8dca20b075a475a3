"""The sandbox inside another sandbox, which refuses the calls that set the filter of system calls."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from chalicelib.decoding.source import Source
from chalicelib.limits import Limits
from chalicelib.rendering.renderer import prepare
from chalicelib.sandbox.confinement import NOT_HERE, STANDS
from chalicelib.transformation import parse_path
from cli import ROOT
from system.hostile.corpus import CASES
from system.hostile.figures import Figures
from system.hostile.service_pool import run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")]

OUTER = {"prctl": ["prctl"], "prctl, seccomp and setsid": ["prctl", "seccomp", "setsid"]}
CANARY = "c4nary"

DRAWN = b"""<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60"><rect width="200" height="60" fill="tan"/>
<circle cx="50" cy="30" r="20" fill="navy"/></svg>"""
PATHS = [f"a.svg/{text}" for text in ("w=90.png", "w=90,bg=ff0000.jpg", "w=40,h=40,fit=crop,rot=9.webp", "w=50.avif")]

APP = """
import hashlib, json, os, sys
from pathlib import Path
from support.outer_filter import refuse
refuse(*json.loads(sys.argv[1]))
from chalicelib.sandbox.confinement import keep_memory_private
from chalicelib.sandbox.pool import WorkerPool
from chalicelib.limits import Limits
from chalicelib.decoding.source import Source
from chalicelib.transformation import parse_path
keep_memory_private()
pool, warned = WorkerPool(), []
pool.warn = warned.append
derivatives = [parse_path(path) for path in json.loads(sys.argv[2])]
with pool.prepare([Source("a.svg", sys.stdin.buffer.read())], derivatives, Limits(), 8.0) as rendering:
    bodies = [hashlib.sha256(rendering.render(one).body).hexdigest() for one in derivatives]
status = Path(f"/proc/{pool._idle[0]._process.pid}/status").read_text()
print(json.dumps({
    "walls": pool.report()["walls"],
    "warned": warned,
    "bodies": bodies,
    "filtered": status.partition("Seccomp_filters:")[2].split()[0],
    "still": os.environ["CANARY"],
    "block": CANARY.encode() in Path("/proc/self/environ").read_bytes() if (CANARY := os.environ["CANARY"]) else None,
}))
"""


def expected():
    derivatives = [parse_path(path) for path in PATHS]
    rendering = prepare([Source("a.svg", DRAWN)], derivatives, Limits())
    return [hashlib.sha256(rendering.render(one).body).hexdigest() for one in derivatives]


def inside(outer):
    ran = subprocess.run(
        [sys.executable, "-c", APP, json.dumps(outer), json.dumps(PATHS)],
        cwd=ROOT,
        env={**os.environ, "CANARY": CANARY, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        input=DRAWN,
        capture_output=True,
        timeout=60,
    )
    return json.loads(ran.stdout) if ran.returncode == 0 else pytest.fail(ran.stderr.decode())


@pytest.mark.parametrize(("outer", "filters"), [(OUTER["prctl"], "2"), (list(OUTER.values())[1], "1")])
def test_a_picture_is_rendered_and_the_environment_is_out_of_reach(outer, filters):
    found = inside(outer)
    assert (found["bodies"], found["filtered"]) == (expected(), filters)
    assert (found["still"], found["block"]) == (CANARY, False)
    assert found["walls"]["a worker does not read the app's environment"] == STANDS


def test_without_a_filter_a_worker_still_cannot_connect_or_write_and_what_is_missing_is_named():
    found = inside(list(OUTER.values())[1])
    missing = {name for name, result in found["walls"].items() if result == NOT_HERE}
    assert missing >= {"a worker starts no program", "a worker ends no process"}
    assert not missing & {"a worker opens no connection", "a worker writes no file"}
    assert [set(names) for names in found["warned"]] == [missing]


@pytest.mark.parametrize("outer", OUTER.values(), ids=OUTER)
def test_hostile_files_are_harmless_inside_another_sandbox(outer, monkeypatch):
    monkeypatch.setenv("HOSTILE_REFUSED", ",".join(outer))
    names = [case.name for case in CASES.values() if not case.slow][::12]
    figures = Figures(run({"kind": "case", "name": name} for name in names), 1)
    assert figures.wrongs() == []
    assert len(figures.tried) >= 2 * len(names)
