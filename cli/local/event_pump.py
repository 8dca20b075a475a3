"""The pump: bucket notifications from the queue to the trigger handlers, as Lambda's service would bring them."""

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
"""The handler for each kind of event, by the start of the event's name: ObjectCreated, ObjectRemoved."""

WORKERS = 2
WAIT_SECONDS = 5
TRIGGER_SECONDS = 120
LONGEST_PAUSE_SECONDS = 60


class Queue:
    """One queue of bucket notifications."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs, self._url = sqs, url

    def receive(self) -> list["MessageTypeDef"]:
        """At most one message, waiting for it up to WAIT_SECONDS."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return answer.get("Messages", [])

    def send(self, event: Event) -> None:
        """Put an event on the queue."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(event))

    def delete(self, message: "MessageTypeDef") -> None:
        """Take a message off the queue: it was dealt with."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def put_back(self, message: "MessageTypeDef", seconds: int) -> None:
        """Let a message come again after so many seconds."""
        self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )


def start_pump(queue: Queue, triggers: Triggers, stopping: threading.Event) -> None:
    """Bring events to the triggers in threads of their own until stopping is set."""
    for number in range(WORKERS):
        threading.Thread(target=pump, args=[queue, triggers, stopping], name=f"pump-{number}", daemon=True).start()


def pump(queue: Queue, triggers: Triggers, stopping: threading.Event) -> None:
    """Deliver message after message until stopping is set; a queue that cannot be reached is asked again."""
    while not stopping.is_set():
        try:
            for message in queue.receive():
                deliver(message, queue, triggers)
        except (BotoCoreError, ClientError) as error:
            if not stopping.wait(1):
                log.warning("The queue does not answer, trying again: %s", error)


def deliver(message: "MessageTypeDef", queue: Queue, triggers: Triggers) -> None:
    """Hand a message to its trigger; delete it when that returned, let it come again when that raised."""
    try:
        handle(json.loads(message["Body"]), triggers)
    except Exception as error:
        pause = pause_after(int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)))
        # What nobody foresaw is a mistake in the code, and whoever works on it needs to see where.
        where = None if isinstance(error, ImgyError | OSError) else error
        log.warning("An event failed and comes again in %d s: %s", pause, error, exc_info=where)
        queue.put_back(message, pause)
    else:
        queue.delete(message)


def pause_after(tries: int) -> int:
    """Seconds until an event that failed so many times comes again."""
    return int(min(2**tries, LONGEST_PAUSE_SECONDS))


def handle(event: Event, triggers: Triggers) -> None:
    """Call each trigger with the records that are for it. S3's test event has none."""
    records = event.get("Records", [])
    for kind, trigger in triggers.items():
        if mine := [record for record in records if record["eventName"].removeprefix("s3:").startswith(kind)]:
            trigger({"Records": mine}, LambdaContext(kind, TRIGGER_SECONDS))
    if progress := event.get("progress"):
        log.info("Caught up with %s", progress)


def catch_up(keys: Iterable[str], bucket: str, queue: Queue) -> None:
    """Queue an upload event for each key whose events were lost; the trigger looks at what the bucket holds."""
    lost = sorted(keys)
    if lost:
        log.info("Catching up with what changed while nothing ran, %d in all", len(lost))
    for number, key in enumerate(lost, 1):
        queue.send({"Records": [created_record(bucket, key)], "progress": f"{number} of {len(lost)}"})
