"""`make rehearse`: a whole deploy, its proof and its undeploy, on an embedded AWS that has no account."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3

from chalicelib.settings import ORIGIN_HEADER
from cli import local
from cli.claims import listening
from cli.deploy import Deployment
from cli.embedded_s3 import embedded_s3
from cli.functions import Functions, assert_python
from cli.gateway import gateway, serve

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

STAGE = "dev"
SERVICES = "s3,sqs,sns,lambda,iam,sts,logs,cloudwatch,cloudformation,cloudfront,apigateway,secretsmanager"


def rehearse(show: Callable[[str], None] = print) -> None:
    """Deploy, prove and take down a stage; raises SystemExit where a step fails or something is left behind."""
    assert_python()
    with TemporaryDirectory() as folder, listening(0, "PORT") as listener:
        port = _free_port()
        local.point_to_this_machine(port)
        with embedded_s3(port, Path(folder), SERVICES):
            functions = Functions(STAGE, Path(folder) / "project", Path(folder) / "remembered")
            deployment = Deployment(boto3.Session(), functions, {}, show)
            _rehearse(deployment, listener)


def _rehearse(deployment: Deployment, listener: Any) -> None:
    deployment.foundation().apply()
    deployment.deploy_functions()
    deployment.deploy_edge()
    secret = deployment.secret(deployment.founded())
    # The embedded API Gateway imports no API: the gateway of the local run calls the deployed function instead.
    with _served(listener, _deployed(deployment.session.client("lambda"), deployment.name, secret)) as url:
        deployment.show(deployment.prove(url))
    deployment.undeploy(lambda bucket: True)
    _assert_nothing_left(deployment)


def _deployed(client: "LambdaClient", name: str, secret: str) -> Callable[[Any, Any], Any]:
    """Calls the deployed function as CloudFront and API Gateway would."""

    def called(event: Any, context: Any) -> Any:
        event["headers"] = {**(event["headers"] or {}), ORIGIN_HEADER: secret}
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    return called


@contextmanager
def _served(listener: Any, called: Callable[[Any, Any], Any]) -> Iterator[str]:
    server = serve(listener, gateway(called, lambda environ, start: []))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{local.HOST}:{listener.getsockname()[1]}"
    finally:
        server.shutdown()


def _free_port() -> int:
    with listening(0, "S3_PORT") as listener:
        return int(listener.getsockname()[1])


def _assert_nothing_left(deployment: Deployment) -> None:
    client = deployment.session.client
    left = [
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(function["FunctionName"] for function in client("lambda").list_functions()["Functions"]),
        *client("sqs").list_queues().get("QueueUrls", []),
        *(role["RoleName"] for role in client("iam").list_roles()["Roles"] if deployment.name in role["RoleName"]),
        *(group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]),
    ]
    if left:
        raise SystemExit(f"imgy: an undeploy left behind {', '.join(left)}")
