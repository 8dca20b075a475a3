"""Sets a bucket's notifications to the queue of a stage, and keeps those to other receivers."""

from typing import TYPE_CHECKING, Any

from chalicelib.settings import REMOVED, UPLOADED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def notify(s3: "S3Client", bucket: str, name: str, queue: str | None) -> None:
    """Make a bucket send uploads and removals to a queue (its ARN) under this name; None removes the notification."""
    known: dict[str, Any] = {**s3.get_bucket_notification_configuration(Bucket=bucket)}
    known.pop("ResponseMetadata", None)
    others = [entry for entry in known.get("QueueConfigurations", []) if entry.get("Id") != name]
    own = [{"Id": name, "QueueArn": queue, "Events": [*UPLOADED, *REMOVED]}] if queue else []
    if [*others, *own] != known.get("QueueConfigurations", []):
        wanted: Any = {**known, "QueueConfigurations": [*others, *own]}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
