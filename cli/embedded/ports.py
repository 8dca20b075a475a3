"""Reserves the ports and the data folder of one run. Raises SystemExit if one of them is in use."""

import errno
import fcntl
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cli.embedded.environment import HOST

RETRY_SECONDS = 2


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Lock the data folder for one run. Afterwards, remove the folder if it is empty."""
    lock = data_dir / "lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise SystemExit(f"imgy: cannot write to {data_dir} ({error.strerror}); choose another DATA_DIR") from None
    with file:
        _lock(file.fileno(), data_dir)
        try:
            yield
        finally:
            _remove_if_empty(data_dir, lock)


def _lock(fd: int, data_dir: Path) -> None:
    try:
        # lockf, not flock: this lock ends with the process, even if a forked child keeps the file open.
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(
            f"imgy: another run already uses the data in {data_dir}; stop it, or choose another DATA_DIR"
        ) from None


def _remove_if_empty(data_dir: Path, lock: Path) -> None:
    if list(data_dir.iterdir()) == [lock]:
        lock.unlink()
        with suppress(OSError):
            data_dir.rmdir()


def listen(port: int, setting: str) -> socket.socket:
    """A socket that listens on 127.0.0.1. Waits two seconds for a port in use, since a run may be ending."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deadline = time.monotonic() + RETRY_SECONDS
    while (error := _bind(listener, port)) and error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
        time.sleep(0.1)
    if error:
        listener.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
        raise SystemExit(f"imgy: port {port} {why}; choose another one: make run {setting}={port + 1}")
    listener.listen(128)
    return listener


def _bind(listener: socket.socket, port: int) -> OSError | None:
    try:
        listener.bind((HOST, port))
    except OSError as error:
        return error
    return None
