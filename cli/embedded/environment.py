"""Names of the buckets and the queue of the local run, and clients of its embedded S3."""

import os
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

HOST = "127.0.0.1"
REGION = "us-east-1"
ORIGINALS = "imgy-originals"
DERIVATIVES = "imgy-derivatives"
QUEUE = "imgy-events"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


def endpoint(s3_port: int) -> str:
    """The URL of the embedded S3."""
    return f"http://{HOST}:{s3_port}"


def point_to_this_machine(s3_port: int) -> None:
    """Set the environment so that app.py and boto3 use the embedded S3, and never a real AWS account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "IMGY_ORIGINALS": ORIGINALS,
        "IMGY_DERIVATIVES": DERIVATIVES,
        "AWS_ENDPOINT_URL": endpoint(s3_port),
        "AWS_DEFAULT_REGION": REGION,
        **CREDENTIALS,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), HOST, "localhost"])),
    }


def s3_client() -> "S3Client":
    """A client of the embedded S3. Call `point_to_this_machine` first."""
    return boto3.client(
        "s3", config=Config(connect_timeout=2, signature_version="s3v4", s3={"addressing_style": "path"})
    )


def sqs_client() -> "SQSClient":
    """A client of the embedded SQS. Call `point_to_this_machine` first."""
    return boto3.client("sqs", config=Config(connect_timeout=2, retries={"total_max_attempts": 1}))
