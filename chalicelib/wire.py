"""Messages between this process and those that render: a line of JSON, then so many bytes. Never pickled objects."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_LINE = 2**20
_MOST_BODY = 2**28
"""Bytes: what comes from a process that opens strangers' files is held to these."""


@dataclass(frozen=True)
class Message:
    """What a line says, and the bytes behind it."""

    says: Mapping[str, Any]
    body: bytes = b""


class Channel:
    """One end of a connection; it is used by one thread at a time. Its verbs raise OSError, TimeoutError, too."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._source = connection.makefile("rb")

    def send(self, says: Mapping[str, Any], body: bytes = b"", seconds: float | None = None) -> None:
        """Send a message whole."""
        self._connection.settimeout(seconds)
        self._connection.sendall(json.dumps({**says, "length": len(body)}).encode() + b"\n")
        self._connection.sendall(body)

    def receive(self, seconds: float | None = None) -> Message | None:
        """The next message, None where there is no more; raises ValueError for what is none."""
        self._connection.settimeout(seconds)
        line = self._source.readline(_MOST_LINE)
        if not line:
            return None
        says = _object(line)
        length = says.pop("length", None)
        if not isinstance(length, int) or not 0 <= length <= _MOST_BODY:
            raise ValueError("expected a message that tells its length")
        body = self._source.read(length)
        if len(body) < length:
            raise ValueError("expected a whole message")
        return Message(says, body)

    def close(self) -> None:
        """Close this end; whoever reads the other sees that there is no more."""
        self._source.close()
        self._connection.close()


def _object(line: bytes) -> dict[str, Any]:
    try:
        says = json.loads(line)
    except RecursionError as error:
        raise ValueError("expected a message") from error
    if not isinstance(says, dict):
        raise ValueError("expected a message")
    return says
