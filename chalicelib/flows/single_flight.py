"""Single flight: concurrent requests for one picture share one rendering."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from ..errors import Unavailable


class SingleFlight:
    """The keys being rendered in this process; `completed` counts the renderings that have ended."""

    def __init__(self) -> None:
        self.completed = 0
        self._running: dict[str, Event] = {}
        self._lock = Lock()

    @contextmanager
    def enter(self, key: str, completed: int, seconds: float) -> Iterator[bool]:
        """Wait while another thread renders this key; raises Unavailable when that takes longer than `seconds`.

        Read `completed` before the lookup. Yields True if the key may have been rendered since: look it up again.
        """
        with self._lock:
            others = self._running.get(key)
            own = others or self._running.setdefault(key, Event())
            missed = completed != self.completed
        if others:
            if not others.wait(seconds):
                raise Unavailable("this picture is still being rendered; try again in a moment")
            yield True
            return
        try:
            yield missed
        finally:
            with self._lock:
                del self._running[key]
                self.completed += 1
            own.set()
