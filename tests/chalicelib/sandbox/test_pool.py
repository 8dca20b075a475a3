"""What opens strangers' files is a process of its own: it may crash, hang or take all memory, unnoticed by others."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.errors import Damaged, ImgyError, MisconfiguredError, NotAnImage, TooLarge, TooSlow, Unavailable
from chalicelib.limits import Limits
from chalicelib.sandbox import pool
from chalicelib.sandbox.confinement import MEMORY, NOT_HERE, STANDS
from chalicelib.sandbox.messages import Channel
from chalicelib.sandbox.pool import WorkerPool
from chalicelib.settings import MOST_RENDERERS
from chalicelib.transformation import parse_path
from cli import ROOT
from support.aws_events import Web, upload_event
from support.originals import picture
from support.pipeline import NAMES, sources

pytestmark = pytest.mark.slow

GOOD, POISON = picture(), picture(colour="navy")
SMALL = parse_path("cat.jpg/w=20.jpg")
LIMITS = Limits()

POISONED = """
import ctypes, os, signal, sys, threading
from chalicelib.rendering import renderer
from chalicelib.sandbox import self_test, worker
prepare, libc = renderer.prepare, ctypes.PyDLL(None)  # PyDLL keeps Python's lock, as the worst of C would

def poisoned(sources, derivatives, limits):
    if b"POISON" in sources[0].body:
        {poison}
    return prepare(sources, derivatives, limits)

renderer.prepare = poisoned
worker.main(*map(int, sys.argv[1:]))
"""
POISONS = {
    "a crash": ("ctypes.string_at(0)", Damaged),
    "an abort": ("os.abort()", Damaged),
    "a hang": ("libc.sleep(60)", TooSlow),
    "a hang that waits for locks": ("lock = threading.Lock(); lock.acquire(); lock.acquire()", TooSlow),
    "an end": ("os._exit(3)", Unavailable),
    "too much memory": ("bytearray(3 * 2**30)", Unavailable),
    "memory bit by bit": ("held = [bytearray(2**24) for _ in range(1000)]", Unavailable),
    "being killed": ("signal.raise_signal(9)", Unavailable),
    "a mistake of ours": ("1 / 0", ImgyError),
}


def poisoned(poison):
    return [sys.executable, "-c", POISONED.format(poison=poison)]


@pytest.fixture
def started():
    """Starts children of a command, and ends them with the test."""
    every = []

    def start(*command):
        every.append(WorkerPool(*([command] if command else [])))
        return every[-1]

    yield start
    for one in every:
        one.close()


def made(of, original=GOOD, seconds=8.0):
    with of.prepare(sources(original), [SMALL], LIMITS, seconds) as rendering:
        return rendering.render(SMALL)


@pytest.mark.parametrize("what", POISONS)
def test_whatever_a_worker_does_is_an_error_and_the_next_picture_is_made(started, what):
    poison, error = POISONS[what]
    renderers = started(*poisoned(poison))
    assert made(renderers).size.width == 20
    with pytest.raises(error) as raised:
        made(renderers, GOOD + b"POISON", seconds=1.0 if error is TooSlow else 20.0)
    assert type(raised.value) is error
    assert made(renderers).size.width == 20


def test_it_hangs_no_longer_than_it_may_and_then_is_gone(started):
    renderers = started(*poisoned("libc.sleep(60)"))
    made(renderers)
    pid = renderers._idle[0]._process.pid
    start = time.monotonic()
    with pytest.raises(TooSlow, match=r"within 0\.5 seconds"):
        made(renderers, GOOD + b"POISON", seconds=0.5)
    assert 0.4 < time.monotonic() - start < 1.5
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_two_at_once_learn_alike_that_it_has_ended(started):
    renderers = started()
    errors = []

    def render(rendering):
        try:
            for _ in range(200):
                rendering.render(SMALL)
        except ImgyError as error:
            errors.append(type(error))

    with renderers.prepare(sources(GOOD), [SMALL], LIMITS, 8.0) as rendering:
        threads = [threading.Thread(target=render, args=[rendering]) for _ in range(MOST_RENDERERS)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        rendering._worker._process.send_signal(signal.SIGSEGV)
        for thread in threads:
            thread.join(20)
    assert errors == [Damaged] * MOST_RENDERERS
    assert made(renderers).size.width == 20


def test_one_that_died_while_it_waited_is_replaced(started):
    renderers = started()
    made(renderers)
    renderers._idle[0]._process.kill()
    renderers._idle[0]._process.wait()
    assert made(renderers).size.width == 20


def test_each_original_has_a_process_for_itself_and_few_wait_for_more(started):
    renderers, inside = started(), threading.Barrier(4)

    def work():
        with renderers.prepare(sources(GOOD), [SMALL], LIMITS, 8.0) as rendering:
            inside.wait(30)
            rendering.render(SMALL)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not inside.broken
    assert len(renderers._idle) == pool._IDLE


def test_one_is_replaced_after_so_many_originals(started, monkeypatch):
    monkeypatch.setattr(pool, "_ORIGINALS", 2)
    renderers, pids = started(), []
    for _ in range(4):
        with renderers.prepare(sources(GOOD), [SMALL], LIMITS, 8.0) as rendering:
            pids.append(rendering._worker._process.pid)
    assert pids[0] == pids[1] != pids[2] == pids[3]


@pytest.mark.parametrize(
    ("original", "limits", "error"),
    [
        (b"no picture", LIMITS, NotAnImage),
        (GOOD, replace(LIMITS, original_bytes=10), TooLarge),
        (GOOD, replace(LIMITS, original_pixels=10), TooLarge),
        (GOOD[:300], LIMITS, Damaged),
    ],
)
def test_what_is_refused_in_there_is_refused_here_alike(started, original, limits, error):
    with pytest.raises(error) as there, started().prepare(sources(original), [SMALL], limits, 8.0):
        pass
    from chalicelib.rendering.renderer import prepare

    with pytest.raises(error) as here:
        prepare(sources(original), [SMALL], limits)
    assert str(there.value) == str(here.value)


def test_no_process_is_started_for_what_is_no_picture_at_all(started):
    renderers = started("/nowhere/at/all")
    with pytest.raises(NotAnImage):
        made(renderers, b"#!/bin/sh")


# What it may do.

FAKE = """
import json, os, socket, sys
from chalicelib.sandbox.messages import Channel
first = Channel(socket.socket(fileno=int(sys.argv[2])))
raw = socket.socket(fileno=os.dup(int(sys.argv[2])))
first.send({said})
asked = first.receive()
{then}
first.receive(30)
"""


def fake(then, said='{"walls": {}, "versions": {}}'):
    return [sys.executable, "-c", FAKE.format(said=said, then=then)]


@pytest.mark.parametrize(
    "answer",
    [
        'raw.sendall(b"no json\\n")',
        'raw.sendall(b"[1]\\n")',
        'raw.sendall(b"{}\\n")',
        "raw.sendall(b'{\"lengths\": [-1]}\\n')",
        "raw.sendall(b'{\"lengths\": [99999999999]}\\n')",
        'raw.sendall(b"[" * 100000 + b"\\n")',
        'raw.sendall(b"x" * 3000000)',
        "raw.sendall(b'{\"lengths\": [100]}\\nshort'); raw.shutdown(2)",
    ],
)
def test_what_answers_nonsense_is_ended(started, monkeypatch, answer):
    monkeypatch.setattr(pool, "_GRACE_SECONDS", 0.3)
    with pytest.raises((TooSlow, Unavailable)):
        made(started(*fake(answer)), seconds=0.3)


def test_its_environment_holds_no_credentials(started, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("IMGY_ORIGIN_SECRET", "secret")
    renderers = started(*fake("", said='{"walls": {}, "versions": dict(os.environ)}'))
    environment = renderers.report()["versions"]
    assert "PATH" in environment
    assert "secret" not in environment.values()
    assert not [name for name in environment if name.startswith(("AWS", "IMGY"))]


def test_what_does_not_start_is_said_in_a_sentence(started):
    with pytest.raises(MisconfiguredError, match="does not start"):
        started(sys.executable, "-c", "raise SystemExit(1)").report()
    said = '{"error": "no library"}'
    with pytest.raises(MisconfiguredError, match="no library"):
        made(started(*fake("", said)))


CONFINED = """
import ctypes, json, mmap, os, signal, socket, sys, threading
from chalicelib.sandbox.confinement import confine
import subprocess
ours, its = socket.socketpair()
filtered = confine()
ways = {
    "connect": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1]))),
    "listen": lambda: socket.socket(),
    "write": lambda: open(sys.argv[2], "w"),
    "append": lambda: open(sys.argv[2], "ab"),
    "make a folder": lambda: os.mkdir(sys.argv[2]),
    "remove": lambda: os.unlink(sys.argv[3]),
    "rename": lambda: os.rename(sys.argv[3], sys.argv[2]),
    "link": lambda: os.symlink("/", sys.argv[2]),
    "run": lambda: subprocess.run(["true"]),
    "become": lambda: os.execv(sys.executable, ["python"]),
    "fork": lambda: os.fork(),
    "end others": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "grow": lambda: bytearray(2**31),
}
stopped = {}
for name, way in ways.items():
    try:
        way()
        stopped[name] = False
    except (PermissionError, MemoryError):
        stopped[name] = True
started = []
thread = threading.Thread(target=lambda: started.append(1))
thread.start()
thread.join()
open("/etc/hostname").close()
its.sendall(json.dumps([filtered, stopped, started, ours.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) > 0]).encode())
os.write(1, ours.recv(10000))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the filter of system calls is Linux'")
def test_it_can_neither_connect_nor_write_nor_start_nor_end_anything(tmp_path):
    there = tmp_path / "there"
    there.write_text("still")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ran = subprocess.run(
            [sys.executable, "-c", CONFINED, str(port), str(tmp_path / "new"), str(there)],
            cwd=ROOT,
            capture_output=True,
            timeout=60,
        )
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()
    filtered, stopped, threads, talks = json.loads(ran.stdout or b"[]") or pytest.fail(ran.stderr.decode())
    assert filtered
    assert [way for way, held in stopped.items() if not held] == []
    assert (threads, talks) == ([1], True)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.skipif(sys.platform != "linux", reason="the filter of system calls is Linux'")
def test_the_process_that_renders_is_confined(started):
    renderers = started()
    renderers.report()
    folder = Path("/proc") / str(renderers._idle[0]._process.pid)
    assert "Seccomp:\t2" in (folder / "status").read_text()
    limits = {line[:26].strip(): line[26:].split()[0] for line in (folder / "limits").read_text().splitlines()}
    assert limits["Max file size"] == limits["Max core file size"] == "0"
    assert 2**30 < int(limits["Max data size"]) < 2**31


def test_a_channel_carries_whole_messages():
    ours, its = map(Channel, socket.socketpair())
    body = os.urandom(3_000_000)
    sender = threading.Thread(target=lambda: (its.send({"a": "ü"}, [body, b"x"]), its.send({}), its.close()))
    sender.start()
    first, second, nothing = ours.receive(5), ours.receive(5), ours.receive(5)
    sender.join()
    assert (first.fields, first.bodies) == ({"a": "ü"}, [body, b"x"])
    assert (second.fields, second.bodies, nothing) == ({}, [], None)


def test_a_missing_protection_is_reported_once(started):
    renderers, warned = (
        started(*fake("", said='{"walls": {"a": "stands", "b": "cannot be had here"}, "versions": {}}')),
        [],
    )
    renderers.warn = warned.append
    renderers.report()
    renderers.close()
    renderers.report()
    assert warned == [["b"]]


def test_rendering_may_use_what_a_function_s_memory_leaves():
    assert pool._memory({}) == MEMORY
    assert pool._memory({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1856"}) == 1600 * 2**20
    assert pool._memory({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}) == MEMORY


def test_a_worker_starts_where_setsid_is_refused(started, monkeypatch):
    popen, sessions = subprocess.Popen, []

    def refused(*command, start_new_session=False, **options):
        sessions.append(start_new_session)
        if start_new_session:
            raise PermissionError(1, "Operation not permitted")
        return popen(*command, **options)

    monkeypatch.setattr(pool.subprocess, "Popen", refused)
    assert made(started()).size.width == 20
    assert sessions == [True, False]


# Through both entry points.


@pytest.fixture
def guarded(configure, prerender, started):
    """The app with a renderer that a poison ends, with short deadlines."""

    def made(poison):
        limits = Limits(request_seconds=1, preset_seconds=1)
        renderers = started(*poisoned(poison))
        return configure(prerender=replace(prerender, limits=limits, prepare=renderers.prepare))

    return made


@pytest.mark.parametrize(("poison", "status"), [("ctypes.string_at(0)", 422), ("libc.sleep(60)", 503)])
def test_a_request_that_ends_a_worker_is_answered_and_the_next_is_served(guarded, upload, poison, status):
    web = Web(guarded(poison).app)
    upload("bad.jpg", GOOD + b"POISON")
    upload("good.jpg", GOOD)
    assert web.get("bad.jpg", "w=33").status == status
    assert web.get("good.jpg", "w=33").status == 200


@pytest.mark.parametrize("poison", ["ctypes.string_at(0)", "libc.sleep(60)"])
def test_an_upload_that_ends_the_renderer_is_refused_in_its_manifest(guarded, upload, poison, manifest, stored):
    app = guarded(poison)
    upload("bad.jpg", GOOD + b"POISON")
    app.upload_trigger(upload_event("bad.jpg"), None)
    assert manifest("bad.jpg").refused["status"] == 422
    assert stored("bad.jpg") == ["manifest.json"]
    assert Web(app.app).get("bad.jpg", "w=33").status == 422
    upload("cat.jpg", GOOD)
    app.upload_trigger(upload_event("cat.jpg"), None)
    assert stored() == ["manifest.json", *NAMES]


def test_the_health_says_which_walls_stand(web):
    health = json.loads(web.get("-/health").body)
    assert len(health["walls"]) == 12
    assert set(health["walls"].values()) <= {STANDS, NOT_HERE}
    assert set(health["versions"]) == {"imgy", "python", "imagemagick", "libvips"}
