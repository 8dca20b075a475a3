"""Sets up the embedded S3 at every start: buckets, queue, notifications and CORS."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from cli.deploy.notifications import notify
from cli.embedded.environment import DERIVATIVES, ORIGINALS, QUEUE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

LONGEST_RENDER_SECONDS = 300


def set_up(s3: "S3Client", sqs: "SQSClient", page_port: int) -> str:
    """Create both buckets, the queue and its notifications; return the queue's URL. Can be repeated."""
    for bucket in (ORIGINALS, DERIVATIVES):
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket)
    queue_url = sqs.create_queue(QueueName=QUEUE, Attributes=_queue_attributes())["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_cors(Bucket=ORIGINALS, CORSConfiguration={"CORSRules": [_upload_from_page(page_port)]})
    s3.put_bucket_cors(Bucket=DERIVATIVES, CORSConfiguration={"CORSRules": [_read_from_anywhere()]})
    notify(s3, ORIGINALS, QUEUE, arn)
    return queue_url


def _queue_attributes() -> "dict[QueueAttributeNameType, str]":
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{ORIGINALS}"}},
    }
    return {
        # How long a received message is hidden. After an error, event_pump.py makes it visible sooner.
        "VisibilityTimeout": str(LONGEST_RENDER_SECONDS),
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [may_send]}),
    }


def _read_from_anywhere() -> "CORSRuleTypeDef":
    # As in deploy/foundation.yaml: scripts, too, read pictures from S3 that are too large for a Lambda response.
    return {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["*"]}


def _upload_from_page(port: int) -> "CORSRuleTypeDef":
    return {
        "AllowedOrigins": [f"http://127.0.0.1:{port}", f"http://localhost:{port}"],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
    }
