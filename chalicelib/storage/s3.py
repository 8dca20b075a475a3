"""A bucket on S3, and the options of its client."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import Denied, Unavailable
from .store import Content, Object

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

_BATCH = 1000
"""How many keys one DeleteObjects request accepts."""

_CONDITION_FAILED = (404, 409, 412)
"""S3's statuses if the expected object was deleted, is being written by another writer, or has another ETag."""


def client_options(max_connections: int, read_seconds: int = 10, attempts: int = 3) -> Config:
    """The options of an S3 client: short timeouts, and URLs signed for the bucket's own region."""
    from botocore.config import Config

    return Config(
        connect_timeout=2,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=max_connections,
        # Newer buckets accept no other signature, and a signed URL must name the bucket's own region.
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


class S3Store:
    """A bucket on S3, or on a service with the same API."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, key: str) -> Object | None:
        answer = self._found(self._client.get_object, Key=key)
        return None if answer is None else _object(key, answer, partial(_read, answer["Body"]))

    def head(self, key: str) -> Object | None:
        answer = self._found(self._client.head_object, Key=key)
        return None if answer is None else _object(key, answer)

    def put(self, key: str, content: Content, **condition: str) -> str:
        tagged = {"Tagging": content.tags} if content.tags else {}
        answer = self._call(
            self._client.put_object,
            Key=key,
            Body=content.body,
            ContentType=content.content_type,
            CacheControl=content.cache_control,
            Metadata=dict(content.metadata),
            **condition,
            **tagged,
        )
        return str(answer["ETag"]).strip('"')

    def swap(self, key: str, over: str | None, content: Content) -> str | None:
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": f'"{over}"'}
        try:
            return self.put(key, content, **condition)
        except Unavailable as unavailable:
            if _status(unavailable) in _CONDITION_FAILED:
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
        self._call_unless(_CONDITION_FAILED, self._client.delete_object, Key=key, IfMatch=f'"{etag}"')

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
        """A presigned URL that reads the object directly from S3, valid for `seconds`."""
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
    """The HTTP status of S3's error; 0 if S3 did not answer."""
    from botocore.exceptions import ClientError

    cause = unavailable.__cause__
    return int(cause.response["ResponseMetadata"]["HTTPStatusCode"]) if isinstance(cause, ClientError) else 0


def _object(key: str, answer: Mapping[str, Any], read: Callable[[], bytes] = lambda: b"") -> Object:
    return Object(
        key,
        answer["ETag"].strip('"'),
        answer["ContentLength"],
        answer["LastModified"].astimezone(UTC),  # email.utils does not accept botocore's own UTC
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
        raise Unavailable("the store closed the connection; try again in a moment") from error
    finally:
        body.close()
