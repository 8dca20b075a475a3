"""The sandbox: limits the memory of this process, and denies it writing, the network and other processes.

setrlimit sets limits on every system; on Linux, a seccomp filter also refuses system calls. Neither can be undone.
Some systems refuse the filter. On Linux, this process can then open no further file and no connection.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import resource
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

STANDS, NOT_HERE = "stands", "cannot be had here"
"""The two results of a protection's self-test. If one that this system has does not stand, nothing is rendered."""

MEMORY = 1700 * 2**20
"""Bytes that rendering may add to this process at most."""

# The refused system calls: their numbers on x86_64 and aarch64 (asm/unistd.h); None if the call does not exist.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "creat": (85, None),
    "link": (86, None),
    "linkat": (265, 37),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "openat2": (437, 437),
}
# The flags that are checked: `open` and `openat` must have no flag of _WRITING, so files are only read; `clone` must
# have _THREAD, so only threads are started.
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_THREAD = 0x10000
_OPEN, _OPENAT, _CLONE, _CLONE3 = (2, None), (257, 56), (56, 220), (435, 435)

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_SECCOMP = (317, 277)
_X32 = 0x40000000

# linux/bpf_common.h, linux/seccomp.h, linux/prctl.h
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_SET_SECCOMP, _FILTER, _NO_NEW_PRIVILEGES, _SET_DUMPABLE = 22, 2, 38, 4
_SET_MODE_FILTER = 1

_ENVIRONMENT_AT = 47
"""Where the environment's first address is in /proc/PID/stat, after the name of the program (proc(5))."""


def confine(memory: int = MEMORY) -> bool:
    """Drop this process's rights for good; returns whether its system calls are filtered, too.

    `memory` is how many bytes this process may add to those that it has.
    """
    _limit(resource.RLIMIT_DATA, _data() + memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    if sys.platform != "linux":
        return False
    filtered = _filtered()
    if not filtered:
        _limit(resource.RLIMIT_NOFILE, _lowest_free_descriptor())
    return filtered


def keep_memory_private() -> None:
    """Keep other processes of the same user from reading this one's memory and environment; on Linux only."""
    if sys.platform == "linux":
        _erase_environment()
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def _erase_environment() -> None:
    """Overwrite this process's initial environment: where prctl is refused, others read it in /proc/PID/environ."""
    for name, value in os.environ.items():
        os.environ[name] = value  # the C library then uses copies
    with suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        start, end = map(int, fields[_ENVIRONMENT_AT : _ENVIRONMENT_AT + 2])
        if 0 < start < end:
            ctypes.memset(start, 0, end - start)


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (limit, limit))


def _lowest_free_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def _data() -> int:
    """Bytes of private memory that this process already has."""
    with suppress(OSError):
        found = re.search(r"^VmData:\s+(\d+) kB$", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0


def _filtered() -> bool:
    if platform.machine() not in _ARCHITECTURES:
        return False
    column, architecture = _ARCHITECTURES[platform.machine()]
    program = b"".join(_program(column, architecture))
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions (8 bytes each), and their address.
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    system = ctypes.CDLL(None)
    # Where prctl is refused, seccomp(2) may be allowed; it needs that no_new_privs was set before, or root.
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    filtered: bool = (
        system.prctl(_SET_SECCOMP, _FILTER, described, 0, 0) == 0
        or system.syscall(_SECCOMP[column], _SET_MODE_FILTER, 0, described) == 0
    )
    return filtered


def _program(column: int, architecture: int) -> Iterator[bytes]:
    """Classic BPF over struct seccomp_data: number at 0, architecture at 4, arguments of 8 bytes from 16 on."""
    refused = _instruction(_RETURN, _ERROR | errno.EPERM)
    yield _instruction(_LOAD, 4)
    yield _instruction(_EQUAL, architecture, 1, 0)
    yield refused
    yield _instruction(_LOAD, 0)
    yield _instruction(_AT_LEAST, _X32, 0, 1)
    yield refused
    for numbers in _REFUSED.values():
        yield from _when(numbers[column], [refused])
    # If clone3 does not exist, the C library starts threads by clone, whose flags this filter can read.
    yield from _when(_CLONE3[column], [_instruction(_RETURN, _ERROR | errno.ENOSYS)])
    allowed = _instruction(_RETURN, _ALLOW)
    for numbers, argument, flags, answers in (
        (_OPEN, 1, _WRITING, (refused, allowed)),
        (_OPENAT, 2, _WRITING, (refused, allowed)),
        (_CLONE, 0, _THREAD, (allowed, refused)),
    ):
        look = [_instruction(_LOAD, 16 + 8 * argument), _instruction(_ANY_BIT, flags, 0, 1)]
        yield from _when(numbers[column], [*look, *answers])
    yield allowed


def _when(number: int | None, then: list[bytes]) -> Iterator[bytes]:
    if number is not None:
        yield _instruction(_EQUAL, number, 0, len(then))
        yield from then


def _instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("HBBI", code, true, false, value)
