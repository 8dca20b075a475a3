"""How glibc keeps memory for pictures: set once, before the first is opened. Other C libraries are left as they are."""

import ctypes
from contextlib import suppress

# mallopt's parameters, from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MEGABYTE = 2**20


def settle() -> None:
    """Two heaps for all threads, not one for each, and what one picture had, the next gets.

    One for each took twice the memory: docs/bench.md has the figures.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 2)
        # Pages that go back to the system with each picture would all have to be cleared again for the next.
        mallopt(_M_MMAP_THRESHOLD, 32 * _MEGABYTE)
        mallopt(_M_TRIM_THRESHOLD, 128 * _MEGABYTE)
