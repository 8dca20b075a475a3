"""What CloudFront is to forget, by tags."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cachetags import covering, tag
from .errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

MOST_TAGS = 100
"""How many tags one invalidation names: each is paid for, and a distribution takes 3,000 at once (its quotas)."""


@dataclass(frozen=True)
class Invalidations:
    """The invalidations of one distribution."""

    client: CloudFrontClient
    distribution: str

    def forget(self, originals: Iterable[str]) -> int:
        """Forget every picture of these originals; returns how many tags that took. Raises Unavailable."""
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
            raise Unavailable(f"CloudFront takes no invalidation now: {error}") from error
        return len(items)
