"""The processes that render for this one: started when a picture is wanted, ended and replaced when they fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from .errors import Damaged, ImgyError, MisconfiguredError, NotAnImage, TooLarge, TooSlow, Unavailable
from .formats import known
from .geometry import Size
from .limits import Limits
from .rendered import Description, Rendered
from .settings import MOST_RENDERERS
from .transformation import Derivative
from .wire import Channel, Message

_ROOT = Path(__file__).parents[1]
_COMMAND = (sys.executable, "-m", f"{__package__}.child")
# The rest of the environment holds the credentials of whoever runs this.
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

_START_SECONDS = 30
_GRACE_SECONDS = 2
"""How long after its deadline a process may still be there before it is ended from here."""

_IDLE = 2
"""How many processes wait for work at most."""

_ORIGINALS = 500
"""After so many a process is replaced, whatever it has gathered by then."""

_ERRORS: dict[str, type[ImgyError]] = {
    error.__name__: error for error in (TooLarge, NotAnImage, Damaged, Unavailable, MisconfiguredError)
}
_MOST_SAID = 10_000


class Children:
    """As many processes that render as there are originals at once, each used for one after another."""

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = command
        self._idle: list[Child] = []
        self._lock = Lock()

    def start(self) -> None:
        """Have one ready soon: it starts while this process goes on."""
        self._give_back(Child(self._command))

    def introduction(self) -> Mapping[str, Any]:
        """Versions, and the walls that were proven to stand; raises MisconfiguredError where one does not."""
        child = self._take()
        self._give_back(child)
        return child.introduction()

    @contextmanager
    def prepare(
        self, original: bytes, derivatives: Iterable[Derivative], limits: Limits, seconds: float
    ) -> Iterator[ChildRendering]:
        """Open an original for all these derivatives; raises Refused, Unavailable or MisconfiguredError.

        Opening and any one derivative together may take so many seconds.
        """
        limits.hold(len(original))
        known(original)
        child = self._take()
        rendering = ChildRendering(child, seconds)
        try:
            rendering.open(original, derivatives, limits)
            yield rendering
        finally:
            rendering.close()
            self._give_back(child)

    def close(self) -> None:
        """End them all."""
        while child := self._idle_one():
            child.end()

    def _take(self) -> Child:
        while child := self._idle_one():
            if child.alive:
                return child
            child.end()
        child = Child(self._command)
        child.introduction()
        return child

    def _idle_one(self) -> Child | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, child: Child) -> None:
        with self._lock:
            kept = child.useful and len(self._idle) < _IDLE
            if kept:
                self._idle.append(child)
        if not kept:
            child.end()


class Child:
    """One such process, which answers one call at a time on each of its channels."""

    def __init__(self, command: Sequence[str]) -> None:
        pairs = [socket.socketpair() for _ in range(MOST_RENDERERS)]
        descriptors = [its.fileno() for _, its in pairs]
        # What libraries print goes nowhere: strangers' files could fill a log. A session of its own, as Ctrl-C is for
        # this process, and that one ends when nobody speaks to it any more.
        self._process = subprocess.Popen(
            [*command, *map(str, descriptors)],
            cwd=_ROOT,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _, its in pairs:
            its.close()
        self._channels = [Channel(ours) for ours, _ in pairs]
        self._free: SimpleQueue[Channel] = SimpleQueue()
        for channel in self._channels:
            self._free.put(channel)
        self._said: Mapping[str, Any] = {}
        self._opened = 0
        self._failed = False

    def introduction(self) -> Mapping[str, Any]:
        """Versions and walls; raises MisconfiguredError where the process cannot render, and says why."""
        if not self._said:
            with suppress(OSError, ValueError):
                message = self._channels[0].receive(_START_SECONDS)
                self._said = message.says if message else {}
        if not self._said or "error" in self._said:
            self.end()
            raise MisconfiguredError(str(self._said.get("error", "the process that renders does not start")))
        return self._said

    @property
    def alive(self) -> bool:
        """Whether it is still there, and can render."""
        with suppress(MisconfiguredError):
            return bool(self.introduction()) and self._process.poll() is None
        return False

    @property
    def useful(self) -> bool:
        """Whether it is to be used again."""
        return not self._failed and self._opened < _ORIGINALS

    def open(self, says: Mapping[str, Any], body: bytes, seconds: float) -> Message | None:
        """As `ask`, of an original that takes the last one's place."""
        self._opened += 1
        return self.ask(says, body, seconds)

    def ask(self, says: Mapping[str, Any], body: bytes, seconds: float) -> Message | None:
        """Its answer within so many seconds; None where there is none, and never will be."""
        channel = self._free.get()
        try:
            channel.send({**says, "seconds": seconds}, body, seconds + _GRACE_SECONDS)
            answer = channel.receive(seconds + _GRACE_SECONDS)
        except (OSError, ValueError):
            answer = None
        finally:
            self._free.put(channel)
        self._failed = self._failed or answer is None
        return answer

    def ended(self) -> int:
        """How it ended: its exit code, negative for a signal; one that is still there is ended as if it were late."""
        try:
            return self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return -signal.SIGALRM

    def end(self) -> None:
        """Let go of it."""
        for channel in self._channels:
            channel.close()
        self._process.kill()
        self._process.wait()


class ChildRendering:
    """One original, opened in another process; each verb raises Refused or Unavailable."""

    def __init__(self, child: Child, seconds: float) -> None:
        self._child, self._seconds, self._left = child, seconds, seconds
        self._areas: Mapping[str, int] = {}

    def open(self, original: bytes, derivatives: Iterable[Derivative], limits: Limits) -> None:
        """Open the original; what that takes is not left for its derivatives."""
        start = time.monotonic()
        asked = {"call": "open", "limits": asdict(limits), "derivatives": [wanted.key for wanted in derivatives]}
        self._areas = self._held(self._child.open(asked, original, self._seconds)).says["areas"]
        self._left = max(0.1, self._seconds - (time.monotonic() - start))

    def area(self, derivative: Derivative) -> int:
        """How many pixels a derivative will have, by which it takes longer or shorter."""
        return self._areas[derivative.key]

    def render(self, derivative: Derivative) -> Rendered:
        """One derivative."""
        answer = self._asked("render", derivative=derivative.key)
        return Rendered(answer.body, Size(answer.says["width"], answer.says["height"]))

    def describe(self) -> Description:
        """What its manifest tells."""
        says = self._asked("describe").says
        seen = says["format"], says["width"], says["height"], says["frames"]
        return Description(*seen, tuple(says["colours"]), says["placeholder"])

    def close(self) -> None:
        """Have its memory freed; one that has failed is ended by whoever has it."""
        if self._child.useful:
            self._child.ask({"call": "close"}, b"", _GRACE_SECONDS)

    def _asked(self, call: str, **says: str) -> Message:
        return self._held(self._child.ask({"call": call, **says}, b"", self._left))

    def _held(self, answer: Message | None) -> Message:
        if answer is None:
            raise _failure(self._child.ended(), self._seconds)
        if "error" in answer.says:
            raise _ERRORS.get(answer.says["error"], ImgyError)(str(answer.says.get("said"))[:_MOST_SAID])
        return answer


def _failure(ended: int, seconds: float) -> ImgyError:
    if ended == -signal.SIGALRM:
        return TooSlow(f"expected an original that can be rendered within {seconds:g} seconds, this one takes longer")
    if ended >= 0 or ended == -signal.SIGKILL:  # as a system ends whoever takes its last memory
        return Unavailable("the process that renders has ended; try again in a moment")
    name = signal.Signals(-ended).name
    return Damaged(f"the original is damaged: whatever opens it is ended by {name}")
