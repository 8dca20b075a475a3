"""The store at the edge has exactly what the stage needs, even if somebody else writes to it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber
from moto import mock_aws

from chalicelib.presets.file import load_configuration, read_configuration
from chalicelib.settings import ACCESS_HEADER
from cli.deploy.stacks import Stack
from cli.deploy.stage import Deployment
from cli.edge.access import KEYS as ITEM
from cli.edge.access import MOST_BYTES, MOST_NAME, items
from cli.edge.function import API, TEMPLATE, function, needs_store
from cli.edge.store import add, sync, sync_keys
from support.edge_access import in_mode
from support.edge_function import event, needs_node, run_function

ARN = "arn:aws:cloudfront::123456789012:key-value-store/12345678-1234-1234-1234-123456789012"
OUTPUTS = {"Store": ARN}
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


HELD = {ITEM: VALUE, "preset/card": "{}"}


def test_the_store_holds_these_items_and_nothing_else(client, stub):
    found(stub, "one", ("other", "x"), (ITEM, "{}"), ("preset/card", "{}"))
    updated(stub, "one", {ITEM: VALUE}, ["other"])
    sync(Session(client), OUTPUTS, HELD)


def test_what_stands_is_left_alone(client, stub):
    found(stub, "one", *HELD.items())
    sync(Session(client), OUTPUTS, HELD)


def test_new_items_may_come_before_the_old_ones_go(client, stub):
    found(stub, "one", ("preset/old", "{}"), (ITEM, "{}"))
    updated(stub, "one", HELD, [])
    add(Session(client), OUTPUTS, HELD)


@pytest.mark.parametrize(("keys", "puts", "drops"), [(KEYS, {ITEM: VALUE}, []), ({}, {}, [ITEM])])
def test_when_keys_change_presets_are_left_as_they_were_deployed(client, stub, keys, puts, drops):
    found(stub, "one", ("preset/card", "{}"), (ITEM, "{}"))
    updated(stub, "one", puts, drops)
    sync_keys(Session(client), OUTPUTS, keys)


def test_many_items_come_by_as_many_as_the_store_takes(client, stub):
    many = {f"open/w={number}.jpg": "[[{}]]" for number in range(120)}
    names = list(many)
    found(stub, "one", ("other", "x"))
    updated(stub, "one", {name: many[name] for name in names[:50]}, [])
    updated(stub, "next", {name: many[name] for name in names[50:100]}, [])
    updated(stub, "next", {name: many[name] for name in names[100:]}, ["other"])
    sync(Session(client), OUTPUTS, many)


def test_whoever_comes_between_is_seen_once_more(client, stub):
    found(stub, "one")
    stub.add_client_error("update_keys", "ConflictException", http_status_code=409)
    found(stub, "two", ("other", "x"))
    updated(stub, "two", HELD, ["other"])
    sync(Session(client), OUTPUTS, HELD)


def test_whoever_comes_between_again_is_told_of(client, stub):
    for tag in ("one", "two"):
        found(stub, tag)
        stub.add_client_error("update_keys", "ConflictException", http_status_code=409)
    with pytest.raises(SystemExit, match="try again"):
        sync(Session(client), OUTPUTS, HELD)


def test_more_than_the_store_takes_is_refused_before_it_is_asked():
    keys = {f"k{number}": "x" * 256 for number in range(5)}
    with pytest.raises(SystemExit, match=f"expected a value of at most {MOST_BYTES} bytes .* that of keys has 13"):
        items(load_configuration(), keys)
    long = read_configuration(f"access: presets\npresets: {{long: {{only: ['{'?' * 2000}'], w: 3}}}}")
    with pytest.raises(SystemExit, match=f"expected a value of at most {MOST_BYTES} bytes .* that of open/w=3"):
        items(long, {})
    assert MOST_NAME == 512


MANY = "\n".join(f"  p{n}: {{widths: [{n + 20}, {n + 400}], h: {n + 9}, fit: crop, auto: format}}" for n in range(300))


@pytest.mark.parametrize("access", ["open", "presets", "signed"])
def test_a_stage_may_have_hundreds_of_presets(access):
    configuration = read_configuration(f"access: {access}\npresets:\n{MANY}")
    without = len(function(replace(configuration, presets=replace(configuration.presets, presets={})), True))
    assert without <= len(function(configuration)) < without + 200, "in its sentence it names some"
    assert needs_store(configuration, False)
    stored = items(configuration, KEYS)
    assert len(stored) == 301 if access == "open" else len(stored) > 300 * 7
    assert sum(len(name) + len(value) for name, value in stored.items()) < 5 * 2**20 / 10


def test_where_all_is_open_the_store_holds_nothing_of_what_presets_open():
    opens = {
        access: [name for name in items(in_mode(load_configuration(), access), KEYS) if "open/" in name]
        for access in ("open", "signed", "presets")
    }
    assert (opens["open"], len(opens["signed"])) == ([], len(opens["presets"]))
    assert opens["signed"]


@needs_node
def test_presets_that_need_a_signature_are_closed_whatever_the_store_holds():
    signed = in_mode(load_configuration(), "signed")
    asked = [event("cat.jpg", [("preset", "card")], ""), event("cat.jpg/w=480,h=320,fit=crop.jpg", [], "")]
    for configuration, closed in ((signed, False), (in_mode(signed, "signed presets"), True)):
        answers = run_function(function(configuration), asked, items(signed, KEYS))
        assert ["response" in answer for answer in answers] == [closed, closed]


@needs_node
def test_an_open_stage_has_a_store_if_its_presets_do_not_fit_the_function():
    configuration = read_configuration(f"presets:\n{MANY}")
    asked = event("a b.png", [("preset", "p299"), ("w", "319")], "image/webp")
    unknown, other = event("a.png", [("preset", "p300")], ""), event("a.png", [("w", "3")], "")
    found, missed, plain = run_function(function(configuration), [asked, unknown, other], items(configuration, {}))
    assert found["request"]["uri"] == "/a%20b.png/w=319,h=308,fit=crop.webp"
    assert (found["origin"], missed["origin"], plain["origin"]) == (None, API, None)
    assert not needs_store(read_configuration("presets: {small: {w: 40}}"), False)


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
        monkeypatch.setattr(Deployment, "configuration", property(lambda self: in_mode(load_configuration(), access)))
        monkeypatch.setattr(Deployment, "_outputs", lambda self, part: {})
        monkeypatch.setattr(Deployment, "founded", lambda self: {"Derivatives": "d", "OriginSecret": "s"})
        monkeypatch.setattr(Deployment, "secret", lambda self, found: "x" * 32)
        monkeypatch.setattr(Deployment, "deploy_functions", lambda self: None)
        monkeypatch.setattr("cli.deploy.stage.assert_no_policy", lambda *asked: None)
        guarded = {"true": OUTPUTS, "false": {}}
        monkeypatch.setattr(Stack, "apply", lambda self: guarded[self.parameters["Guarded"]])
        monkeypatch.setattr(
            "cli.deploy.stage.add", lambda session, outputs, items: published.append(("add", dict(items)))
        )
        monkeypatch.setattr(
            "cli.deploy.stage.sync", lambda session, outputs, items: published.append(("sync", dict(items)))
        )
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


def test_the_edge_is_told_of_keys_and_presets_where_it_reads_them(deployed, monkeypatch):
    made, published = deployed
    made("open").deploy_edge()
    assert published == []
    made("presets").deploy_edge()
    (how, stored), *others = published
    assert (how, others) == ("sync", [])
    assert "preset/card" in stored
    assert ITEM not in stored
    signed = made("signed")
    monkeypatch.setattr(Deployment, "_outputs", lambda self, part: OUTPUTS)
    signed.deploy_edge()
    wanted = items(signed.configuration, signed.keys.read())
    assert ITEM in wanted
    assert published[1:] == [("add", wanted), ("sync", wanted)]


def test_an_item_too_large_for_the_store_stops_a_deploy_before_any_change(deployed, monkeypatch):
    deployment, applied = deployed[0]("presets"), []
    long = read_configuration(f"access: presets\npresets: {{long: {{only: ['{'?' * 2000}'], w: 3}}}}")
    monkeypatch.setattr(Deployment, "configuration", property(lambda self: long))
    monkeypatch.setattr(Stack, "apply", applied.append)
    with pytest.raises(SystemExit, match="expected a value of at most"):
        deployment.deploy_edge()
    assert applied == []


def test_what_somebody_with_a_key_sees_is_kept_apart():
    assert f"Headers: !If [IsGuarded, [Accept, {ACCESS_HEADER}], [Accept]]\n" in TEMPLATE.read_text("utf-8")
