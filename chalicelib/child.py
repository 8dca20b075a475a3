"""The process that renders: `python -m chalicelib.child FD...`. What strangers upload is opened here and nowhere else.

It has no credentials and few rights, and ends when nobody speaks to it any more, or when it hangs.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .confinement import confine
from .errors import ImgyError, Unavailable
from .limits import Limits
from .transformation import parse_path
from .wire import Channel, Message

if TYPE_CHECKING:
    from .rendering import Rendering

Says = dict[str, Any]


def main(descriptors: list[int]) -> None:
    """Say who this is on the first channel, then answer on all of them until they are closed."""
    first, *others = (Channel(socket.socket(fileno=descriptor)) for descriptor in descriptors)
    try:
        says = _introduction()
    except (ImportError, ImgyError) as error:
        first.send({"error": str(error)})
        return
    confine()
    first.send(says)
    shared = Renderer(), Deadlines()
    for channel in others:
        threading.Thread(target=answer, args=[channel, *shared], daemon=True).start()
    answer(first, *shared)


def _introduction() -> Says:
    from .rendering import VERSIONS
    from .walls import proven

    return {"versions": dict(VERSIONS), "walls": proven()}


def answer(channel: Channel, renderer: Renderer, deadlines: Deadlines) -> None:
    """Answer what comes on a channel, until nothing comes any more."""
    while asked := channel.receive():
        try:
            with deadlines.within(asked.says["seconds"]):
                says, body = renderer.calls[asked.says["call"]](asked)
        except Exception as error:
            says, body = _failed(error), b""
        channel.send(says, body)


def _failed(error: Exception) -> Says:
    if isinstance(error, MemoryError):
        error = Unavailable("the picture needs more memory than there is now; try again in a moment")
    if not isinstance(error, ImgyError):
        error = ImgyError("".join(traceback.format_exception(error)))
    return {"error": type(error).__name__, "said": str(error)}


class Renderer:
    """Has one original open at a time; each call takes a message and returns what to say, and a picture's bytes."""

    def __init__(self) -> None:
        self._rendering: Rendering | None = None
        self.calls: Mapping[str, Callable[[Message], tuple[Says, bytes]]] = {
            "open": self._open,
            "render": self._render,
            "describe": self._describe,
            "close": self._close,
        }

    def _open(self, asked: Message) -> tuple[Says, bytes]:
        from .rendering import prepare

        wanted = [derivative for key in asked.says["derivatives"] if (derivative := parse_path(key))]
        self._rendering = rendering = prepare(asked.body, wanted, Limits(**asked.says["limits"]))
        return {"areas": {derivative.key: rendering.area(derivative) for derivative in wanted}}, b""

    def _render(self, asked: Message) -> tuple[Says, bytes]:
        rendered = self._opened.render(self._opened.wanted[asked.says["derivative"]])
        return {"width": rendered.size.width, "height": rendered.size.height}, rendered.body

    def _describe(self, asked: Message) -> tuple[Says, bytes]:
        return asdict(self._opened.describe()), b""

    def _close(self, asked: Message) -> tuple[Says, bytes]:
        self._rendering = None
        return {}, b""

    @property
    def _opened(self) -> Rendering:
        assert self._rendering
        return self._rendering


class Deadlines:
    """Ends this process by SIGALRM when what it has begun is not done in time, whatever it hangs in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[object, float] = {}

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What is done in here takes at most so many seconds."""
        own = object()
        with self._lock:
            self._ends[own] = time.monotonic() + seconds
            self._arm()
        try:
            yield
        finally:
            with self._lock:
                del self._ends[own]
                self._arm()

    def _arm(self) -> None:
        soonest = min(self._ends.values(), default=None)
        signal.setitimer(signal.ITIMER_REAL, 0 if soonest is None else max(0.001, soonest - time.monotonic()))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
    os._exit(0)  # whatever a library still does in a thread of its own
