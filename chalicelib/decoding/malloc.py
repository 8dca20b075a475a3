"""Configures glibc's malloc for pictures. Other C libraries keep their defaults."""

import ctypes
from contextlib import suppress

# mallopt's parameters, from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MEGABYTE = 2**20


def configure_malloc() -> None:
    """Share two heaps among all threads, and keep freed memory. Call it before the first picture.

    A heap for each thread took twice the memory: docs/bench.md has the figures.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 2)
        # Pages returned to the system after each picture would have to be cleared again for the next.
        mallopt(_M_MMAP_THRESHOLD, 32 * _MEGABYTE)
        mallopt(_M_TRIM_THRESHOLD, 128 * _MEGABYTE)
