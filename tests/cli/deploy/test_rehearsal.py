"""A whole deploy on an embedded AWS that holds every function to its policy: two stacks, four functions, an API.

And the foundation alone, on buckets that were there before it.
"""

import re

import boto3
import pytest

from cli.deploy.rehearsal import SERVICES, STAGE
from cli.deploy.stage import Deployment
from cli.deploy.steps import functions_of
from cli.embedded import environment as local
from cli.embedded.ports import listen
from cli.embedded.s3 import embedded_s3
from support.rehearsing import rehearsed

pytestmark = pytest.mark.slow


def test_a_stage_is_deployed_proved_and_taken_down_and_leaves_nothing(lambda_python):
    said = rehearsed(lambda_python, "rehearse_stage")
    # Once with triggers, once by way of the queue.
    assert len(re.findall(r"an upload made [1-9]\d* derivatives", said)) == 2
    # The second time also with signatures.
    assert len(re.findall(r"preset=\w+: 200 image/jpeg, \d+ bytes, HIT", said)) == 3
    assert len(re.findall(r"w=\d+: 200 image/jpeg, \d+ bytes, MISS", said)) == 2
    assert len(re.findall(r"w=\d+: 200 image/jpeg, \d+ bytes, HIT", said)) == 1
    assert len(re.findall(r"sandbox: \d+ of 12 protections stand", said)) == 2
    # What its operator types.
    assert re.search(r"  url: http://\S+w=123&expires=\d+&sig=k1\.", said)
    for command, times in {"audit": 4, "purge": 2, "backfill": 2}.items():
        assert len(re.findall(rf"^  {command}: .+", said, re.MULTILINE)) == times
    assert "Traceback" not in said


def test_a_first_deploy_that_breaks_off_is_found_by_the_next(lambda_python):
    """At its twentieth change, among the functions; `make rehearse-interrupted` takes every one."""
    said = rehearsed(lambda_python, "rehearse_interrupted", "[19]")
    assert re.search(r"broken off at change 20, \S.*: deployed again, taken down, nothing left", said)


@pytest.fixture
def deployed(tmp_path, monkeypatch):
    """A stage on an embedded AWS, with these parameters."""
    with listen(0, "S3_PORT") as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", local.endpoint(port))
    session = boto3.Session()

    def with_parameters(**options):
        return Deployment(session, functions_of(session, STAGE, tmp_path / "project"), options, lambda line: None)

    with embedded_s3(port, tmp_path, SERVICES=SERVICES):
        yield with_parameters


def names(deployment):
    return sorted(bucket["Name"] for bucket in deployment.session.client("s3").list_buckets()["Buckets"])


def test_buckets_that_were_there_before_are_used_and_left(deployed):
    s3 = deployed().session.client("s3")
    for bucket in ("photos", "made"):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="cat.jpg", Body=b"a cat")
    deployed(ExistingOriginals="photos", ExistingDerivatives="made").foundation().apply()
    deployed(LogDays="7").foundation().apply()  # what was set before stays
    found = deployed().founded()
    assert (found["Originals"], found["Derivatives"]) == ("photos", "made")
    deployed().undeploy(lambda bucket: pytest.fail(f"asked for {bucket}"))
    assert names(deployed()) == ["made", "photos"]
    assert s3.get_object(Bucket="photos", Key="cat.jpg")["Body"].read() == b"a cat"


def test_originals_that_an_undeploy_has_kept_are_found_by_the_next_deploy(deployed):
    deployed().foundation().apply()
    found, asked = deployed().founded(), []
    s3 = deployed().session.client("s3")
    for bucket in (found["Originals"], found["Derivatives"]):
        s3.put_object(Bucket=bucket, Key="cat.jpg", Body=b"a cat")
    deployed().undeploy(asked.append)
    assert asked == names(deployed()) == [found["Originals"]]
    deployed().foundation().apply()
    assert deployed().founded()["Originals"] == found["Originals"]
    assert s3.get_object(Bucket=found["Originals"], Key="cat.jpg")["Body"].read() == b"a cat"
    deployed().undeploy(lambda bucket: True)
    assert names(deployed()) == []
