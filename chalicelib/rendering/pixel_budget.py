"""Limits the pixels rendered at the same time: ImageMagick ends the process when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from ..errors import Unavailable


class PixelBudget:
    """A number of pixels shared by all threads.

    A request larger than the free budget waits. One larger than the whole budget waits until all of it is free.
    """

    def __init__(self, pixels: int, seconds: float) -> None:
        self._all = self._free = pixels
        self._seconds = seconds
        self._changed = Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Reserve pixels for the time of a `with` block; raises Unavailable if they are not free in time."""
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
