"""Sends upload events to a stage's queue, one for each original, as S3 would send them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from chalicelib.flows.prerender import Reconciled
from cli.operate.pool import FAILED, PAUSES

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

QUEUED = "queued"
"""The outcome of an original whose event is in the queue."""

_BATCH = 10
"""The most messages in one request to SQS."""


@dataclass(frozen=True)
class Events:
    """The queue of upload events of one bucket."""

    client: "SQSClient"
    url: str
    bucket: str

    def send(self, keys: Sequence[str]) -> list[Reconciled]:
        """Send an event for each of at most ten keys. A key that SQS refuses after some retries has failed."""
        refused: dict[str, str] = dict.fromkeys(keys, "")
        for pause in (*PAUSES, 0):
            refused = self._try(list(refused))
            if not refused:
                break
            sleep(pause)
        return [Reconciled(key, FAILED if key in refused else QUEUED, reason=refused.get(key, "")) for key in keys]

    def _try(self, keys: Sequence[str]) -> dict[str, str]:
        """Send the events; return the keys that SQS refused, with the reasons."""
        answer = self.client.send_message_batch(
            QueueUrl=self.url,
            Entries=[
                {"Id": str(number), "MessageBody": json.dumps({"Records": [created_record(self.bucket, key)]})}
                for number, key in enumerate(keys)
            ],
        )
        return {keys[int(entry["Id"])]: entry.get("Message", entry["Code"]) for entry in answer.get("Failed", [])}


def batches(keys: Iterable[str]) -> Iterator[list[str]]:
    """The keys in batches, as large as SQS accepts."""
    left = iter(keys)
    return iter(lambda: list(islice(left, _BATCH)), [])


def created_record(bucket: str, key: str) -> dict[str, Any]:
    """The event record of a created object, with its key form-encoded as S3 does."""
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}},
    }
