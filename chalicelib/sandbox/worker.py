"""The worker process: `python -m chalicelib.sandbox.worker MEMORY FD...`. Untrusted files are opened only here.

It has no credentials and few rights. It ends when its parent closes the connection or a call exceeds its deadline.
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

from ..decoding.source import Source
from ..errors import ImgyError, Unavailable
from ..formats import WRITTEN
from ..limits import Limits
from ..transformation import parse, parse_path, resolve_format
from .confinement import NOT_HERE, confine
from .messages import Channel, Message

if TYPE_CHECKING:
    from ..rendering.renderer import LocalRendering

Fields = dict[str, Any]

_TEXT = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="9">a</text></svg>'
_QUERY = {"w": "8", "h": "8", "fit": "crop", "crop": "edges", "bg": "fff", "rot": "5", "sharp": "10", "blur": "5"}


def main(memory: int, *descriptors: int) -> None:
    """Send the report on the first channel, then serve all channels until they are closed.

    `memory` is how many bytes rendering may add to this process.
    """
    first, *others = (Channel(socket.socket(fileno=descriptor)) for descriptor in descriptors)
    try:
        report = _report()
    except (ImportError, ImgyError) as error:
        first.send({"error": str(error)})
        return
    confine(memory)
    first.send(report)
    shared = Calls(), Deadlines()
    for channel in others:
        threading.Thread(target=serve, args=[channel, *shared], daemon=True).start()
    serve(first, *shared)


def _report() -> Fields:
    from ..rendering.magick import VERSIONS
    from . import self_test

    walls = self_test.run(os.getppid())
    if sys.platform == "linux" and walls[self_test.FILTERED] == NOT_HERE:
        _load_everything()
    return {"versions": dict(VERSIONS), "walls": walls}


def _load_everything() -> None:
    """Render in every format. Without the filter, no file can be opened later: libraries must load theirs now."""
    from ..decoding.heic import load_libheif
    from ..rendering.renderer import prepare

    source = Source("text.svg", _TEXT.encode())
    wanted = [resolve_format("text.svg", parse([*_QUERY.items(), ("fm", form)])) for form in WRITTEN]
    rendering = prepare([source], wanted, Limits())
    rendering.describe()
    load_libheif()
    for derivative in wanted:
        rendering.render(derivative)


def serve(channel: Channel, calls: Calls, deadlines: Deadlines) -> None:
    """Answer the messages of a channel until it is closed."""
    while message := channel.receive():
        try:
            with deadlines.within(message.fields["seconds"]):
                fields, body = calls.by_name[message.fields["call"]](message)
        except Exception as error:
            fields, body = _failed(error), b""
        channel.send(fields, [body])


def _failed(error: Exception) -> Fields:
    if isinstance(error, MemoryError):
        error = Unavailable("there is too little memory for this picture now; try again in a moment")
    if not isinstance(error, ImgyError):
        error = ImgyError("".join(traceback.format_exception(error)))
    return {"error": type(error).__name__, "reason": str(error)}


class Calls:
    """The calls that a worker answers. One original is open at a time.

    Each call takes a message, and returns the fields of the answer and a picture's bytes.
    """

    def __init__(self) -> None:
        self._rendering: LocalRendering | None = None
        self.by_name: Mapping[str, Callable[[Message], tuple[Fields, bytes]]] = {
            "open": self._open,
            "render": self._render,
            "describe": self._describe,
            "close": self._close,
        }

    def _open(self, message: Message) -> tuple[Fields, bytes]:
        from ..rendering.renderer import prepare

        fields = message.fields
        wanted = [derivative for key in fields["derivatives"] if (derivative := parse_path(key))]
        named = zip(fields["sources"], message.bodies, strict=True)
        sources = [Source(key, body, form) for (key, form), body in named]
        self._rendering = rendering = prepare(sources, wanted, Limits(**fields["limits"]))
        return {"areas": {derivative.key: rendering.area(derivative) for derivative in wanted}}, b""

    def _render(self, message: Message) -> tuple[Fields, bytes]:
        rendered = self._opened.render(self._opened.wanted[message.fields["derivative"]])
        return {"width": rendered.size.width, "height": rendered.size.height}, rendered.body

    def _describe(self, message: Message) -> tuple[Fields, bytes]:
        return asdict(self._opened.describe()), b""

    def _close(self, message: Message) -> tuple[Fields, bytes]:
        self._rendering = None
        return {}, b""

    @property
    def _opened(self) -> LocalRendering:
        assert self._rendering
        return self._rendering


class Deadlines:
    """The deadlines of the running calls. SIGALRM ends this process if one is exceeded, even inside a library."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[object, float] = {}

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give the `with` block a deadline."""
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
    main(*map(int, sys.argv[1:]))
    os._exit(0)  # without waiting for the threads of libraries
