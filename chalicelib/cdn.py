"""CloudFront invalidations: cache tags, the queue of changed originals, and the requests to CloudFront.

A picture has a tag for each original that it is made from, and for each folder that contains one (Amazon CloudFront
Developer Guide, "Invalidating content by cache tags").
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_sqs import SQSClient

METADATA = "cache-tag"
HEADER = f"x-amz-meta-{METADATA}"
"""S3 returns object metadata as x-amz-meta-* headers; our own responses use the same header."""

MOST_TAGS = 100
"""How many tags one invalidation has at most: each is billed, and a distribution's quota is 3,000 at a time."""

_FOLDERS = 15
"""How many folders get a tag, from the outermost: CloudFront reads 50 tags, and S3 allows 2 KB of metadata."""


def tags(*originals: str) -> str:
    """The cache tags of a picture made from these originals, as a header's value."""
    prefixes = (prefix for original in originals for prefix in (original, *_folders(original)))
    return ",".join(map(tag, dict.fromkeys(prefixes)))


def tag(prefix: str) -> str:
    """The tag of an original, or of a folder, which ends in /; the empty folder contains everything."""
    return hashlib.sha256(prefix.encode()).hexdigest()[:32]


def covering(originals: Iterable[str], most: int) -> set[str]:
    """At most `most` originals and folders that cover all of these originals; the deepest folders are merged first."""
    covered = set(originals)
    while len(covered) > most:
        folders = Counter(_folder(prefix) for prefix in covered)
        chosen = max(folders, key=lambda folder: (folder.count("/"), folders[folder], folder))
        covered = {prefix for prefix in covered if not prefix.startswith(chosen)} | {chosen}
    return covered


def _folder(prefix: str) -> str:
    return _folders(prefix.removesuffix("/"))[-1]


def _folders(key: str) -> list[str]:
    parts = key.split("/")[:-1][:_FOLDERS]
    return ["".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts) + 1)]


def queue_invalidation(queue: Callable[[], tuple[SQSClient, str]], key: str) -> None:
    """Queue the invalidation of an original; `queue` returns an SQS client and the queue's URL. Raises Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        sqs, url = queue()
        sqs.send_message(QueueUrl=url, MessageBody=key)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("the CDN cache could not be invalidated; try again in a moment") from error


@dataclass(frozen=True)
class Invalidations:
    """The invalidations of one distribution."""

    client: CloudFrontClient
    distribution: str

    def create(self, originals: Iterable[str]) -> int:
        """Invalidate every picture of these originals; returns the number of tags. Raises Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        items = sorted(f"#{tag(prefix)}" for prefix in covering(originals, MOST_TAGS))
        try:
            self.client.create_invalidation(
                DistributionId=self.distribution,
                InvalidationBatch={
                    "Paths": {"Quantity": len(items), "Items": items},
                    "CallerReference": str(uuid.uuid4()),
                },
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"CloudFront did not accept the invalidation: {error}") from error
        return len(items)
