"""A store that fails at each of its calls, in every way that S3 has: when the event comes again, all is right."""

import io

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.response import StreamingBody
from moto import mock_aws

from chalicelib.errors import ImgyError
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.monitoring.timing import Timing
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.s3 import S3Store
from chalicelib.storage.store import Content
from chalicelib.transformation import parse_path
from cli.operate.audit import out_of_step
from support.interleaving import FAULTS, NONSENSE, PLANNED, Inline, World, assert_right, draw, shown

pytestmark = pytest.mark.slow

STORY = [
    ("put", "red"),
    ("request", "w=9.jpg"),
    ("events",),
    ("request", "w=9.jpg"),
    ("put", "blue"),
    ("request", "w=1.jpg"),
    ("request", "w=8.jpg"),
    ("events",),
    ("put", "red"),
    ("request", "w=9.jpg"),
    ("put", "blue"),
    ("events",),
    ("put", NONSENSE),
    ("request", "w=9.jpg"),
    ("events",),
    ("put", "frail"),
    ("request", "w=9.jpg"),
    ("events",),
    ("remove",),
    ("events",),
    ("put", "red"),
    ("request", "w=8.jpg"),
    ("remove",),
    ("events",),
]
"""What happens to one original, one thing after the other."""


def told(story, world):
    """Let a story happen; after its events have come, as often as they had to, all must be right."""
    for act, *what in story:
        if act == "put":
            world.put("cat", *what)
        elif act == "remove":
            world.remove("cat")
        elif act == "request":
            world.request("cat", *what).finish()
        else:
            world.drain()
            world.assert_clean()
            world.assert_forgotten()
    return world


@pytest.mark.parametrize("fault", FAULTS)
def test_any_call_may_fail_once(fault):
    calls = told(STORY, World()).calls
    for number in range(1, calls + 1):
        world = World()
        world.faults = {number: fault}
        assert told(STORY, world).faulty


@pytest.mark.parametrize("fault", FAULTS)
def test_any_call_may_fail_and_the_one_after_the_next_again(fault):
    for number in range(1, told(STORY, World()).calls):
        world = World()
        world.faults = {number: fault, number + 2: fault}
        told(STORY, world)


# The same on S3, as its client sees it.


def _answered(code, status):
    """What the client makes of an answer of S3 that says no."""
    said = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return AWSResponse("", status, {}, None), said


def _timed_out(**_):
    raise ReadTimeoutError(endpoint_url="https://s3.example")


def _not_reached(**_):
    raise ConnectTimeoutError(endpoint_url="https://s3.example")


def _broken_off(parsed, **_):
    if "Body" in parsed:
        parsed["Body"] = StreamingBody(io.BytesIO(parsed["Body"].read()[:-1]), parsed["ContentLength"])


def _done_in_part(parsed, model, **_):
    if model.name == "DeleteObjects":
        parsed["Errors"] = [{"Key": "cat", "Code": "InternalError"}]


BEFORE = {
    "500": lambda **_: _answered("InternalError", 500),
    "SlowDown": lambda **_: _answered("SlowDown", 503),
    "412": lambda **_: _answered("PreconditionFailed", 412),
    "409": lambda **_: _answered("ConditionalRequestConflict", 409),
    "AccessDenied": lambda **_: _answered("AccessDenied", 403),
    "timeout before": _not_reached,
}
AFTER = {"timeout after": _timed_out, "truncated": _broken_off, "in part": _done_in_part}


class Account:
    """Two buckets of S3, the prerender on them, and one call of the client that fails."""

    def __init__(self):
        options = Config(retries={"total_max_attempts": 1})
        self.client, self.calls, self._failing = boto3.client("s3", config=options), 0, (0, "")
        self.originals, self.derivatives = (self._bucket(name) for name in ("originals", "derivatives"))
        self.client.meta.events.register("before-call.s3", self._before)
        self.client.meta.events.register("after-call.s3", self._after)
        derivatives = Derivatives(self.derivatives, "no-cache")
        self.prerender = Prerender(self.originals, derivatives, PLANNED, prepare=draw, pool=Inline)
        self.on_demand = OnDemand(self.prerender, lookups=Inline())

    def _bucket(self, name):
        self.client.create_bucket(Bucket=f"imgy-{name}")
        return S3Store(self.client, f"imgy-{name}")

    def _before(self, **call):
        self.calls += 1
        number, fault = self._failing
        return BEFORE[fault](**call) if number == self.calls and fault in BEFORE else None

    def _after(self, http_response, **call):
        number, fault = self._failing
        if number == self.calls and fault in AFTER:
            AFTER[fault](**call)

    def empty(self):
        for store in (self.originals, self.derivatives):
            store.delete(found.key for found in store.listing())

    def fail(self, number, fault):
        """Let one of the calls from now on fail, the first being number 1."""
        self.calls, self._failing = 0, (number, fault)

    def put(self, content):
        self.content = content
        self.originals.put("cat", Content(content.encode()))

    def remove(self):
        self.originals.delete(["cat"])

    def event(self):
        """An event comes, and comes again until it was handled."""
        for _ in range(3):
            try:
                return self.prerender.reconcile("cat")
            except ImgyError:
                continue
        raise AssertionError("the event is never handled")

    def request(self, name):
        """Somebody asks, and again where S3 was down; a picture shows what the original is now."""
        for _ in range(2):
            try:
                body = self.on_demand.find(parse_path(f"cat/{name}"), Timing()).read()
            except ImgyError:
                continue
            assert shown(body) == (self.content, name)
            return


def _uploaded(account):
    account.put("red")
    account.event()
    account.request("w=9.jpg")


def _overwritten(account):
    _uploaded(account)
    account.put("blue")


def _undone(account):
    """As it was, but for pictures of another original that stand beside the manifest."""
    _overwritten(account)
    account.request("w=8.jpg")
    account.put("red")


SCENES = {
    "an upload": (lambda account: account.put("red"), Account.event),
    "an overwrite": (_overwritten, Account.event),
    "an overwrite that was undone": (_undone, Account.event),
    "an overwrite by nonsense": (lambda account: (_uploaded(account), account.put(NONSENSE)), Account.event),
    "a removal": (lambda account: (_uploaded(account), account.remove()), Account.event),
    "a request": (_uploaded, lambda account: account.request("w=8.jpg")),
    "a hit": (_uploaded, lambda account: account.request("w=9.jpg")),
    "a request for what was overwritten": (_overwritten, lambda account: account.request("w=9.jpg")),
    "a request for nonsense": (lambda account: account.put(NONSENSE), lambda account: account.request("w=8.jpg")),
}


@pytest.fixture(scope="module")
def account():
    with mock_aws():
        yield Account()


@pytest.mark.parametrize("fault", [*BEFORE, *AFTER])
@pytest.mark.parametrize("scene", SCENES)
def test_any_call_of_s3_may_fail(account, scene, fault):
    before, act = SCENES[scene]
    number, calls = 0, 1
    while number < calls:
        number += 1
        account.empty()
        before(account)
        account.fail(number, fault)
        act(account)
        calls = account.calls
        account.fail(0, "")
        if act is not Account.event:
            account.event()
        assert_right(account.originals, account.derivatives, "cat")
        assert list(out_of_step(account.originals, account.derivatives)) == []
    assert number > 1
