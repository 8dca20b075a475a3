"""Filling the queue of a stage: an event for each original, as S3 itself would send it."""

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
"""The outcome of an original that is left to whoever reads the queue."""

_BATCH = 10
"""How many messages SQS takes at once."""


@dataclass(frozen=True)
class Events:
    """A queue that is told of uploads to a bucket."""

    client: "SQSClient"
    url: str
    bucket: str

    def send(self, keys: Sequence[str]) -> list[Reconciled]:
        """An event for each of at most ten keys; what SQS does not take in a few tries has failed."""
        refused: dict[str, str] = dict.fromkeys(keys, "")
        for pause in (*PAUSES, 0):
            refused = self._try(list(refused))
            if not refused:
                break
            sleep(pause)
        return [Reconciled(key, FAILED if key in refused else QUEUED, reason=refused.get(key, "")) for key in keys]

    def _try(self, keys: Sequence[str]) -> dict[str, str]:
        """The keys that SQS did not take, and why."""
        answer = self.client.send_message_batch(
            QueueUrl=self.url,
            Entries=[
                {"Id": str(number), "MessageBody": json.dumps({"Records": [created_record(self.bucket, key)]})}
                for number, key in enumerate(keys)
            ],
        )
        return {keys[int(entry["Id"])]: entry.get("Message", entry["Code"]) for entry in answer.get("Failed", [])}


def batches(keys: Iterable[str]) -> Iterator[list[str]]:
    """Keys by as many as SQS takes at once."""
    left = iter(keys)
    return iter(lambda: list(islice(left, _BATCH)), [])


def created_record(bucket: str, key: str) -> dict[str, Any]:
    """The record that S3 writes when an object was created, its key form-encoded."""
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}},
    }
