"""What a deploy decides before it calls AWS, and what it leaves alone; the calls themselves are rehearsed."""

import json
import re
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import app as app_module
from chalicelib.settings import REMOVED, UPLOADED
from cli import ROOT
from cli.costs.scale_model import Limits
from cli.deploy import checks
from cli.deploy.buckets import DERIVATIVES, ORIGINALS, OwnBuckets
from cli.deploy.checks import assert_function, assert_no_policy, free_concurrency, shield_region, worker_concurrency
from cli.deploy.functions import TRIGGERS, Functions, config, own_names
from cli.deploy.notifications import notify
from cli.deploy.record import DeployedResources
from cli.deploy.stacks import Stack
from cli.deploy.stage import FOUNDATION, Deployment
from cli.deploy.steps import _chosen, functions_of
from cli.edge.function import TEMPLATE

QUEUE_IN_TEMPLATE = r"(?ms)^  (\w+):\n    Type: AWS::SQS::Queue\n(.*?)(?=^  \w|\Z)"
NOTHING = '{"resources": [], "schema_version": "2.0", "backend": "api"}'
SOMETHING = json.dumps({"resources": [{"name": "rest_api", "rest_api_url": "https://x/api/"}], "backend": "api"})


@pytest.fixture
def session():
    with mock_aws():
        yield boto3.Session()


@pytest.fixture
def said():
    return []


@pytest.fixture
def buckets(session):
    return OwnBuckets(session, "imgy-dev")


def fill(session, bucket, versions=1):
    s3 = session.client("s3")
    s3.create_bucket(Bucket=bucket)
    if versions > 1:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(versions):
        s3.put_object(Bucket=bucket, Key="cat.jpg", Body=b"%d" % number)


def names(session):
    return [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]]


def test_an_empty_bucket_goes_without_a_question(session, buckets, said):
    session.client("s3").create_bucket(Bucket=buckets.named(ORIGINALS))
    buckets.drop(ORIGINALS, lambda bucket: pytest.fail("asked"), said.append)
    assert names(session) == []


@pytest.mark.parametrize("versions", [1, 3])
def test_a_bucket_with_originals_goes_only_after_a_yes(session, buckets, said, versions):
    fill(session, buckets.named(ORIGINALS), versions)
    buckets.drop(ORIGINALS, lambda bucket: False, said.append)
    assert names(session) == [buckets.named(ORIGINALS)]
    assert "kept" in said[-1]
    buckets.drop(ORIGINALS, lambda bucket: True, said.append)
    assert names(session) == []


def test_old_versions_are_originals_too(session, buckets, said):
    fill(session, buckets.named(ORIGINALS), 2)
    session.client("s3").delete_object(Bucket=buckets.named(ORIGINALS), Key="cat.jpg")
    buckets.drop(ORIGINALS, lambda bucket: False, said.append)
    assert names(session) == [buckets.named(ORIGINALS)]


def test_buckets_of_others_are_left_alone(session, buckets, said):
    fill(session, "my-own-photos")
    for kind in (ORIGINALS, DERIVATIVES):
        buckets.drop(kind, lambda bucket: True, said.append)
    assert names(session) == ["my-own-photos"]


def test_buckets_that_an_undeploy_has_kept_are_taken_on_by_the_next_deploy(session, buckets, tmp_path, monkeypatch):
    monkeypatch.setattr("cli.deploy.stage.outputs", lambda client, name: {})
    deployment = Deployment(session, functions_of(session, "dev", tmp_path), {})
    assert "ExistingOriginals" not in deployment.foundation().parameters
    fill(session, buckets.named(ORIGINALS))
    assert deployment.foundation().parameters["ExistingOriginals"] == buckets.named(ORIGINALS)
    assert "ExistingDerivatives" not in deployment.foundation().parameters
    named = replace(deployment, options={"ExistingOriginals": "mine"})
    assert named.foundation().parameters["ExistingOriginals"] == "mine"


@pytest.mark.parametrize("whole", [True, False])
def test_a_package_that_is_not_whole_is_not_deployed(session, tmp_path, monkeypatch, whole):
    functions, ran = functions_of(session, "dev", tmp_path / "project"), []
    packages = tmp_path / "project" / ".chalice" / "deployments"

    def chalice(self, *words):
        """Goes on without what could not be installed, as Chalice does."""
        ran.append(words[0])
        if words[0] == "package":
            packages.mkdir(parents=True, exist_ok=True)
            ZipFile(packages / "0123-python3.12.zip", "w").close()
            with ZipFile(Path(words[-1]) / "deployment.zip", "w") as archive:
                listed = (tmp_path / "project" / "requirements.txt").read_text()
                for name, version in re.findall(r"^(\S+)==(\S+)", listed, re.MULTILINE)[0 if whole else 1 :]:
                    archive.writestr(f"{name.replace('-', '_')}-{version}.dist-info/METADATA", "")

    monkeypatch.setattr(Functions, "_chalice", chalice)
    functions.staged({}, {})
    if whole:
        functions.deploy()
    else:
        with pytest.raises(SystemExit, match=r"nothing was deployed, because the package lacks [\w-]+==[\d.]+$"):
            functions.deploy()
    assert ran == (["package", "deploy"] if whole else ["package"])
    functions.staged({}, {})
    assert [path.name for path in packages.glob("*")] == (["0123-python3.12.zip"] if whole else []), "reused, if whole"


def test_what_was_deployed_is_remembered_in_the_account(session):
    record = DeployedResources(session.client("ssm"), "/imgy-dev/deployed")
    assert json.loads(record.read()) == json.loads(NOTHING)
    record.write(SOMETHING)
    assert record.resources() == {"rest_api": {"name": "rest_api", "rest_api_url": "https://x/api/"}}
    record.write(NOTHING)
    record.delete()
    assert record.resources() == {}
    assert session.client("ssm").describe_parameters()["Parameters"] == []


def test_two_stages_share_no_name(session, tmp_path):
    one, other = (Deployment(session, functions_of(session, stage, tmp_path), {}) for stage in ("dev", "prod"))
    assert one.name != other.name
    assert one.functions.record.name != other.functions.record.name
    for kind in (ORIGINALS, DERIVATIVES):
        assert one.own_buckets.named(kind) != other.own_buckets.named(kind)
    first, second = (own_names(deployment.name, "o", "d").values() for deployment in (one, other))
    assert set(first) & set(second) == {"o", "d"}


def test_the_staged_project_has_the_stages_names_and_keeps_its_settings(session, tmp_path, monkeypatch):
    functions = functions_of(session, "dev", tmp_path)
    functions.staged(own_names("imgy-dev", "my-originals", "my-derivatives"), {"IMGY_DISTRIBUTION": "E1"})
    text = "".join(file.read_text() for file in (tmp_path / ".chalice").glob("*.json"))
    assert not re.search(r"imgy-(originals|derivatives|failures|invalidations)\b", text)
    assert "my-originals" in text
    written = json.loads((tmp_path / ".chalice" / "config.json").read_text())
    assert written["stages"]["dev"]["environment_variables"] == {"IMGY_DISTRIBUTION": "E1"}
    assert written["lambda_architecture"] in ("x86_64", "arm64")
    assert json.loads((tmp_path / ".chalice" / "deployed" / "dev.json").read_text())["resources"] == []


@pytest.mark.parametrize(("days", "told"), [({}, "0"), ({"ExpireAfterDays": "30"}, "30")])
def test_the_functions_are_told_after_how_many_days_pictures_expire(session, tmp_path, monkeypatch, days, told):
    secret = session.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
    found = {"Originals": "o", "Derivatives": "d", "Invalidations": "i", "Mode": "direct", "OriginSecret": secret}
    monkeypatch.setattr("cli.deploy.stage.outputs", lambda client, name: {**found, **days})
    Deployment(session, functions_of(session, "dev", tmp_path), {}).stage_functions()
    written = json.loads((tmp_path / ".chalice" / "config.json").read_text())
    assert written["stages"]["dev"]["environment_variables"]["IMGY_EXPIRE_DAYS"] == told


class CloudFormation:
    """A stack that is there with two parameters, as far as a change set asks."""

    def __init__(self, state):
        self.state, self.asked = state, {}

    def describe_stacks(self, **asked):
        if self.state is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "it does not exist"}}, "DescribeStacks")
        parameters = [{"ParameterKey": key, "ParameterValue": "1"} for key in ("Kept", "Dropped", "Set")]
        return {"Stacks": [{"StackStatus": self.state, "StackId": "arn", "Parameters": parameters}]}

    def create_change_set(self, **asked):
        self.asked = asked

    def get_waiter(self, name):
        return type("Waiter", (), {"wait": lambda self, **asked: None})()


@pytest.mark.parametrize("state", [None, "UPDATE_COMPLETE"])
def test_a_stack_keeps_the_parameters_that_are_not_set_anew(state):
    client = CloudFormation(state)
    Stack(client, "s", "Parameters:\n  Kept:\n    x\n  Set:\n    y\n", {"Set": "2"})._propose()
    again = [{"ParameterKey": "Kept", "UsePreviousValue": True}] if state else []
    assert client.asked["Parameters"] == [{"ParameterKey": "Set", "ParameterValue": "2"}, *again]
    assert client.asked["ChangeSetType"] == ("UPDATE" if state else "CREATE")
    assert client.asked.get("OnStackFailure") == ("ROLLBACK" if state else "DELETE")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["Nope=1"], "expected NAME=VALUE with a parameter of the templates, received 'Nope=1'"),
        (["DomainName"], "expected NAME=VALUE"),
        (["ExistingOriginals=a", "ExistingDerivatives=a"], "expected two buckets, received one"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(option, message):
    with pytest.raises(SystemExit, match=message):
        _chosen(option)


class Account:
    """Lambda's view of an account, and of what its functions reserve."""

    def __init__(self, free, reserved=()):
        self.free, self.reserved = free, dict(reserved)
        self.exceptions = type("Exceptions", (), {"ResourceNotFoundException": KeyError})

    def get_account_settings(self):
        return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": self.free}}

    def get_function_concurrency(self, FunctionName):  # noqa: N803
        return {"ReservedConcurrentExecutions": self.reserved[FunctionName]} if self.reserved[FunctionName] else {}


def test_an_account_that_is_too_small_for_a_stage_is_told_so(said):
    with pytest.raises(SystemExit, match=r"reserves 100 concurrent executions and 100 must stay free, but .* 150 free"):
        free_concurrency(Account(150), config(), "prod", said.append)
    assert free_concurrency(Account(1000), config(), "prod", said.append) == 900
    assert free_concurrency(Account(120, {"imgy-prod": 100}), config(), "prod", said.append) == 120, "deployed already"
    assert free_concurrency(Account(50, {"imgy-dev": 0}), config(), "dev", said.append) == 50
    assert said == []
    assert free_concurrency(Account(10), config(), "dev", said.append) == 10
    assert "warning: the account has only 10 concurrent executions" in said[0]


@pytest.mark.parametrize(
    ("wanted", "free", "workers"), [(50, 1000, 50), (50, 40, 20), (50, 10, 5), (50, 3, 2), (2, 9, 2)]
)
def test_the_queue_s_workers_leave_half_of_the_account_to_requests(wanted, free, workers):
    assert worker_concurrency(wanted, free) == workers


@pytest.mark.parametrize(("mode", "free", "set_to"), [("queue", 10, "5"), ("queue", 1000, None), ("direct", 10, None)])
def test_a_small_account_gets_fewer_workers_and_is_told_so(session, tmp_path, monkeypatch, said, mode, free, set_to):
    secret = session.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
    found = {"Originals": "o", "Derivatives": "d", "Invalidations": "i", "Mode": mode, "OriginSecret": secret}
    monkeypatch.setattr("cli.deploy.stage.outputs", lambda client, name: {**found, "Events": "e"})
    Deployment(session, functions_of(session, "dev", tmp_path), {}, said.append).stage_functions(free)
    written = json.loads((tmp_path / ".chalice" / "config.json").read_text())
    assert written["stages"]["dev"]["environment_variables"].get("IMGY_CONCURRENCY") == set_to
    assert said == (
        ["  5 workers read the queue and not 50, because the account has 10 executions free"] if set_to else []
    )


def test_a_policy_of_somebody_else_is_not_replaced(session):
    s3 = session.client("s3")
    s3.create_bucket(Bucket="mine")
    assert_no_policy(s3, "mine")
    s3.put_bucket_policy(Bucket="mine", Policy='{"Version": "2012-10-17", "Statement": []}')
    with pytest.raises(SystemExit, match="bucket mine has a policy"):
        assert_no_policy(s3, "mine")


class CloudFront:
    def __init__(self, **result):
        self.result = result

    def describe_function(self, **asked):
        return {"ETag": "1"}

    def test_function(self, **asked):
        assert json.loads(asked["EventObject"])["request"]["querystring"]["w"] == {"value": "300"}
        return {"TestResult": self.result}


def test_a_function_that_fails_or_takes_too_long_is_seen(said):
    assert_function(CloudFront(ComputeUtilization="31"), "f", said.append)
    assert "31 %" in said[0]
    for result in ({"ComputeUtilization": "100"}, {"FunctionErrorMessage": "no"}):
        with pytest.raises(SystemExit, match=r"CloudFront cannot run edge/function\.js"):
            assert_function(CloudFront(**result), "f", said.append)


def test_origin_shield_is_near_the_buckets():
    assert shield_region("eu-west-1") == "eu-west-1"
    assert shield_region("eu-north-1") == "eu-west-2"
    regions = boto3.Session().get_available_regions("lambda")
    assert len({shield_region(region) for region in regions}) == 12
    assert set(regions) == {*checks._SHIELDED, *checks._NEAREST}
    assert set(checks._NEAREST.values()) <= set(checks._SHIELDED)
    with pytest.raises(SystemExit, match=r"not known for xx-north-9; choose one of us-east-1, .*--set ShieldRegion"):
        shield_region("xx-north-9")


def test_every_trigger_hands_over_what_it_cannot_handle():
    assert all(f"def {trigger}(" in (ROOT / "app.py").read_text() for trigger in TRIGGERS)


def test_what_the_template_says_of_the_queues_agrees_with_what_reads_them():
    foundation = FOUNDATION.read_text()
    queues = {name: dict(re.findall(r"(\w+): (\d+)", text)) for name, text in re.findall(QUEUE_IN_TEMPLATE, foundation)}
    assert int(queues["Events"]["maxReceiveCount"]) == Limits().receives > app_module._TRIES
    assert int(queues["Events"]["VisibilityTimeout"]) == Limits().visibility
    for stage in config()["stages"].values():
        functions = stage["lambda_functions"]
        # What SQS wants of a queue that Lambda reads: six timeouts, and the time for which messages are gathered.
        assert int(queues["Events"]["VisibilityTimeout"]) == 6 * functions["queue_worker"]["lambda_timeout"]
        timeout = functions["invalidation_trigger"]["lambda_timeout"]
        assert int(queues["Invalidations"]["VisibilityTimeout"]) >= 6 * timeout + 20


def test_the_templates_fit_what_cloudformation_takes_as_a_body():
    function = (ROOT / "edge" / "function.js").read_text()
    assert len(TEMPLATE.read_bytes()) + len(function.encode()) + 8 * function.count("\n") < 51_200


def test_a_queue_is_told_and_others_are_left_as_they_are(session):
    s3, sqs = session.client("s3"), session.client("sqs")
    s3.create_bucket(Bucket="mine")
    arns = {}
    for name in ("ours", "theirs"):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arns[name] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    theirs = {"Id": "theirs", "QueueArn": arns["theirs"], "Events": ["s3:ObjectRestore:*"]}
    s3.put_bucket_notification_configuration(Bucket="mine", NotificationConfiguration={"QueueConfigurations": [theirs]})

    def told():
        found = s3.get_bucket_notification_configuration(Bucket="mine").get("QueueConfigurations", [])
        return {entry["Id"]: entry["Events"] for entry in found}

    for _ in range(2):
        notify(s3, "mine", "imgy-dev-events", arns["ours"])
        assert told() == {"theirs": ["s3:ObjectRestore:*"], "imgy-dev-events": [*UPLOADED, *REMOVED]}
    notify(s3, "mine", "imgy-dev-events", None)
    assert told() == {"theirs": ["s3:ObjectRestore:*"]}
