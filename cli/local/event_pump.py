"""The event pump: delivers bucket notifications from the queue to the triggers, as Lambda does."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import ImgyError
from cli.embedded.lambda_context import LambdaContext
from cli.operate.queue import created_record

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

log = logging.getLogger("imgy")

Event = dict[str, Any]
Trigger = Callable[[Event, Any], object]
Triggers = Mapping[str, Trigger]
"""The trigger for each kind of event, by the beginning of the event's name: ObjectCreated, ObjectRemoved."""

WORKERS = 2
WAIT_SECONDS = 5
TRIGGER_SECONDS = 120
LONGEST_PAUSE_SECONDS = 60


class Queue:
    """A queue of bucket notifications."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs, self._url = sqs, url

    def receive(self) -> list["MessageTypeDef"]:
        """Receive at most one message; waits up to WAIT_SECONDS."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return answer.get("Messages", [])

    def send(self, event: Event) -> None:
        """Send an event."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(event))

    def delete(self, message: "MessageTypeDef") -> None:
        """Delete a message that was delivered."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def put_back(self, message: "MessageTypeDef", seconds: int) -> None:
        """Make a message visible again after this many seconds."""
        self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )


def start_pump(queue: Queue, triggers: Triggers, stopping: threading.Event) -> None:
    """Start threads that deliver events until `stopping` is set."""
    for number in range(WORKERS):
        threading.Thread(
            target=deliver_events, args=[queue, triggers, stopping], name=f"pump-{number}", daemon=True
        ).start()


def deliver_events(queue: Queue, triggers: Triggers, stopping: threading.Event) -> None:
    """Deliver messages until `stopping` is set. Retries if the queue cannot be reached."""
    while not stopping.is_set():
        try:
            for message in queue.receive():
                deliver(message, queue, triggers)
        except (BotoCoreError, ClientError) as error:
            if not stopping.wait(1):
                log.warning("The queue does not answer; trying again: %s", error)


def deliver(message: "MessageTypeDef", queue: Queue, triggers: Triggers) -> None:
    """Call the triggers with a message. Delete it if they return, or make it visible again later if one raises."""
    try:
        call_triggers(json.loads(message["Body"]), triggers)
    except Exception as error:
        pause = pause_after(int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)))
        # An unexpected error is a bug: log its traceback, too.
        unexpected = None if isinstance(error, ImgyError | OSError) else error
        log.warning("An event failed and is delivered again in %d s: %s", pause, error, exc_info=unexpected)
        queue.put_back(message, pause)
    else:
        queue.delete(message)


def pause_after(tries: int) -> int:
    """Seconds until an event is delivered again after this many tries."""
    return int(min(2**tries, LONGEST_PAUSE_SECONDS))


def call_triggers(event: Event, triggers: Triggers) -> None:
    """Call each trigger with its records of an event. S3's test event has none."""
    records = event.get("Records", [])
    for kind, trigger in triggers.items():
        if mine := [record for record in records if record["eventName"].removeprefix("s3:").startswith(kind)]:
            trigger({"Records": mine}, LambdaContext(kind, TRIGGER_SECONDS))
    if progress := event.get("progress"):
        log.info("Caught up with %s", progress)


def catch_up(keys: Iterable[str], bucket: str, queue: Queue) -> None:
    """Send an upload event for each key whose events were lost. The trigger reads the bucket's current state."""
    lost = sorted(keys)
    if lost:
        log.info("Catching up with %d originals that changed while imgy was not running", len(lost))
    for number, key in enumerate(lost, 1):
        queue.send({"Records": [created_record(bucket, key)], "progress": f"{number} of {len(lost)}"})
