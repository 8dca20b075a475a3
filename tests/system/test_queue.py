"""Queue mode: S3's notifications by way of SQS, one at a time; and what a poisoned original comes to."""

import importlib.util
import json
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from chalicelib.errors import Unavailable
from cli import ROOT
from cli.embedded.lambda_context import LambdaContext
from support.aws_events import upload_event
from support.originals import picture
from support.pipeline import NAMES


@pytest.fixture
def queued(monkeypatch, prerender):
    """The app as it is where a queue is configured."""
    monkeypatch.setenv("IMGY_EVENTS", "imgy-events")
    monkeypatch.setenv("IMGY_CONCURRENCY", "7")
    spec = importlib.util.spec_from_file_location("queued_app", ROOT / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.events = replace(module.events, prerender=prerender)
    return module


@pytest.fixture
def worker(queued):
    return queued.queue_worker


def message(*keys, tries=1):
    """What Lambda hands over of one message."""
    body = json.dumps(upload_event(*keys))
    return {"Records": [{"body": body, "receiptHandle": "r", "attributes": {"ApproximateReceiveCount": str(tries)}}]}


def test_one_message_is_one_notification(worker, upload, stored):
    upload("cat.jpg", picture())
    worker(message("cat.jpg"), None)
    assert stored() == ["manifest.json", *NAMES]


def test_a_queue_takes_the_place_of_both_triggers(queued):
    (source,) = queued.app.event_sources
    assert (source.queue, source.batch_size, source.maximum_concurrency) == ("imgy-events", 1, 7)
    assert not hasattr(queued, "upload_trigger")


def test_a_fault_raises_so_that_the_message_comes_again(worker, upload, originals, stored):
    upload("cat.jpg", picture())
    originals.fail("get", Unavailable("the store does not answer now"), once=True)
    with pytest.raises(Unavailable):
        worker(message("cat.jpg"), None)
    worker(message("cat.jpg", tries=2), None)
    assert stored() == ["manifest.json", *NAMES]


def test_a_refused_original_is_done_with_at_once(worker, upload, manifest):
    upload("cat.jpg", b"no picture")
    worker(message("cat.jpg"), None)
    assert manifest().refused["status"] == 415


class Ended(BaseException):
    """A process that is gone, as far as this process can tell."""


def ending(prerender):
    @contextmanager
    def prepare(*asked):
        raise Ended
        yield

    return replace(prerender, prepare=prepare)


def test_what_ends_every_process_ends_in_its_manifest(prerender, upload, manifest, stored):
    upload("cat.jpg", picture())
    poisoned = ending(prerender)
    for last in (False, False, False, True):
        with pytest.raises(Ended):
            poisoned.reconcile("cat.jpg", last=last)
    assert poisoned.reconcile("cat.jpg", last=True).outcome == "unchanged"
    assert manifest().refused == {"status": 422, "reason": "rendering it ended the process at every attempt"}
    upload("cat.jpg", picture(colour="navy"))
    assert prerender.reconcile("cat.jpg").outcome == "made"
    assert stored() == ["manifest.json", *NAMES]


def test_the_last_try_may_succeed(prerender, upload, manifest, stored):
    upload("cat.jpg", picture())
    assert prerender.reconcile("cat.jpg", last=True).outcome == "made"
    assert not manifest().refused
    assert stored() == ["manifest.json", *NAMES]


def test_a_fault_of_s3_in_the_last_try_is_no_refusal(prerender, upload, derivatives, stored):
    upload("cat.jpg", picture())
    derivatives.fail("swap", Unavailable("the store does not answer now"), once=True)
    with pytest.raises(Unavailable):
        prerender.reconcile("cat.jpg", last=True)
    assert prerender.reconcile("cat.jpg").outcome == "made"
    assert stored() == ["manifest.json", *NAMES]


def test_what_does_not_fit_is_left_to_the_next_event_and_what_is_done_stays(prerender, upload, derivatives, stored):
    upload("cat.jpg", picture())
    clock = iter([100.0] * 2 + [19.9] * 99)
    with pytest.raises(Unavailable, match="too little time is left"):
        prerender.reconcile("cat.jpg", left=lambda: next(clock))
    done = stored()
    assert 1 <= len(done) <= 2
    derivatives.forget()
    assert prerender.reconcile("cat.jpg").made == len(NAMES) - len(done)
    assert not {f"cat.jpg/{name}" for name in done} & set(derivatives.written)
    assert stored() == ["manifest.json", *NAMES]


def test_lambda_says_how_much_time_is_left(queued, prerender, upload):
    asked = []

    def reconcile(key, left, last):
        asked.append((key, left(), last))
        return prerender.reconcile(key)

    queued.events = replace(queued.events, prerender=SimpleNamespace(reconcile=reconcile))
    upload("cat.jpg", picture())
    queued.queue_worker(message("cat.jpg", tries=4), LambdaContext("worker", 120))
    queued.queue_worker(message("cat.jpg", tries=3), None)
    assert [(key, last) for key, _, last in asked] == [("cat.jpg", True), ("cat.jpg", False)]
    assert 118 < asked[0][1] <= 120 < asked[1][1]
