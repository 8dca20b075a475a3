"""An upload in a process of its own that is killed at a step or after a time, on buckets that outlive it."""

import fcntl
import hashlib
import os
import pickle
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote

from chalicelib.flows.prerender import Prerender
from chalicelib.presets.file import read_configuration
from chalicelib.rendering.renderer import prepare
from chalicelib.sandbox.pool import WorkerPool
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.store import Object

KEY = "cat.jpg"
PRESETS = """
formats: [webp]
presets:
  ten: {widths: [20, 40, 60, 80, 100], auto: format}
"""


class DiskStore:
    """A bucket in a folder: an object is a file, put whole by its renaming, so that a kill leaves it or leaves none."""

    def __init__(self, folder, step=lambda what: None, pause=0.0):
        self._folder, self._step, self._pause = folder, step, pause
        self._parts = folder.with_suffix(".parts")
        folder.mkdir(exist_ok=True)
        self._parts.mkdir(exist_ok=True)

    def get(self, key):
        self._step(f"get {key}")
        found = self._found(key)
        return found and replace(found[0], read=partial(self._read, key, found[1]))

    def _read(self, key, body):
        self._step(f"read {key}")
        return body

    def head(self, key):
        self._step(f"head {key}")
        found = self._found(key)
        return found and found[0]

    def put(self, key, content):
        self._step(f"put {key}")
        time.sleep(self._pause)
        return self._write(key, content)

    def swap(self, key, over, content):
        self._step(f"swap {key}")
        time.sleep(self._pause)
        with self._alone():
            found = self._found(key)
            if over != (found[0].etag if found else None):
                return None
            return self._write(key, content)

    def _write(self, key, content):
        body, now = content.body, datetime.now(UTC).replace(microsecond=0)
        etag = hashlib.md5(body).hexdigest()
        entry = Object(key, etag, len(body), now, content.content_type, dict(content.metadata))
        with tempfile.NamedTemporaryFile(dir=self._parts, delete=False) as part:
            part.write(pickle.dumps((_facts(entry), body)))
        self._step(f"written {key}")
        os.replace(part.name, self._path(key))
        self._step(f"stored {key}")
        return etag

    def delete(self, keys):
        for key in keys:
            self._step(f"delete {key}")
            self._path(key).unlink(missing_ok=True)

    def drop(self, key, etag):
        self._step(f"drop {key}")
        with self._alone():
            found = self._found(key)
            if found and found[0].etag == etag:
                self._path(key).unlink()

    def names(self, folder=""):
        self._step(f"names {folder}")
        keys = sorted(unquote(path.name) for path in self._folder.iterdir())
        return iter([key for key in keys if key.startswith(folder) and "/" not in key[len(folder) :]])

    def _path(self, key):
        return self._folder / quote(key, safe="")

    def _found(self, key):
        try:
            facts, body = pickle.loads(self._path(key).read_bytes())
        except FileNotFoundError:
            return None
        return Object(*facts), body

    @contextmanager
    def _alone(self):
        with (self._parts / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _facts(entry):
    return entry.key, entry.etag, entry.length, entry.modified, entry.content_type, entry.metadata


@dataclass(frozen=True)
class Noted:
    """A rendering that tells when it begins and ends a derivative."""

    rendering: object
    step: object

    def __getattr__(self, name):
        return getattr(self.rendering, name)

    def render(self, derivative):
        self.step(f"begun {derivative.key}")
        rendered = self.rendering.render(derivative)
        self.step(f"rendered {derivative.key}")
        return rendered


class Steps:
    """Writes down each step, and ends the process at the one with this number."""

    def __init__(self, notes, last):
        self._lock, self._count, self._last = threading.Lock(), 0, last
        self._file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def __call__(self, what):
        with self._lock:
            self._count += 1
            if self._count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(self._file, f"{what}\n".encode())


def stores(folder, step=lambda what: None, pause=0.0):
    """Both buckets."""
    return DiskStore(folder / "originals", step, pause), DiskStore(folder / "derivatives", step, pause)


def presets():
    return read_configuration(PRESETS).presets


@contextmanager
def here(sources, derivatives, limits, seconds):
    """Rendering in this very process, which is soon ready."""
    yield prepare(sources, derivatives, limits)


def apart(sources, derivatives, limits, seconds):
    """Rendering as it is when deployed, by processes that this one starts; they carry its folder's name."""
    return WorkerPool().prepare(sources, derivatives, limits, seconds)


def upload(folder: Path, rendering, renderers: int, last: int, pause: float) -> None:
    """Reconcile the one key; a `last` of 0 is never reached."""
    os.environ["HOME"] = str(folder)  # which the processes that render are told
    step = Steps(folder / "notes", last)
    originals, derivatives = stores(folder, step, pause)

    @contextmanager
    def noted(original, derivatives, limits, seconds):
        with rendering(original, derivatives, limits, seconds) as made:
            yield Noted(made, step)

    def invalidate(key):
        step(f"invalidate {key}")

    made = Derivatives(derivatives, "")
    Prerender(originals, made, presets(), invalidate=invalidate, prepare=noted, renderers=renderers).reconcile(KEY)


def _threads():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("Threads:")[2].split()[0])


THREADS_BEFORE = _threads()
"""Of the process that imports this; forked ones inherit the number."""


def assert_forked_from_one_thread():
    """A fork takes no other thread along, and whatever lock one of them held stays held."""
    assert THREADS_BEFORE == 1
    assert os.getppid() == IMPORTED_BY, "imported again, not forked"


IMPORTED_BY = os.getpid()
