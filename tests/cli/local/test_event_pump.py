"""The event pump: from the queue to the triggers; a message goes only when its trigger returned."""

import json
import logging
import threading
import time

import boto3
import pytest
from moto import mock_aws

from cli.local import event_pump as pumping
from cli.local.event_pump import Queue, catch_up, deliver, deliver_events, pause_after


@pytest.fixture
def sqs(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("sqs", region_name="us-east-1")


@pytest.fixture
def url(sqs):
    return sqs.create_queue(QueueName="events", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]


@pytest.fixture
def queue(sqs, url, monkeypatch):
    monkeypatch.setattr(pumping, "WAIT_SECONDS", 0)
    return Queue(sqs, url)


class Trigger:
    """Remembers the keys of each event; raises what it was told to."""

    def __init__(self, *failures):
        self.calls = []
        self.failures = list(failures)

    def __call__(self, event, context):
        self.calls.append([record["s3"]["object"]["key"] for record in event["Records"]])
        self.remaining = context.get_remaining_time_in_millis()
        if self.failures:
            raise self.failures.pop(0)


def record(key, name="ObjectCreated:Put"):
    return {"eventName": name, "s3": {"bucket": {"name": "imgy-originals"}, "object": {"key": key}}}


def left(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return [int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]) for name in names]


def deliver_next(queue, created=None, removed=None):
    triggers = {"ObjectCreated": created or Trigger(), "ObjectRemoved": removed or Trigger()}
    for message in queue.receive():
        deliver(message, queue, triggers)


def test_a_message_whose_trigger_returned_is_gone(sqs, url, queue):
    created = Trigger()
    queue.send({"Records": [record("a.jpg")]})
    deliver_next(queue, created)
    assert created.calls == [["a.jpg"]]
    assert left(sqs, url) == [0, 0]
    assert created.remaining > 60_000


def test_a_message_whose_trigger_raised_stays_and_comes_again(sqs, url, queue, monkeypatch, caplog):
    monkeypatch.setattr(pumping, "pause_after", lambda tries: 0)
    created = Trigger(OSError("S3 is down"))
    queue.send({"Records": [record("a.jpg")]})
    deliver_next(queue, created)
    assert left(sqs, url) == [1, 0]
    assert "S3 is down" in caplog.text
    deliver_next(queue, created)
    assert created.calls == [["a.jpg"], ["a.jpg"]]
    assert left(sqs, url) == [0, 0]


def test_a_message_that_is_worked_on_is_not_seen_twice(sqs, url, queue):
    queue.send({"Records": [record("a.jpg")]})
    (message,) = queue.receive()
    assert queue.receive() == []
    deliver(message, queue, {"ObjectCreated": Trigger()})
    assert left(sqs, url) == [0, 0]


def test_the_pause_grows_and_stays_short():
    pauses = [pause_after(tries) for tries in range(1, 12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (2, 60)


def test_each_trigger_gets_all_the_records_that_are_for_it(queue):
    created, removed = Trigger(), Trigger()
    queue.send(
        {
            "Records": [
                record("a+b.jpg"),
                record("gone.jpg", "ObjectRemoved:Delete"),
                record("big.jpg", "ObjectCreated:CompleteMultipartUpload"),
                record("copied.jpg", "s3:ObjectCreated:Copy"),
            ]
        }
    )
    deliver_next(queue, created, removed)
    assert created.calls == [["a+b.jpg", "big.jpg", "copied.jpg"]]
    assert removed.calls == [["gone.jpg"]]


def test_the_test_event_of_s3_reaches_no_trigger(sqs, url, queue):
    created, removed = Trigger(), Trigger()
    queue.send({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "imgy-originals"})
    deliver_next(queue, created, removed)
    assert created.calls == removed.calls == []
    assert left(sqs, url) == [0, 0]


def test_what_is_no_event_stays_on_the_queue_and_stops_nobody(sqs, url, queue, caplog):
    sqs.send_message(QueueUrl=url, MessageBody="not JSON")
    deliver_next(queue)
    assert left(sqs, url) == [0, 1]
    assert "is delivered again" in caplog.text


def test_lost_keys_are_queued_as_s3_would_and_progress_is_said(queue, caplog):
    caplog.set_level(logging.INFO)
    created = Trigger()
    catch_up(["b c+d%.jpg", "é/a.jpg"], "imgy-originals", queue)
    deliver_next(queue, created)
    deliver_next(queue, created)
    assert sorted(created.calls) == [["%C3%A9/a.jpg"], ["b+c%2Bd%25.jpg"]]
    assert "Catching up with 2 originals that changed" in caplog.text
    assert "Caught up with 2 of 2" in caplog.text


def test_nothing_lost_nothing_said(queue, caplog):
    caplog.set_level(logging.INFO)
    catch_up([], "imgy-originals", queue)
    assert queue.receive() == []
    assert caplog.text == ""


def test_the_pump_works_until_it_is_stopped_and_survives_a_queue_that_is_away(queue, monkeypatch, caplog):
    stopping, created = threading.Event(), Trigger()
    answers = iter([pumping.ClientError({"Error": {"Code": "500"}}, "ReceiveMessage"), *[None] * 10_000])
    receive = queue.receive

    def flaky():
        if error := next(answers):
            raise error
        time.sleep(0.01)
        return receive()

    monkeypatch.setattr(queue, "receive", flaky)
    queue.send({"Records": [record("a.jpg")]})
    worker = threading.Thread(target=deliver_events, args=[queue, {"ObjectCreated": created}, stopping])
    worker.start()
    deadline = time.monotonic() + 10
    while not created.calls and time.monotonic() < deadline:
        time.sleep(0.02)
    stopping.set()
    worker.join(5)
    assert created.calls == [["a.jpg"]]
    assert not worker.is_alive()
    assert "The queue does not answer" in caplog.text


def test_the_body_is_what_a_bucket_sends(sqs, url, queue):
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"Records": [record("a.jpg")]}))
    created = Trigger()
    deliver_next(queue, created)
    assert created.calls == [["a.jpg"]]
