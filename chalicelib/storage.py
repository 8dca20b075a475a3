"""The few verbs that both buckets need, on S3 and in memory. Objects are put whole: none is ever seen half-written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from .errors import Denied, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BATCH = 1000
"""How many keys one DeleteObjects takes."""

_OVERTAKEN = (404, 409, 412)
"""What S3 says where what was expected has been deleted, is being written by somebody else, or is something else."""


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


class Store(Protocol):
    """A bucket. Every verb raises Unavailable when S3 cannot answer; readers raise Denied where S3 says 403."""

    def get(self, key: str) -> Object | None:
        """The object, its body not yet read but already this object's; None where there is none."""

    def head(self, key: str) -> Object | None:
        """The object without its body; None where there is none."""

    def put(self, key: str, body: bytes, content_type: str, cache_control: str, metadata: Mapping[str, str]) -> str:
        """Store a whole object and return its ETag."""

    def swap(
        self,
        key: str,
        over: str | None,
        body: bytes,
        content_type: str,
        cache_control: str,
        metadata: Mapping[str, str],
        tags: str = "",
    ) -> str | None:
        """As `put`, where what is there now has the ETag `over`, or nothing is for None; else None. Tags as a query."""

    def untag(self, key: str) -> None:
        """Take an object's tags away; a key that is not there is no error."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; a key that is not there is no error."""

    def drop(self, key: str, etag: str) -> None:
        """Delete one object as long as it has this ETag; what has taken its place stays."""

    def names(self, folder: str) -> Iterator[str]:
        """The keys right below a folder (which ends in /), not those of deeper folders."""

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Object]:
        """The objects whose keys begin so, and come after that key: in S3's order, that of UTF-8 (and of `str`).

        Each has what a listing tells: key, ETag, length and date.
        """


class MemoryStore:
    """A bucket in memory: for tests, and for whoever wants to see what the verbs mean."""

    def __init__(self) -> None:
        self._objects: dict[str, Object] = {}
        self.tags: dict[str, str] = {}
        self._lock = Lock()

    def get(self, key: str) -> Object | None:
        return self.head(key)

    def head(self, key: str) -> Object | None:
        return self._objects.get(key)

    def put(
        self,
        key: str,
        body: bytes,
        content_type: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        self.tags.pop(key, None)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        now = datetime.now(UTC).replace(microsecond=0)
        self._objects[key] = Object(key, etag, len(body), now, content_type, dict(metadata or {}), lambda: body)
        return etag

    def swap(
        self,
        key: str,
        over: str | None,
        body: bytes,
        content_type: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] | None = None,
        tags: str = "",
    ) -> str | None:
        with self._lock:
            there = self.head(key)
            if over != (there.etag if there else None):
                return None
            etag = self.put(key, body, content_type, cache_control, metadata)
            self.tags[key] = tags
            return etag

    def untag(self, key: str) -> None:
        self.tags.pop(key, None)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._objects.pop(key, None)

    def drop(self, key: str, etag: str) -> None:
        with self._lock:
            there = self.head(key)
            if there and there.etag == etag:
                del self._objects[key]

    def names(self, folder: str) -> Iterator[str]:
        keys = sorted(key for key in list(self._objects) if key.startswith(folder))
        return (key for key in keys if "/" not in key[len(folder) :])

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Object]:
        for key in sorted(key for key in list(self._objects) if key.startswith(prefix) and key > after):
            if found := self._objects.get(key):
                yield Object(key, found.etag, found.length, found.modified)


class S3Store:
    """A bucket on S3, or on anything that speaks its language."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, key: str) -> Object | None:
        answer = self._found(self._client.get_object, Key=key)
        return None if answer is None else _object(key, answer, partial(_read, answer["Body"]))

    def head(self, key: str) -> Object | None:
        answer = self._found(self._client.head_object, Key=key)
        return None if answer is None else _object(key, answer)

    def put(
        self,
        key: str,
        body: bytes,
        content_type: str,
        cache_control: str,
        metadata: Mapping[str, str],
        **also: str,
    ) -> str:
        answer = self._call(
            self._client.put_object,
            Key=key,
            Body=body,
            ContentType=content_type,
            CacheControl=cache_control,
            Metadata=dict(metadata),
            **also,
        )
        return str(answer["ETag"]).strip('"')

    def swap(
        self,
        key: str,
        over: str | None,
        body: bytes,
        content_type: str,
        cache_control: str,
        metadata: Mapping[str, str],
        tags: str = "",
    ) -> str | None:
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": f'"{over}"'}
        tagged = {"Tagging": tags} if tags else {}
        try:
            return self.put(key, body, content_type, cache_control, metadata, **condition, **tagged)
        except Unavailable as unavailable:
            if _status(unavailable) in _OVERTAKEN:
                return None
            raise

    def untag(self, key: str) -> None:
        self._call_unless((404,), self._client.delete_object_tagging, Key=key)

    def delete(self, keys: Iterable[str]) -> None:
        pending = list(keys)
        for start in range(0, len(pending), _BATCH):
            entries = [{"Key": key} for key in pending[start : start + _BATCH]]
            answer = self._call(self._client.delete_objects, Delete={"Objects": entries, "Quiet": True})
            if answer.get("Errors"):
                raise Unavailable("the store did not delete every object") from None

    def drop(self, key: str, etag: str) -> None:
        self._call_unless(_OVERTAKEN, self._client.delete_object, Key=key, IfMatch=f'"{etag}"')

    def names(self, folder: str) -> Iterator[str]:
        return (str(entry["Key"]) for entry in self._entries(Prefix=folder, Delimiter="/"))

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Object]:
        return map(_listed, self._entries(Prefix=prefix, **({"StartAfter": after} if after else {})))

    def _entries(self, **asked: str) -> Iterator[Mapping[str, Any]]:
        while True:
            page = self._call(self._client.list_objects_v2, **asked)
            yield from page.get("Contents", ())
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def url(self, key: str, seconds: int) -> str:
        """A URL that reads the object straight from S3, good for so many seconds."""
        return self._client.generate_presigned_url(
            "get_object", {"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )

    def _found(self, verb: Callable[..., Any], **asked: Any) -> Any:
        try:
            return self._call(verb, **asked)
        except Unavailable as unavailable:
            status = _status(unavailable)
            if status == 404:
                return None
            if status == 403:
                raise Denied("no such original") from unavailable.__cause__
            raise

    def _call_unless(self, refusals: Collection[int], verb: Callable[..., Any], **asked: Any) -> None:
        try:
            self._call(verb, **asked)
        except Unavailable as unavailable:
            if _status(unavailable) not in refusals:
                raise

    def _call(self, verb: Callable[..., Any], **asked: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return verb(Bucket=self._bucket, **asked)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("the store does not answer now; try again in a moment") from error


def _status(unavailable: Unavailable) -> int:
    """The HTTP status with which S3 said no; 0 where it said nothing."""
    from botocore.exceptions import ClientError

    cause = unavailable.__cause__
    return int(cause.response["ResponseMetadata"]["HTTPStatusCode"]) if isinstance(cause, ClientError) else 0


def _object(key: str, answer: Mapping[str, Any], read: Callable[[], bytes] = lambda: b"") -> Object:
    return Object(
        key,
        answer["ETag"].strip('"'),
        answer["ContentLength"],
        answer["LastModified"].astimezone(UTC),  # botocore has a UTC of its own, which email.utils refuses
        answer.get("ContentType", ""),
        answer.get("Metadata", {}),
        read,
    )


def _listed(entry: Mapping[str, Any]) -> Object:
    return Object(entry["Key"], entry["ETag"].strip('"'), entry["Size"], entry["LastModified"].astimezone(UTC))


def _read(body: Any) -> bytes:
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

    try:
        return bytes(body.read())
    except (BotoCoreError, HTTPError, OSError) as error:
        raise Unavailable("the store broke off; try again in a moment") from error
    finally:
        body.close()
