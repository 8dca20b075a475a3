"""`make rehearse`: a whole deploy, its smoke test and its undeploy, on the embedded AWS."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import urlopen

import boto3
from botocore.exceptions import ClientError

from chalicelib.cdn import tag
from chalicelib.settings import ORIGIN_HEADER
from cli.deploy.functions import QUEUE, assert_python
from cli.deploy.rehearsed_chalice import Developer
from cli.deploy.rehearsed_commands import Operator
from cli.deploy.rehearsed_faults import faulty
from cli.deploy.smoke_test import KEY, paths, smoke_test, wait_for
from cli.deploy.stage import Deployment
from cli.deploy.steps import functions_of, plan_stage
from cli.embedded import environment
from cli.embedded.ports import listen
from cli.embedded.s3 import embedded_s3
from cli.signing.key_store import ensured

STAGE = "dev"
SERVICES = "s3,sqs,sns,lambda,iam,sts,logs,cloudwatch,cloudformation,cloudfront,apigateway,secretsmanager,ssm"


def rehearse(show: Callable[[str], None] = print) -> None:
    """Rehearse plain `chalice deploy`, then `make deploy`. Raises SystemExit if a step fails or something is left."""
    rehearse_chalice(show)
    rehearse_stage(show)


def rehearse_chalice(show: Callable[[str], None] = print) -> None:
    """Deploy and delete by `chalice`, with two buckets that exist."""
    with _embedded_aws(show) as (deployment, address, folder):
        checkout = folder / "checkout"
        checkout.mkdir()
        Developer(deployment.session, checkout, STAGE, address, show).deploy_and_delete()
        _assert_nothing_left(deployment)


def rehearse_stage(show: Callable[[str], None] = print) -> None:
    """Deploy, test, deploy again and delete a stage."""
    with _embedded_aws(show) as (deployment, address, _):
        _rehearse(deployment, address)


def rehearse_interrupted(changes: Iterable[int], show: Callable[[str], None] = print) -> None:
    """Break a first deploy off after each of these numbers of changes, until a deploy has no more.

    Then, alternately, deploy it again and take it down, or take it down. Raises SystemExit if something is left.
    """
    with _embedded_aws(lambda line: None) as (deployment, _, _), faulty(_port()) as (fault, port):
        environment.point_to_this_machine(port)
        for again, allowed in zip(cycle((True, False)), changes):
            fault.left = allowed
            broken = not _deployed(deployment)
            fault.left = None
            if broken and again and not _deployed(deployment):
                raise SystemExit(f"imgy: expected a deploy to succeed that had broken off at {fault.refused}")
            deployment.undeploy(lambda bucket: True)
            _assert_nothing_left(deployment)
            if not broken:
                return
            repeated = "deployed again, taken down" if again else "taken down"
            show(f"  broken off at change {allowed + 1}, {fault.refused}: {repeated}, nothing left")


def _deployed(deployment: Deployment) -> bool:
    """Whether all steps before the smoke test succeed."""
    try:
        deployment.foundation().apply()
        deployment.deploy_functions()
        deployment.deploy_edge()
    except (ClientError, SystemExit):
        return False
    return True


@contextmanager
def _embedded_aws(show: Callable[[str], None]) -> Iterator[tuple[Deployment, Callable[[str], str], Path]]:
    """A deployment on an embedded AWS that enforces every policy, the address of an API there, and a folder."""
    assert_python()
    with TemporaryDirectory() as name:
        port, folder = _free_port(), Path(name)
        environment.point_to_this_machine(port)
        with embedded_s3(port, folder, SERVICES=SERVICES, AUTH="true"):
            session = boto3.Session()
            deployment = Deployment(session, functions_of(session, STAGE, folder / "project"), {}, show)
            yield deployment, partial(_api, environment.endpoint(port)), folder


def _rehearse(deployment: Deployment, address: Callable[[str], str]) -> None:
    plan_stage(deployment)
    for _ in range(2):  # the second time changes nothing
        deployment.foundation().apply()
    deployment.deploy_functions()
    deployment.deploy_edge()
    plan_stage(deployment)
    url = address(deployment.functions.api_url())
    _assert_closed(f"{url}/none.jpg")
    # The embedded CloudFront has no origin groups: requests go to the API, with the headers that CloudFront would send.
    headers = {ORIGIN_HEADER: deployment.secret(deployment.founded()), "Accept": "*/*"}
    s3, found = deployment.session.client("s3"), deployment.founded()
    smoke_test(s3, found, paths(deployment.configuration, {}), url, deployment.show, headers, by_s3=False)
    wait_for(lambda: _is_invalidated(deployment), "an invalidation of the removed original")
    queued = replace(deployment, options={"Mode": QUEUE, "ExpireAfterDays": "30"})
    queued.foundation().apply()
    keys = ensured(queued.keys)
    queued.deploy_functions()
    smoke_test(s3, found, paths(queued.configuration, keys), url, deployment.show, headers, by_s3=False)
    Operator(s3, STAGE, found, url, headers, deployment.show).operate()
    deployment.undeploy(lambda bucket: True)
    _assert_nothing_left(deployment)


def _api(endpoint: str, url: str) -> str:
    """The embedded AWS's URL of the API that would have this URL on AWS."""
    there = urlparse(url)
    return f"{endpoint}/_aws/execute-api/{there.netloc.partition('.')[0]}/{there.path.strip('/')}"


def _assert_closed(url: str) -> None:
    try:
        status = urlopen(url, timeout=60).status
    except HTTPError as error:
        status = error.code
    if status != 403:
        raise SystemExit(f"imgy: expected 403 from the API without the origin secret, received {status}")


def _is_invalidated(deployment: Deployment) -> bool:
    client = deployment.session.client("cloudfront")
    distribution = deployment.distribution()
    listed = client.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    found = (client.get_invalidation(DistributionId=distribution, Id=item["Id"]) for item in listed)
    listed_paths = (answer["Invalidation"]["InvalidationBatch"]["Paths"]["Items"] for answer in found)
    return any(f"#{tag(KEY)}" in items for items in listed_paths)


def _port() -> int:
    """The port of the embedded AWS."""
    return urlparse(os.environ["AWS_ENDPOINT_URL"]).port or 0


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
        *(api["name"] for api in client("apigateway").get_rest_apis()["items"]),
        *(group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]),
    ]
    if left:
        raise SystemExit(f"imgy: left behind: {', '.join(left)}")
