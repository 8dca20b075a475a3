"""The buckets that a stage makes for itself. They outlive its stack: originals cannot be made again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    import boto3

ORIGINALS, DERIVATIVES = KINDS = ("originals", "derivatives")


@dataclass(frozen=True)
class OwnBuckets:
    """Those that begin with `name` in the account of the session."""

    session: "boto3.Session"
    name: str

    def named(self, kind: str) -> str:
        """What deploy/foundation.yaml calls the bucket of a kind."""
        return f"{self.name}-{kind}-{self._account}"

    def there(self) -> dict[str, str]:
        """Those that are there already, by kind."""
        named = {kind: self.named(kind) for kind in KINDS}
        return {kind: bucket for kind, bucket in named.items() if self._is_there(bucket)}

    def drop(self, kind: str, may_delete: Callable[[str], bool], show: Callable[[str], None]) -> None:
        """Delete the bucket of a kind with everything in it; `may_delete` is asked where it holds anything."""
        bucket = self.named(kind)
        if not self._is_there(bucket):
            return
        if self._holds_anything(bucket) and not may_delete(bucket):
            show(f"{bucket}: kept, with everything in it; the next deploy of this stage finds it")
            return
        boto_bucket = self.session.resource("s3").Bucket(bucket)
        boto_bucket.object_versions.delete()
        boto_bucket.objects.delete()
        boto_bucket.delete()
        show(f"{bucket}: deleted")

    @property
    def _account(self) -> str:
        return str(self.session.client("sts").get_caller_identity()["Account"])

    def _is_there(self, bucket: str) -> bool:
        try:
            self.session.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=self._account)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise SystemExit(f"imgy: bucket {bucket} cannot be looked at: {error}") from None
        return True

    def _holds_anything(self, bucket: str) -> bool:
        found = self.session.client("s3").list_object_versions(Bucket=bucket, MaxKeys=1)
        return bool(found.get("Versions") or found.get("DeleteMarkers"))
