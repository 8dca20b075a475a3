"""The store protocol of both buckets. Objects are written whole: a partial object is never visible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Object:
    """One stored object, `length` bytes long; `read` fetches its body, once, and may raise Unavailable."""

    key: str
    etag: str
    length: int
    modified: datetime
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[], bytes] = field(default=lambda: b"", compare=False, repr=False)


@dataclass(frozen=True)
class Content:
    """The content to store under a key; `tags` are S3's, written as a query."""

    body: bytes
    content_type: str = ""
    cache_control: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: str = ""


class Store(Protocol):
    """A bucket. Every method raises Unavailable when S3 cannot answer; readers raise Denied if S3 answers 403."""

    def get(self, key: str) -> Object | None:
        """The object, or None; its body is read later, and is never that of another version."""

    def head(self, key: str) -> Object | None:
        """The object without its body; None if there is none."""

    def put(self, key: str, content: Content) -> str:
        """Store a whole object and return its ETag."""

    def swap(self, key: str, over: str | None, content: Content) -> str | None:
        """Put the object if its ETag is `over` (None: if it does not exist). Returns its ETag, or None if not put."""

    def untag(self, key: str) -> None:
        """Remove an object's tags; a missing key is no error."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; a missing key is no error."""

    def drop(self, key: str, etag: str) -> None:
        """Delete one object if it still has this ETag."""

    def names(self, folder: str) -> Iterator[str]:
        """The keys directly below a folder (which ends in /), not those of deeper folders."""

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Object]:
        """The objects whose keys begin with `prefix` and come after `after`, in S3's order: that of UTF-8 and of `str`.

        Each has what a listing contains: key, ETag, length and date.
        """
