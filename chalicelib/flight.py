"""A picture that many ask for at once is made for one of them; the others wait for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from .errors import Unavailable


class Flights:
    """The keys that are being made in this process. `landed` counts those that have been."""

    def __init__(self) -> None:
        self.landed = 0
        self._landings: dict[str, Event] = {}
        self._lock = Lock()

    @contextmanager
    def joined(self, key: str, landed: int, seconds: float) -> Iterator[bool]:
        """Wait while somebody else makes this key; raises Unavailable when that takes longer than so many seconds.

        It yields whether the key may have been made since `landed` was read, so that one must look again.
        """
        with self._lock:
            landing = self._landings.get(key)
            own = landing or self._landings.setdefault(key, Event())
            missed = landed != self.landed
        if landing:
            if not landing.wait(seconds):
                raise Unavailable("this picture is still being rendered; try again in a moment")
            yield True
            return
        try:
            yield missed
        finally:
            with self._lock:
                del self._landings[key]
                self.landed += 1
            own.set()
