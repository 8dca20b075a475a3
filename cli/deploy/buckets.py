"""The buckets that a stage creates. They outlive its stack, because originals cannot be made again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    import boto3

ORIGINALS, DERIVATIVES = KINDS = ("originals", "derivatives")


@dataclass(frozen=True)
class OwnBuckets:
    """The buckets of the stage `name` (APP-STAGE) in the session's account."""

    session: "boto3.Session"
    name: str

    def named(self, kind: str) -> str:
        """The name that deploy/foundation.yaml gives the bucket of this kind."""
        return f"{self.name}-{kind}-{self._account}"

    def existing(self) -> dict[str, str]:
        """The buckets that exist, by kind."""
        named = {kind: self.named(kind) for kind in KINDS}
        return {kind: bucket for kind, bucket in named.items() if self._exists(bucket)}

    def drop(self, kind: str, may_delete: Callable[[str], bool], show: Callable[[str], None]) -> None:
        """Delete the bucket of this kind and its content; `may_delete` is asked if it is not empty."""
        bucket = self.named(kind)
        if not self._exists(bucket):
            return
        if self._has_objects(bucket) and not may_delete(bucket):
            show(f"{bucket}: kept, with all its content; the next deploy of this stage uses it again")
            return
        boto_bucket = self.session.resource("s3").Bucket(bucket)
        boto_bucket.object_versions.delete()
        boto_bucket.objects.delete()
        boto_bucket.delete()
        show(f"{bucket}: deleted")

    @property
    def _account(self) -> str:
        return str(self.session.client("sts").get_caller_identity()["Account"])

    def _exists(self, bucket: str) -> bool:
        try:
            self.session.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=self._account)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise SystemExit(f"imgy: bucket {bucket} cannot be read: {error}") from None
        return True

    def _has_objects(self, bucket: str) -> bool:
        found = self.session.client("s3").list_object_versions(Bucket=bucket, MaxKeys=1)
        return bool(found.get("Versions") or found.get("DeleteMarkers"))
