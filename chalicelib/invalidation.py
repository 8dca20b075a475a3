"""What CloudFront is to forget, in as few paths as it takes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from .errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

MOST_PATHS = 15
"""How many wildcard paths a distribution takes at once (Amazon CloudFront Developer Guide, Quotas)."""


@dataclass(frozen=True)
class Invalidations:
    """The invalidations of one distribution."""

    client: CloudFrontClient
    distribution: str

    def forget(self, originals: Iterable[str]) -> int:
        """Forget every picture of these originals; returns how many paths that took. Raises Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        paths = wildcards(originals)
        try:
            self.client.create_invalidation(
                DistributionId=self.distribution,
                InvalidationBatch={
                    "Paths": {"Quantity": len(paths), "Items": paths},
                    "CallerReference": str(uuid.uuid4()),
                },
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"CloudFront takes no invalidation now: {error}") from error
        return len(paths)


def wildcards(originals: Iterable[str], most: int = MOST_PATHS) -> list[str]:
    """The paths that cover all pictures of these originals: one each, or one for a folder where they are too many.

    One path covers an original's own URL with any query, and the paths of its derivatives.
    """
    covered = set(originals)
    while len(covered) > most:
        covered = _gathered(covered)
    return sorted(f"/{quote(prefix)}*" for prefix in covered)


def _gathered(prefixes: set[str]) -> set[str]:
    """One prefix for the folder that is deepest; of several as deep, the one that holds the most."""
    folders = Counter(_folder(prefix) for prefix in prefixes)
    chosen = max(folders, key=lambda folder: (folder.count("/"), folders[folder], folder))
    return {prefix for prefix in prefixes if not prefix.startswith(chosen)} | {chosen}


def _folder(prefix: str) -> str:
    """The folder that a key or a folder lies in: a/b/ for a/b/c and for a/b/c/."""
    return prefix.rstrip("/").rpartition("/")[0] + "/" if "/" in prefix.rstrip("/") else ""
