"""The workers of this process: started when a picture is wanted, ended and replaced when they fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from ..decoding.source import Source
from ..errors import Damaged, ImgyError, MisconfiguredError, NotAnImage, TooLarge, TooSlow, Unavailable
from ..geometry import Size
from ..limits import Limits
from ..rendered import Description, Rendered
from ..settings import MOST_RENDERERS, function_memory
from ..transformation import Derivative
from .confinement import MEMORY, STANDS
from .messages import Channel, Message

_ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", f"{__package__}.worker")
# The rest of the environment holds the parent's credentials.
_PASSED_ON = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONPATH",
    "LANG",
    "HOME",
    "MAGICK_HOME",
    "VIRTUAL_ENV",
)

_OTHER_MEMORY = 256 * 2**20
"""Bytes of a Lambda function's memory that rendering cannot have: those of the app, and of a worker that is idle."""

_START_SECONDS = 30
_GRACE_SECONDS = 2
"""How long after its deadline a worker may still run before this process kills it."""

_IDLE = 2
"""How many idle workers are kept at most."""

_ORIGINALS = 500
"""After this many originals a worker is replaced, so that no leak can grow."""

_ERRORS: dict[str, type[ImgyError]] = {
    error.__name__: error for error in (TooLarge, NotAnImage, Damaged, Unavailable, MisconfiguredError)
}
_LONGEST_REASON = 10_000


class WorkerPool:
    """The pool of workers. Each open original has its own worker; a worker serves one original after another."""

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = command
        self.warn: Callable[[Sequence[str]], object] = lambda missing: None
        """Called once, with the protections that cannot be had here, if there are any."""
        self._idle: list[Worker] = []
        self._warned = False
        self._lock = Lock()

    def start(self) -> None:
        """Start a worker in the background, while this process goes on."""
        self._give_back(Worker(self._command))

    def report(self) -> Mapping[str, Any]:
        """Versions, and the self-tests that passed; raises MisconfiguredError if one failed."""
        worker = self._take()
        self._give_back(worker)
        return worker.report()

    def _warn_once(self, report: Mapping[str, Any]) -> None:
        if self._warned:
            return
        self._warned = True
        if missing := [name for name, result in report["walls"].items() if result != STANDS]:
            self.warn(missing)

    @contextmanager
    def prepare(
        self, sources: Sequence[Source], derivatives: Iterable[Derivative], limits: Limits, seconds: float
    ) -> Iterator[RemoteRendering]:
        """Open sources (first the derivatives' original); raises Refused, Unavailable or MisconfiguredError.

        Opening and any one derivative may take `seconds` together.
        """
        formats = [source.format for source in sources]  # raises NotAnImage before a worker is started
        worker = self._take()
        rendering = RemoteRendering(worker, seconds)
        try:
            rendering.open(sources, formats, derivatives, limits)
            yield rendering
        finally:
            rendering.close()
            self._give_back(worker)

    def close(self) -> None:
        """End all workers."""
        while worker := self._idle_one():
            worker.end()

    def _take(self) -> Worker:
        while (worker := self._idle_one()) and not worker.alive:
            worker.end()
        worker = worker or Worker(self._command)
        self._warn_once(worker.report())
        return worker

    def _idle_one(self) -> Worker | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            reused = worker.reusable and len(self._idle) < _IDLE
            if reused:
                self._idle.append(worker)
        if not reused:
            worker.end()


WORKERS = WorkerPool()
"""The workers of this process."""


class Worker:
    """A worker process, which answers one call at a time on each of its channels."""

    def __init__(self, command: Sequence[str]) -> None:
        pairs = [socket.socketpair() for _ in range(MOST_RENDERERS)]
        descriptors = [its.fileno() for _, its in pairs]
        # Output of libraries is dropped: untrusted files could fill the log. The worker has its own session, as Ctrl-C
        # is meant for this process; the worker ends when its connection closes.
        self._process = _started([*command, str(_memory(os.environ)), *map(str, descriptors)], descriptors)
        for _, its in pairs:
            its.close()
        self._channels = [Channel(ours) for ours, _ in pairs]
        self._free: SimpleQueue[Channel] = SimpleQueue()
        for channel in self._channels:
            self._free.put(channel)
        self._report: Mapping[str, Any] = {}
        self._opened = 0
        self._failed = False

    def report(self) -> Mapping[str, Any]:
        """Versions and passed self-tests; raises MisconfiguredError with the reason if it cannot render."""
        if not self._report:
            with suppress(OSError, ValueError):
                message = self._channels[0].receive(_START_SECONDS)
                self._report = message.fields if message else {}
        if not self._report or "error" in self._report:
            self.end()
            raise MisconfiguredError(str(self._report.get("error", "the worker process does not start")))
        return self._report

    @property
    def alive(self) -> bool:
        """Whether the worker runs and can render."""
        with suppress(MisconfiguredError):
            return bool(self.report()) and self._process.poll() is None
        return False

    @property
    def reusable(self) -> bool:
        """Whether the worker may open another original."""
        return not self._failed and self._opened < _ORIGINALS

    def open(self, fields: Mapping[str, Any], bodies: Sequence[bytes], seconds: float) -> Message | None:
        """As `call`, to open an original in place of the last one."""
        self._opened += 1
        return self.call(fields, bodies, seconds)

    def call(self, fields: Mapping[str, Any], bodies: Sequence[bytes], seconds: float) -> Message | None:
        """Return the answer to a call; None if the worker failed or exceeded the deadline: it is not reused."""
        channel = self._free.get()
        try:
            channel.send({**fields, "seconds": seconds}, bodies, seconds + _GRACE_SECONDS)
            answer = channel.receive(seconds + _GRACE_SECONDS)
        except (OSError, ValueError):
            answer = None
        finally:
            self._free.put(channel)
        self._failed = self._failed or answer is None
        return answer

    def exit_code(self) -> int:
        """Wait for the exit code, or the negative signal number. A worker that still runs is killed as too slow."""
        try:
            return self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return -signal.SIGALRM

    def end(self) -> None:
        """Kill the worker."""
        for channel in self._channels:
            channel.close()
        self._process.kill()
        self._process.wait()


def _started(command: Sequence[str], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a process in its own session or, where setsid is refused, in this one."""

    def start(own_session: bool) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=_ROOT,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=own_session,
        )

    try:
        return start(own_session=True)
    except PermissionError:
        return start(own_session=False)


def _memory(environment: Mapping[str, str]) -> int:
    """Bytes that rendering may add to a worker. On Lambda they leave room for the app, so the kernel kills neither."""
    function = function_memory(environment)
    return min(MEMORY, function - _OTHER_MEMORY) if function else MEMORY


class RemoteRendering:
    """One original, open in a worker; every method raises Refused or Unavailable."""

    def __init__(self, worker: Worker, seconds: float) -> None:
        self._worker, self._seconds, self._left = worker, seconds, seconds
        self._areas: Mapping[str, int] = {}

    def open(
        self, sources: Sequence[Source], formats: Sequence[str], derivatives: Iterable[Derivative], limits: Limits
    ) -> None:
        """Open the sources; the time this takes is subtracted from the derivatives' deadline."""
        start = time.monotonic()
        fields = {
            "call": "open",
            "limits": asdict(limits),
            "sources": [(source.key, form) for source, form in zip(sources, formats, strict=True)],
            "derivatives": [derivative.key for derivative in derivatives],
        }
        answer = self._worker.open(fields, [source.body for source in sources], self._seconds)
        self._areas = self._checked(answer).fields["areas"]
        self._left = max(0.1, self._seconds - (time.monotonic() - start))

    def area(self, derivative: Derivative) -> int:
        """How many pixels a derivative will have: its rendering time grows with them."""
        return self._areas[derivative.key]

    def render(self, derivative: Derivative) -> Rendered:
        """Render one derivative."""
        answer = self._call("render", derivative=derivative.key)
        return Rendered(answer.bodies[0], Size(answer.fields["width"], answer.fields["height"]))

    def describe(self) -> Description:
        """Describe the original for its manifest."""
        fields = self._call("describe").fields
        facts = fields["format"], fields["width"], fields["height"], fields["frames"]
        return Description(*facts, tuple(fields["colours"]), fields["placeholder"])

    def close(self) -> None:
        """Free the worker's memory. The pool ends a worker that has failed."""
        if self._worker.reusable:
            self._worker.call({"call": "close"}, (), _GRACE_SECONDS)

    def _call(self, name: str, **fields: str) -> Message:
        return self._checked(self._worker.call({"call": name, **fields}, (), self._left))

    def _checked(self, answer: Message | None) -> Message:
        if answer is None:
            raise _failure(self._worker.exit_code(), self._seconds)
        if "error" in answer.fields:
            raise _ERRORS.get(answer.fields["error"], ImgyError)(str(answer.fields.get("reason"))[:_LONGEST_REASON])
        return answer


def _failure(code: int, seconds: float) -> ImgyError:
    if code == -signal.SIGALRM:
        return TooSlow(f"expected an original that can be rendered within {seconds:g} seconds, this one takes longer")
    if code >= 0 or code == -signal.SIGKILL:  # the kernel kills with SIGKILL when memory runs out
        return Unavailable("the worker process has ended; try again in a moment")
    name = signal.Signals(-code).name
    return Damaged(f"the original is damaged: opening it ends the worker process with {name}")
