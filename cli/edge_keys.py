"""The keys of signed URLs where the function at the edge reads them: CloudFront's key-value store."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.signing import Keys
from cli.edge_access import ITEM

if TYPE_CHECKING:
    import boto3

MOST_BYTES = 1024
"""The longest value that the store takes (Amazon CloudFront Developer Guide, "Quotas on key value stores")."""


def publish(session: "boto3.Session", stage_outputs: Mapping[str, str], keys: Keys) -> None:
    """Have the store of a stage's edge hold these keys and nothing else, all at once; raises SystemExit.

    CloudFront's edges know of it within seconds, without a deploy.
    """
    value = json.dumps(dict(keys), separators=(",", ":"))
    if len(value.encode()) > MOST_BYTES:
        raise SystemExit(
            f"imgy: expected keys of at most {MOST_BYTES} bytes together, received {len(value.encode())}: drop old ones"
        )
    hold(session.client("cloudfront-keyvaluestore"), stage_outputs["Keys"], {ITEM: value} if keys else {})


def hold(client: Any, arn: str, items: Mapping[str, str]) -> None:
    """Have a store hold exactly these items, also where somebody else writes to it meanwhile."""
    try:
        _update(client, arn, items)
    except client.exceptions.ConflictException:
        try:
            _update(client, arn, items)
        except client.exceptions.ConflictException:
            raise SystemExit("imgy: somebody else changes the keys at the edge at the same time; try again") from None


def _update(client: Any, arn: str, items: Mapping[str, str]) -> None:
    # The tag first: whatever is changed while the items are read makes it another, and the update fails.
    tag = client.describe_key_value_store(KvsARN=arn)["ETag"]
    known = _items(client, arn)
    puts = [{"Key": name, "Value": value} for name, value in items.items() if known.get(name) != value]
    deletes = [{"Key": name} for name in known if name not in items]
    if puts or deletes:
        client.update_keys(KvsARN=arn, IfMatch=tag, Puts=puts, Deletes=deletes)


def _items(client: Any, arn: str) -> dict[str, str]:
    pages = client.get_paginator("list_keys").paginate(KvsARN=arn)
    return {item["Key"]: item["Value"] for page in pages for item in page.get("Items", [])}
