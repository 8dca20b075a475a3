"""Checks before and after a deploy: each problem is reported in one sentence."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cli.deploy.functions import function_name

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

_UNRESERVED = 100
"""Concurrent executions that must stay free for functions that reserve none (AWS Lambda Developer Guide,
"Configuring reserved concurrency")."""

_FEW = 50
"""A new account may have only 10 concurrent executions; below this number, a deploy warns."""

# Regions with Origin Shield (Amazon CloudFront Developer Guide, "Using Origin Shield").
_SHIELDED = (
    *("us-east-1", "us-east-2", "us-west-2", "sa-east-1", "eu-central-1", "eu-west-1", "eu-west-2", "ap-south-1"),
    *("ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2"),
)
# For other regions, the nearest with it: by the same page, or, where it has none, by the distance of the cities.
_NEAREST = {
    "us-west-1": "us-west-2",
    "af-south-1": "eu-west-1",
    "ap-east-1": "ap-southeast-1",
    "ca-central-1": "us-east-1",
    "eu-south-1": "eu-central-1",
    "eu-west-3": "eu-west-2",
    "eu-north-1": "eu-west-2",
    "me-south-1": "ap-south-1",
    "ap-east-2": "ap-northeast-1",
    "ap-northeast-3": "ap-northeast-1",
    "ap-south-2": "ap-south-1",
    "ap-southeast-3": "ap-southeast-1",
    "ap-southeast-4": "ap-southeast-2",
    "ap-southeast-5": "ap-southeast-1",
    "ap-southeast-6": "ap-southeast-2",
    "ap-southeast-7": "ap-southeast-1",
    "ca-west-1": "us-west-2",
    "eu-central-2": "eu-central-1",
    "eu-south-2": "eu-west-2",
    "il-central-1": "eu-central-1",
    "me-central-1": "ap-south-1",
    "mx-central-1": "us-east-2",
}


def shield_region(region: str) -> str:
    """The region with Origin Shield that is nearest to this one. Raises SystemExit for an unknown region."""
    if region not in (*_SHIELDED, *_NEAREST):
        shielded = ", ".join(_SHIELDED)
        raise SystemExit(
            f"imgy: the nearest region with Origin Shield is not known for {region}; "
            f"choose one of {shielded}: --set ShieldRegion=REGION"
        )
    return _NEAREST.get(region, region)


def free_concurrency(client: "LambdaClient", config: Mapping[str, Any], stage: str, show: Callable[[str], None]) -> int:
    """The concurrent executions that the account has left for functions that reserve none, after this stage's deploy.

    Raises SystemExit if the account has too few for what the stage reserves; shows a warning if few are left.
    """
    functions = config["stages"][stage]["lambda_functions"]
    wanted = sum(entry.get("reserved_concurrency", 0) for entry in functions.values())
    unreserved = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    has = unreserved + sum(_reserved(client, f"{config['app_name']}-{stage}", name) for name in functions)
    if wanted and has - wanted < _UNRESERVED:
        raise SystemExit(
            f"imgy: stage {stage} reserves {wanted} concurrent executions and {_UNRESERVED} must stay free, but the "
            f"account has {has} free; request more (Service Quotas), or lower reserved_concurrency in "
            ".chalice/config.json"
        )
    if has - wanted < _FEW:
        show(
            f"  warning: the account has only {has - wanted} concurrent executions for uploads and requests together; "
            "more at once are throttled: request a higher quota (Service Quotas, Lambda, Concurrent executions)"
        )
    return int(has - wanted)


def _reserved(client: "LambdaClient", app: str, name: str) -> int:
    """The concurrent executions that a deployed function reserves."""
    try:
        found = client.get_function_concurrency(FunctionName=function_name(app, name))
    except client.exceptions.ResourceNotFoundException:
        return 0
    return found.get("ReservedConcurrentExecutions", 0)


def worker_concurrency(wanted: int, free: float) -> int:
    """Workers for the queue: at most half of the free executions, as requests need the rest; at least Lambda's 2."""
    return int(min(wanted, max(2, free // 2)))


def assert_no_policy(client: "S3Client", bucket: str) -> None:
    """Raise SystemExit if a bucket has a policy, because the edge would replace it."""
    try:
        policy = client.get_bucket_policy(Bucket=bucket)["Policy"]
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return
        raise SystemExit(f"imgy: the policy of bucket {bucket} cannot be read: {error}") from None
    advice = "which the edge would replace; delete it first, or choose another bucket"
    raise SystemExit(f"imgy: bucket {bucket} has a policy, {advice}: {policy}")


def assert_function(client: "CloudFrontClient", name: str, show: Callable[[str], None]) -> None:
    """Test the viewer-request function in CloudFront. Raises SystemExit if it fails or takes too long."""
    etag = client.describe_function(Name=name, Stage="LIVE")["ETag"]
    request = {"method": "GET", "uri": "/a/b.jpg", "headers": {}, "cookies": {}, "querystring": _QUERY}
    event = {
        "version": "1.0",
        "context": {"eventType": "viewer-request"},
        "viewer": {"ip": "192.0.2.1"},
        "request": request,
    }
    tested = client.test_function(Name=name, IfMatch=etag, Stage="LIVE", EventObject=json.dumps(event).encode())
    result = tested["TestResult"]
    share = int(result.get("ComputeUtilization") or 0)
    if result.get("FunctionErrorMessage") or share >= 100:
        reason = result.get("FunctionErrorMessage") or "it takes too long"
        raise SystemExit(f"imgy: CloudFront cannot run edge/function.js: {reason}")
    show(f"  the edge function uses {share} % of the time that CloudFront allows")


_QUERY = {
    name: {"value": value}
    for name, value in {"w": "300", "h": "200", "fit": "crop", "crop": "top,left", "auto": "format,compress"}.items()
}
