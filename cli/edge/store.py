"""CloudFront's key-value store, where the function at the edge reads keys, presets and what they open."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.access.signatures import Keys
from cli.edge.access import KEYS, items_of_keys

if TYPE_CHECKING:
    import boto3

_AT_ONCE = 50
"""How many changes the store takes in one request (Amazon CloudFront Developer Guide, "Quotas on key value stores")."""


def add(session: "boto3.Session", stage_outputs: Mapping[str, str], items: Mapping[str, str]) -> None:
    """Have the store of a stage's edge hold these items beside its others."""
    _sync(session, stage_outputs, items, lambda name: False)


def sync(session: "boto3.Session", stage_outputs: Mapping[str, str], items: Mapping[str, str]) -> None:
    """Have it hold these items and no others. CloudFront's edges know of it within seconds, without a deploy."""
    _sync(session, stage_outputs, items, lambda name: True)


def sync_keys(session: "boto3.Session", stage_outputs: Mapping[str, str], keys: Keys) -> None:
    """Have it hold these keys and no others, beside what it holds of presets."""
    _sync(session, stage_outputs, items_of_keys(keys), lambda name: name == KEYS)


def _sync(
    session: "boto3.Session",
    stage_outputs: Mapping[str, str],
    items: Mapping[str, str],
    may_drop: Callable[[str], bool],
) -> None:
    """Bring a store in step, once more where somebody else writes to it meanwhile; raises SystemExit for a third."""
    client, arn = session.client("cloudfront-keyvaluestore"), stage_outputs["Store"]
    try:
        _update(client, arn, items, may_drop)
    except client.exceptions.ConflictException:
        try:
            _update(client, arn, items, may_drop)
        except client.exceptions.ConflictException:
            raise SystemExit("imgy: somebody else changes the store at the edge at the same time; try again") from None


def _update(client: Any, arn: str, items: Mapping[str, str], may_drop: Callable[[str], bool]) -> None:
    # The tag first: whatever is changed while the items are read makes it another, and the update fails.
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
