"""Refuses system calls of this process and its children, as an outer sandbox such as Lambda's may do."""

import ctypes
import errno
import platform
import struct

from chalicelib.sandbox import confinement as own

CALLS = {"prctl": (157, 167), "seccomp": own._SECCOMP, "setsid": (112, 157)}
"""Numbers of system calls on x86_64 and aarch64."""


def refuse(*names):
    """From now on, these calls fail with EPERM."""
    column, _ = own._ARCHITECTURES[platform.machine()]
    refused = own._instruction(own._RETURN, own._ERROR | errno.EPERM)
    program = own._instruction(own._LOAD, 0)
    program += b"".join(b"".join(own._when(CALLS[name][column], [refused])) for name in names)
    program += own._instruction(own._RETURN, own._ALLOW)
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None).prctl
    assert prctl(own._NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    assert prctl(own._SET_SECCOMP, own._FILTER, described, 0, 0) == 0
