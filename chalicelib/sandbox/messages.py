"""Messages between this process and its workers: a line of JSON, then the bytes it announces. Never pickled objects."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MOST_LINE = 2**20
_MOST_BODY = 2**28
"""In bytes. A worker opens untrusted files, so its messages are limited, too."""


@dataclass(frozen=True)
class Message:
    """The fields of a message, and the byte strings that follow it."""

    fields: Mapping[str, Any]
    bodies: Sequence[bytes] = ()


class Channel:
    """One end of a connection, used by one thread at a time. Its methods raise OSError, and TimeoutError when late."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._source = connection.makefile("rb")

    def send(self, fields: Mapping[str, Any], bodies: Sequence[bytes] = (), seconds: float | None = None) -> None:
        """Send a whole message."""
        self._connection.settimeout(seconds)
        self._connection.sendall(json.dumps({**fields, "lengths": [*map(len, bodies)]}).encode() + b"\n")
        for body in bodies:
            self._connection.sendall(body)

    def receive(self, seconds: float | None = None) -> Message | None:
        """The next message, None at the end of the connection; raises ValueError for an invalid one."""
        self._connection.settimeout(seconds)
        line = self._source.readline(_MOST_LINE)
        if not line:
            return None
        fields = _object(line)
        lengths = fields.pop("lengths", None)
        if not isinstance(lengths, list) or not all(isinstance(length, int) and length >= 0 for length in lengths):
            raise ValueError("expected a message that announces its lengths")
        if sum(lengths) > _MOST_BODY:
            raise ValueError("expected a shorter message")
        bodies = [self._source.read(length) for length in lengths]
        if any(len(body) < length for body, length in zip(bodies, lengths, strict=True)):
            raise ValueError("expected a whole message")
        return Message(fields, bodies)

    def close(self) -> None:
        """Close this end; the other end sees that no message follows."""
        self._source.close()
        self._connection.close()


def _object(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except RecursionError as error:
        raise ValueError("expected a message") from error
    if not isinstance(fields, dict):
        raise ValueError("expected a message")
    return fields
