"""The policies that ship grant what the functions call, and nothing else."""

import json
from dataclasses import replace

import pytest

from chalicelib.flows.on_demand import OnDemand
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.presets import Presets
from chalicelib.transformation import parse_path
from cli import ROOT
from support.aws_events import removal_event, upload_event
from support.originals import picture

CHALICE = ROOT / ".chalice"
ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "DeleteObjectTagging": "s3:DeleteObjectTagging",
    "ListObjectsV2": "s3:ListBucket",
}
# Without this grant S3 answers 403 where a key is missing (Amazon S3 API Reference, GetObject and HeadObject).
ALSO = {"GetObject": "s3:ListBucket", "HeadObject": "s3:ListBucket"}


def granted(name):
    """What a policy file allows on S3, as (action, bucket)."""
    pairs = set()
    for statement in json.loads((CHALICE / name).read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for action in statement["Action"]:
            assert "*" not in action
            if action.startswith("s3:"):
                whole = action == "s3:ListBucket"
                assert all(resource.endswith("/*") != whole for resource in resources)
                pairs |= {(action, resource.split(":::")[1].removesuffix("/*")) for resource in resources}
    return pairs


class Calls:
    """What is called on S3 while it is entered, as (action, bucket)."""

    def __init__(self, client):
        self.made = set()
        self._on = False
        client.meta.events.register("provide-client-params.s3.*", self._note)

    def _note(self, params, model, **_):
        if self._on:
            actions = {ACTIONS[model.name], ALSO.get(model.name, ACTIONS[model.name])}
            actions |= {"s3:PutObjectTagging"} if "Tagging" in params else set()
            self.made |= {(action, params["Bucket"]) for action in actions}

    def __enter__(self):
        self._on = True
        return self

    def __exit__(self, *_):
        self._on = False


@pytest.fixture
def prerender(prerender):
    """One in which pictures that no preset names expire."""
    return replace(prerender, derivatives=replace(prerender.derivatives, expire=True))


@pytest.mark.parametrize("backend", ["moto"], indirect=True)
def test_triggers_are_granted_what_they_call(app, s3, upload, originals, prerender, derivatives):
    calls = Calls(s3)
    upload("cat.jpg", picture((120, 80)))
    # A picture that somebody asked for, before there was a preset of it.
    OnDemand(replace(prerender, presets=Presets())).find(parse_path("cat.jpg/w=40.jpg"), Timing())
    with calls:
        app.upload_trigger(upload_event("cat.jpg"), None)
    for body in (picture(), picture(colour="navy"), b"no picture"):
        upload("cat.jpg", body)
        with calls:
            app.upload_trigger(upload_event("cat.jpg"), None)
    originals.store.delete(["cat.jpg"])
    with calls:
        app.removal_trigger(removal_event("cat.jpg"), None)
    assert calls.made == granted("triggers.json")


@pytest.mark.parametrize("backend", ["moto"], indirect=True)
def test_the_route_is_granted_what_it_calls(app, web, s3, upload, prerender):
    calls = Calls(s3)
    upload("cat.jpg", picture())
    upload("text.jpg", b"no picture")
    with calls:
        statuses = [web.ask(path).status for path in ("/cat.jpg?w=9", "/cat.jpg?w=9", "/none.jpg", "/text.jpg")]
        # What a render does that finds its original replaced.
        prerender.derivatives.delete_if_made_from([prerender.originals.get("cat.jpg")], "cat.jpg/w=9.jpg")
        # What one does for a preset that finds the same picture, made for somebody.
        web.ask("/cat.jpg?w=9")
        prerender.derivatives.clear_expiry([prerender.derivatives.find("cat.jpg/w=9.jpg")])
    assert statuses == [200, 200, 404, 415]
    assert calls.made == granted("route.json")


def test_the_worker_of_the_queue_is_granted_what_the_triggers_are():
    assert granted("worker.json") == granted("triggers.json")


@pytest.mark.parametrize("name", ["route.json", "triggers.json", "worker.json"])
def test_whoever_replaces_pictures_may_have_the_edge_forget_them(name):
    statements = json.loads((CHALICE / name).read_text())["Statement"]
    told = [statement for statement in statements if str(statement["Resource"]).endswith(":imgy-invalidations")]
    assert {"sqs:GetQueueUrl", "sqs:SendMessage"} <= {action for statement in told for action in statement["Action"]}


@pytest.mark.parametrize("name", ["route.json", "triggers.json"])
def test_nobody_writes_originals(name):
    assert {action for action, bucket in granted(name) if bucket == "imgy-originals"} == {
        "s3:GetObject",
        "s3:ListBucket",
    }


def test_every_function_of_every_stage_has_a_policy_and_none_is_made_up():
    config = json.loads((CHALICE / "config.json").read_text())
    assert config["autogen_policy"] is False
    for stage in config["stages"].values():
        files = {name: entry["iam_policy_file"] for name, entry in stage["lambda_functions"].items()}
        assert files == {
            "api_handler": "route.json",
            "upload_trigger": "triggers.json",
            "removal_trigger": "triggers.json",
            "queue_worker": "worker.json",
            "invalidation_trigger": "invalidation.json",
        }
