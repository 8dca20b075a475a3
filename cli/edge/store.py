"""Updates CloudFront's key-value store, from which the edge function reads keys, presets and open derivatives."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.access.signatures import Keys
from cli.edge.access import KEYS, items_of_keys

if TYPE_CHECKING:
    import boto3

_AT_ONCE = 50
"""The most changes in one request to the store (Amazon CloudFront Developer Guide, "Quotas on key value stores")."""


def add(session: "boto3.Session", stage_outputs: Mapping[str, str], items: Mapping[str, str]) -> None:
    """Put these items into the store of a stage's edge; keep all others."""
    _sync(session, stage_outputs, items, lambda name: False)


def sync(session: "boto3.Session", stage_outputs: Mapping[str, str], items: Mapping[str, str]) -> None:
    """Replace the store's items by these. The change reaches CloudFront's edges within seconds, without a deploy."""
    _sync(session, stage_outputs, items, lambda name: True)


def sync_keys(session: "boto3.Session", stage_outputs: Mapping[str, str], keys: Keys) -> None:
    """Replace the store's keys by these; keep its other items."""
    _sync(session, stage_outputs, items_of_keys(keys), lambda name: name == KEYS)


def _sync(
    session: "boto3.Session",
    stage_outputs: Mapping[str, str],
    items: Mapping[str, str],
    may_drop: Callable[[str], bool],
) -> None:
    """Update a store. Tries again once if somebody else changes it at the same time, then raises SystemExit."""
    client, arn = session.client("cloudfront-keyvaluestore"), stage_outputs["Store"]
    try:
        _update(client, arn, items, may_drop)
    except client.exceptions.ConflictException:
        try:
            _update(client, arn, items, may_drop)
        except client.exceptions.ConflictException:
            raise SystemExit("imgy: somebody else is changing the store at the edge; try again") from None


def _update(client: Any, arn: str, items: Mapping[str, str], may_drop: Callable[[str], bool]) -> None:
    # Read the tag first. If somebody changes the store while its items are read, the tag is old and the update fails.
    tag = client.describe_key_value_store(KvsARN=arn)["ETag"]
    known = _items(client, arn)
    puts = [("Puts", {"Key": name, "Value": text}) for name, text in items.items() if known.get(name) != text]
    deletes = [("Deletes", {"Key": name}) for name in known if name not in items and may_drop(name)]
    changes = puts + deletes
    for start in range(0, len(changes), _AT_ONCE):
        asked = {
            kind: [change for named, change in changes[start : start + _AT_ONCE] if named == kind]
            for kind in ("Puts", "Deletes")
        }
        tag = client.update_keys(KvsARN=arn, IfMatch=tag, **asked)["ETag"]


def _items(client: Any, arn: str) -> dict[str, str]:
    pages = client.get_paginator("list_keys").paginate(KvsARN=arn)
    return {item["Key"]: item["Value"] for page in pages for item in page.get("Items", [])}
