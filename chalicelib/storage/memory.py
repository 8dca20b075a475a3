"""A bucket in memory: for tests and benchmarks, and as the simplest implementation of the store protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from threading import Lock

from .store import Content, Object


class MemoryStore:
    """A bucket in memory."""

    def __init__(self) -> None:
        self._objects: dict[str, Object] = {}
        self.tags: dict[str, str] = {}
        self._lock = Lock()

    def get(self, key: str) -> Object | None:
        return self.head(key)

    def head(self, key: str) -> Object | None:
        return self._objects.get(key)

    def put(self, key: str, content: Content) -> str:
        etag = hashlib.md5(content.body, usedforsecurity=False).hexdigest()
        now, body = datetime.now(UTC).replace(microsecond=0), content.body
        stored = Object(key, etag, len(body), now, content.content_type, dict(content.metadata), lambda: body)
        self._objects[key], self.tags[key] = stored, content.tags
        return etag

    def swap(self, key: str, over: str | None, content: Content) -> str | None:
        with self._lock:
            present = self.head(key)
            return self.put(key, content) if over == (present.etag if present else None) else None

    def untag(self, key: str) -> None:
        self.tags.pop(key, None)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._objects.pop(key, None)

    def drop(self, key: str, etag: str) -> None:
        with self._lock:
            present = self.head(key)
            if present and present.etag == etag:
                del self._objects[key]

    def names(self, folder: str) -> Iterator[str]:
        keys = sorted(key for key in list(self._objects) if key.startswith(folder))
        return (key for key in keys if "/" not in key[len(folder) :])

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Object]:
        for key in sorted(key for key in list(self._objects) if key.startswith(prefix) and key > after):
            if found := self._objects.get(key):
                yield Object(key, found.etag, found.length, found.modified)
