"""How many pixels are worked on at once: ImageMagick ends the process when it may have no more memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from .errors import Unavailable


class Room:
    """Room for so many pixels. Who wants more than is free waits; who wants more than there is waits for all of it."""

    def __init__(self, pixels: int, seconds: float) -> None:
        self._all = self._free = pixels
        self._seconds = seconds
        self._changed = Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Hold room for so many pixels; raises Unavailable when none gets free in time."""
        wanted = min(pixels, self._all)
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= wanted, self._seconds):
                raise Unavailable("too many large pictures are being rendered; try again in a moment")
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()
