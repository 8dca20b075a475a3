"""`make rehearse`: a whole deploy, its proof and its undeploy, on an embedded AWS that has no account."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import urlopen

import boto3

from chalicelib.cdn import tag
from chalicelib.settings import ORIGIN_HEADER
from cli.deploy import smoke_test as proof
from cli.deploy.functions import QUEUE, assert_python
from cli.deploy.rehearsed_commands import Operator
from cli.deploy.stage import Deployment
from cli.deploy.steps import functions_of, plan_stage
from cli.embedded import environment as local
from cli.embedded.ports import listen
from cli.embedded.s3 import embedded_s3
from cli.signing.key_store import ensured

STAGE = "dev"
SERVICES = "s3,sqs,sns,lambda,iam,sts,logs,cloudwatch,cloudformation,cloudfront,apigateway,secretsmanager,ssm"


def rehearse(show: Callable[[str], None] = print) -> None:
    """Deploy, prove, deploy again and take down a stage; raises SystemExit where a step fails or something is left.

    The embedded AWS holds every function to its policy.
    """
    assert_python()
    with TemporaryDirectory() as folder:
        port = _free_port()
        local.point_to_this_machine(port)
        with embedded_s3(port, Path(folder), SERVICES=SERVICES, AUTH="true"):
            session = boto3.Session()
            functions = functions_of(session, STAGE, Path(folder) / "project")
            _rehearse(Deployment(session, functions, {}, show), local.endpoint(port))


def _rehearse(deployment: Deployment, endpoint: str) -> None:
    plan_stage(deployment)
    for _ in range(2):  # a second time changes nothing
        deployment.foundation().apply()
    deployment.deploy_functions()
    deployment.deploy_edge()
    plan_stage(deployment)
    url = _api(endpoint, deployment.functions.api_url())
    _assert_closed(f"{url}/none.jpg")
    # The embedded CloudFront knows no origin groups: what it would say to the API is said here.
    said = {ORIGIN_HEADER: deployment.secret(deployment.founded()), "Accept": "*/*"}
    s3, found = deployment.session.client("s3"), deployment.founded()
    asked = proof.paths(deployment.configuration, {})
    proof.smoke_test(s3, found, asked, url, deployment.show, said, by_s3=False)
    proof.until(lambda: _forgotten(deployment), "an invalidation of what was removed")
    queued = replace(deployment, options={"Mode": QUEUE, "ExpireAfterDays": "30"})
    queued.foundation().apply()
    keys = ensured(queued.keys)
    queued.deploy_functions()
    proof.smoke_test(s3, found, proof.paths(queued.configuration, keys), url, deployment.show, said, by_s3=False)
    Operator(s3, STAGE, found, url, said, deployment.show).operate()
    deployment.undeploy(lambda bucket: True)
    _assert_nothing_left(deployment)


def _api(endpoint: str, url: str) -> str:
    """Where the embedded AWS has the API that on AWS would have this URL."""
    there = urlparse(url)
    return f"{endpoint}/_aws/execute-api/{there.netloc.partition('.')[0]}/{there.path.strip('/')}"


def _assert_closed(url: str) -> None:
    try:
        status = urlopen(url, timeout=60).status
    except HTTPError as error:
        status = error.code
    if status != 403:
        raise SystemExit(f"imgy: expected 403 of the API to whoever is not the distribution, received {status}")


def _forgotten(deployment: Deployment) -> bool:
    client = deployment.session.client("cloudfront")
    distribution = deployment.distribution()
    listed = client.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    found = (client.get_invalidation(DistributionId=distribution, Id=item["Id"]) for item in listed)
    paths = [path for answer in found for path in answer["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]]
    return f"#{tag(proof.KEY)}" in paths


def _free_port() -> int:
    with listen(0, "S3_PORT") as listener:
        return int(listener.getsockname()[1])


def _assert_nothing_left(deployment: Deployment) -> None:
    client = deployment.session.client
    left = [
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(function["FunctionName"] for function in client("lambda").list_functions()["Functions"]),
        *client("sqs").list_queues().get("QueueUrls", []),
        *(role["RoleName"] for role in client("iam").list_roles()["Roles"] if deployment.name in role["RoleName"]),
        *(entry["Name"] for entry in client("ssm").describe_parameters()["Parameters"]),
        *(group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]),
    ]
    if left:
        raise SystemExit(f"imgy: an undeploy left behind {', '.join(left)}")
