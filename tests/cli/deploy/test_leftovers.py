"""What an interrupted first deploy left is found by name, and nothing of another stage or of somebody else."""

import io
import json
from zipfile import ZipFile

import boto3
import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from cli.deploy.leftovers import drop_leftovers
from cli.deploy.rehearsal import SERVICES
from cli.deploy.rehearsed_faults import changing
from cli.embedded.environment import endpoint
from cli.embedded.ports import listen
from cli.embedded.s3 import embedded_s3

HANDLERS = ("api_handler", "upload_trigger", "queue_worker")
ALLOWED = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUSTED = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
POLICY, TRUST = (json.dumps({"Version": "2012-10-17", "Statement": [it]}) for it in (ALLOWED, TRUSTED))


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session of the embedded AWS."""
    with listen(0, "S3_PORT") as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint(port))
    with embedded_s3(port, tmp_path, SERVICES=SERVICES):
        yield boto3.Session()


def zipped():
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("app.py", "")
    return file.getvalue()


def made(session, stage, bucket):
    """A stage's route and trigger, with roles, an API and a notification; returns its API."""
    iam, functions = session.client("iam"), session.client("lambda")
    arns = {}
    for handler, function in {"api_handler": stage, "upload_trigger": f"{stage}-upload_trigger"}.items():
        role = iam.create_role(RoleName=f"{stage}-{handler}", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        iam.put_role_policy(RoleName=f"{stage}-{handler}", PolicyName="own", PolicyDocument=POLICY)
        arns[handler] = functions.create_function(
            FunctionName=function, Role=role, Runtime="python3.12", Handler="app.app", Code={"ZipFile": zipped()}
        )["FunctionArn"]
    s3 = session.client("s3")
    known = s3.get_bucket_notification_configuration(Bucket=bucket).get("LambdaFunctionConfigurations", [])
    entry = {"Id": stage, "LambdaFunctionArn": arns["upload_trigger"], "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [*known, entry]}
    )
    return api_to(session.client("apigateway"), arns["api_handler"])


def api_to(client, function):
    api = client.create_rest_api(name="imgy")["id"]
    root = {"restApiId": api, "resourceId": client.get_resources(restApiId=api)["items"][0]["id"], "httpMethod": "GET"}
    client.put_method(**root, authorizationType="NONE")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    client.put_integration(**root, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    return api


def there(session, bucket):
    notified = session.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    return (
        sorted(function["FunctionName"] for function in session.client("lambda").list_functions()["Functions"]),
        sorted(role["RoleName"] for role in session.client("iam").list_roles()["Roles"]),
        [api["id"] for api in session.client("apigateway").get_rest_apis()["items"]],
        [entry["Id"] for entry in notified.get("LambdaFunctionConfigurations", [])],
    )


def test_all_of_a_stage_goes_and_another_stage_stays(session):
    session.client("s3").create_bucket(Bucket="photos")
    other = made(session, "imgy-prod", "photos")
    before = there(session, "photos")
    api, said = made(session, "imgy-dev", "photos"), []
    drop_leftovers(session, "imgy", "imgy-dev", HANDLERS, "photos", said.append)
    assert there(session, "photos") == before
    assert before[2:] == ([other], ["imgy-prod"])
    assert [line.partition(": ")[2] for line in said] == [
        f"API {api}",
        "function imgy-dev",
        "function imgy-dev-upload_trigger",
        "role imgy-dev-api_handler",
        "role imgy-dev-upload_trigger",
    ]
    drop_leftovers(session, "imgy", "imgy-dev", HANDLERS, None, said.append)
    assert len(said) == 5, "nothing is left to delete"


@pytest.mark.parametrize(
    ("asked", "change"),
    [
        ({"method": "GET", "path": "/restapis"}, ""),
        ({"method": "POST", "path": "/", "data": {"Action": "DescribeStacks"}}, ""),
        ({"method": "POST", "path": "/", "data": {"Action": "CreateChangeSet"}}, "CreateChangeSet"),
        ({"method": "POST", "path": "/", "headers": {"X-Amz-Target": "AmazonSSM.GetParameter"}}, ""),
        ({"method": "POST", "path": "/", "headers": {"X-Amz-Target": "AmazonSSM.PutParameter"}}, "PutParameter"),
        ({"method": "PUT", "path": "/bucket"}, "PUT /bucket"),
    ],
)
def test_a_fault_is_one_of_a_change(asked, change):
    assert changing(Request(EnvironBuilder(**asked).get_environ())) == change
