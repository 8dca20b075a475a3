"""The keys at the edge: the store holds exactly those of the stage, whoever else writes to it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber
from moto import mock_aws

from chalicelib.settings import ACCESS_HEADER
from cli.deploy import Deployment
from cli.edge import TEMPLATE, shipped_presets
from cli.edge_access import ITEM
from cli.edge_keys import MOST_BYTES, hold, publish
from cli.stacks import Stack

ARN = "arn:aws:cloudfront::123456789012:key-value-store/12345678-1234-1234-1234-123456789012"
OUTPUTS = {"Keys": ARN}
KEYS = {"k1": "first-secret-of-all", "k2": "second-secret-of-all"}
VALUE = json.dumps(KEYS, separators=(",", ":"))


class Session:
    """A session whose one client is stubbed."""

    def __init__(self, client):
        self._client = client

    def client(self, service):
        assert service == "cloudfront-keyvaluestore"
        return self._client


@pytest.fixture
def client():
    session = boto3.Session("key", "secret", region_name="eu-west-1")
    return session.client("cloudfront-keyvaluestore")


@pytest.fixture
def stub(client):
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def found(stub, tag, *items):
    described = {"ItemCount": len(items), "TotalSizeInBytes": 1, "KvsARN": ARN, "Created": 0, "ETag": tag}
    stub.add_response("describe_key_value_store", described, {"KvsARN": ARN})
    stub.add_response("list_keys", {"Items": [{"Key": name, "Value": value} for name, value in items]}, {"KvsARN": ARN})


def updated(stub, tag, puts, deletes):
    asked = {
        "KvsARN": ARN,
        "IfMatch": tag,
        "Puts": [{"Key": name, "Value": value} for name, value in puts.items()],
        "Deletes": [{"Key": name} for name in deletes],
    }
    stub.add_response("update_keys", {"ItemCount": 1, "TotalSizeInBytes": 1, "ETag": "next"}, asked)


def test_the_store_holds_these_keys_and_nothing_else(client, stub):
    found(stub, "one", ("other", "x"), (ITEM, "{}"))
    updated(stub, "one", {ITEM: VALUE}, ["other"])
    publish(Session(client), OUTPUTS, KEYS)


def test_what_stands_is_left_alone(client, stub):
    found(stub, "one", (ITEM, VALUE))
    publish(Session(client), OUTPUTS, KEYS)


def test_without_keys_nothing_is_held(client, stub):
    found(stub, "one", (ITEM, VALUE))
    updated(stub, "one", {}, [ITEM])
    publish(Session(client), OUTPUTS, {})


def test_whoever_comes_between_is_seen_once_more(client, stub):
    found(stub, "one")
    stub.add_client_error("update_keys", "ConflictException", http_status_code=409)
    found(stub, "two", ("other", "x"))
    updated(stub, "two", {ITEM: VALUE}, ["other"])
    publish(Session(client), OUTPUTS, KEYS)


def test_whoever_comes_between_again_is_told_of(client, stub):
    for tag in ("one", "two"):
        found(stub, tag)
        stub.add_client_error("update_keys", "ConflictException", http_status_code=409)
    with pytest.raises(SystemExit, match="try again"):
        hold(client, ARN, {ITEM: VALUE})


def test_more_than_the_store_takes_is_refused_before_it_is_asked(client, stub):
    keys = {f"k{number}": "x" * 256 for number in range(5)}
    with pytest.raises(SystemExit, match=f"at most {MOST_BYTES} bytes together, received 13"):
        publish(Session(client), OUTPUTS, keys)


def test_requests_are_signed_as_the_store_wants_it(client):
    seen = []

    def answered(request, **named):
        seen.append(request)
        body = {"ItemCount": 0, "TotalSizeInBytes": 0, "KvsARN": ARN, "Created": 0}
        response = AWSResponse(request.url, 200, {"ETag": "one"}, None)
        response._content = json.dumps(body).encode()
        return response

    client.meta.events.register("before-send.*.DescribeKeyValueStore", answered)
    assert client.describe_key_value_store(KvsARN=ARN)["ETag"] == "one"
    assert seen[0].headers["Authorization"].startswith(b"AWS4-ECDSA-P256-SHA256 ")


@pytest.fixture
def deployed(monkeypatch):
    """A deployment of a stage by its access, on a moto account, and what was published."""
    published = []

    def made(access):
        monkeypatch.setattr(Deployment, "presets", property(lambda self: replace(shipped_presets(), access=access)))
        monkeypatch.setattr(Deployment, "_outputs", lambda self, part: {})
        monkeypatch.setattr(Deployment, "founded", lambda self: {"Derivatives": "d", "OriginSecret": "s"})
        monkeypatch.setattr(Deployment, "secret", lambda self, found: "x" * 32)
        monkeypatch.setattr(Deployment, "deploy_functions", lambda self: None)
        monkeypatch.setattr("cli.deploy.assert_no_policy", lambda *asked: None)
        guarded = {"true": OUTPUTS, "false": {}}
        monkeypatch.setattr(Stack, "apply", lambda self: guarded[self.parameters["Guarded"]])
        monkeypatch.setattr("cli.deploy.publish", lambda session, outputs, keys: published.append(dict(keys)))
        functions = SimpleNamespace(stage="dev", api_url=lambda: "https://x/api/")
        return Deployment(boto3.Session(region_name="eu-west-1"), functions, {})

    with mock_aws():
        yield made, published


@pytest.mark.parametrize(
    ("access", "keys", "guarded"),
    [("open", {}, "false"), ("open", KEYS, "true"), ("presets", {}, "true"), ("signed", {}, "true")],
)
def test_a_stage_gets_the_function_that_it_needs(deployed, access, keys, guarded):
    deployment = deployed[0](access)
    if keys:
        deployment.keys.write(keys)
    stack = deployment.edge()
    assert stack.parameters["Guarded"] == guarded
    assert ("import crypto" in stack.template) is (guarded == "true")
    assert deployment.keys.read() == (keys or None), "a plan makes no keys"


def test_the_edge_is_told_of_the_keys_where_it_reads_them(deployed):
    made, published = deployed
    made("open").deploy_edge()
    assert published == []
    made("presets").deploy_edge()
    signed = made("signed")
    signed.deploy_edge()
    assert published == [{}, signed.keys.read()]
    assert signed.keys.read()


def test_what_somebody_with_a_key_sees_is_kept_apart():
    assert f"Headers: !If [IsGuarded, [Accept, {ACCESS_HEADER}], [Accept]]\n" in TEMPLATE.read_text("utf-8")
