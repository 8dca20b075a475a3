"""The context object that Lambda passes to a handler."""

import time
import uuid
from dataclasses import dataclass, field

from chalicelib.settings import CORE_MEGABYTES


@dataclass(frozen=True)
class LambdaContext:
    """The context of one call: the function's name, its timeout in seconds and its request id."""

    function_name: str
    timeout: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.monotonic)
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = CORE_MEGABYTES
    log_stream_name: str = "local"

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN, with the account number of the embedded S3."""
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """The function's log group in CloudWatch."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left until the timeout."""
        return max(0, int((self.started + self.timeout - time.monotonic()) * 1000))
