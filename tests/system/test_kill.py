"""SIGKILL at any point of an upload with ten derivatives, then a restart. `make kill` tries 200 points of each kind."""

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from statistics import mean

import pytest

from chalicelib.sandbox.pool import WorkerPool
from chalicelib.settings import MOST_RENDERERS
from chalicelib.storage.manifest import Manifest
from chalicelib.storage.store import Content
from cli import ROOT
from support import killed_upload as killed
from support.killed_upload import KEY
from support.originals import colour_of, near, picture, size_of

pytestmark = pytest.mark.slow

POINTS = int(os.environ.get("KILLS", "20"))
STEPS = 75
"""About so many steps an upload has: calls of the store, what they come to, renders begun and ended."""

MOMENTS = ("step", "step", "time")
PAUSES = (0.0, 0.0, 0.005, 0.03)
"""Seconds that a write takes: as a test's store does, and as S3 does."""

RENDERERS = range(1, MOST_RENDERERS + 1)
TEN = sorted(killed.presets().derivatives(KEY))
OLD, NEW = picture((240, 160), "tomato"), picture((240, 160), "gold")


@pytest.fixture(scope="module")
def forking():
    """Forks processes that have imported everything from one that has done nothing else, so that it has one thread."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.killed_upload"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join(map(str, [ROOT / "tests", ROOT])))
        ensure_running()
    process = context.Process(target=killed.assert_forked_from_one_thread)
    process.start()
    process.join()
    assert process.exitcode == 0
    return context


@pytest.fixture(scope="module")
def figures():
    """What each kill came to, told at the end."""
    lost = {renderers: [] for renderers in RENDERERS}
    yield lost
    for renderers, kills in lost.items():
        counts = Counter(twice for _, twice in kills)
        print(f"\n{renderers} in the making at once, {len(kills)} kills; of ten derivatives rendered twice: ", end="")
        print(", ".join(f"{twice} after {count}" for twice, count in sorted(counts.items())))
        for pause in sorted(set(PAUSES)):
            if of_pause := [twice for seconds, twice in kills if seconds == pause]:
                print(
                    f"  a write takes {pause * 1000:.0f} ms: {mean(of_pause):.2f} on average, {max(of_pause)} at most"
                )


class Upload:
    """The upload of one original, again and again, each time in a new process."""

    def __init__(self, forking, folder, renderers, rendering=killed.here):
        self._forking, self.folder, self.renderers, self._rendering = forking, folder, renderers, rendering
        self.originals, self.derivatives = killed.stores(folder)

    def arrive(self, body):
        self.etag = self.originals.put(KEY, Content(body))

    def run(self, last=0, seconds=20.0, pause=0.0):
        """Let it run to its end, to a step, or for a time; returns its exit code and what it did."""
        notes = self.folder / "notes"
        notes.unlink(missing_ok=True)
        process = self._forking.Process(
            target=killed.upload, args=[self.folder, self._rendering, self.renderers, last, pause]
        )
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        done = notes.read_text().splitlines() if notes.exists() else []
        return process.exitcode, [tuple(line.split(" ", 1)) for line in done]

    def assert_whole(self):
        """Every picture is there, of the new original, and the manifest speaks of each."""
        bodies = {key: self.derivatives.get(key).read() for key in TEN}
        assert all(near(colour_of(body), "gold") for body in bodies.values())
        assert all(size_of(body)[0] == int(key.partition("w=")[2].split(".")[0]) for key, body in bodies.items())
        manifest = Manifest.from_json(self.derivatives.get(f"{KEY}/manifest.json").read())
        assert manifest.etag == self.originals.head(KEY).etag
        told = {f"{KEY}/{name}": entry["length"] for name, entry in manifest.derivatives.items()}
        assert told == {key: len(body) for key, body in bodies.items()}

    def own(self):
        """The derivatives of the new original that stand there."""
        found = [self.derivatives.head(key) for key in self.derivatives.names(f"{KEY}/")]
        return {one.key for one in found if one.metadata["original-etag"] == self.etag} & set(TEN)


def names(notes, what):
    return sorted(key for done, key in notes if done == what)


@pytest.mark.parametrize("number", range(POINTS))
@pytest.mark.parametrize("renderers", RENDERERS)
def test_a_killed_upload_is_completed_and_nothing_stored_is_rendered_again(
    forking, figures, tmp_path, renderers, number
):
    assert_made_whole(Upload(forking, tmp_path, renderers), random.Random(number), figures[renderers])


@pytest.mark.parametrize("number", range(POINTS // 10))
@pytest.mark.parametrize("renderers", RENDERERS)
def test_so_it_is_with_processes_that_render_and_none_of_them_stays(forking, tmp_path, renderers, number):
    upload = Upload(forking, tmp_path, renderers, killed.apart)
    assert_made_whole(upload, random.Random(f"apart {number}"), [])
    for _ in range(100):
        if not left_behind(tmp_path):
            break
        time.sleep(0.1)
    assert left_behind(tmp_path) == []


def test_a_process_that_renders_is_seen_while_it_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    children = WorkerPool()
    children.report()
    (command,) = left_behind(tmp_path)
    assert b"chalicelib.sandbox.worker" in command
    children.close()
    assert left_behind(tmp_path) == []


def left_behind(folder):
    """Processes that render for an upload in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"HOME={folder}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes())
    return found


def assert_made_whole(upload, chance, figures):
    """Kill an upload, some times, then let it run to its end; `figures` takes what each kill came to."""
    overwritten, pause = chance.random() < 0.5, chance.choice(PAUSES)
    if overwritten:
        upload.arrive(OLD)
        assert upload.run()[0] == 0
    upload.arrive(NEW)
    notes = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        before = upload.own()
        code, done = killed_at_random(upload, chance, pause)
        rendered = set(names(done, "rendered"))
        assert not rendered & before, "made again"
        if code:
            assert code == -signal.SIGKILL
            twice = len(rendered - upload.own())
            assert twice <= upload.renderers, "as many as are in the making at once"
            figures.append((pause, twice))
        notes += done
    before = upload.own()
    code, done = upload.run()
    assert code == 0
    upload.assert_whole()
    assert names(done, "begun") == sorted(set(TEN) - before)
    assert overwritten <= bool(names(notes + done, "invalidate"))
    assert not names(upload.run()[1], "begun"), "at rest, an event only looks"


def killed_at_random(upload, chance, pause):
    if chance.choice(MOMENTS) == "step":
        return upload.run(last=chance.randint(1, STEPS), pause=pause)
    return upload.run(seconds=chance.uniform(0, 0.15), pause=pause)
