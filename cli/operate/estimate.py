"""Estimates the bytes, the time and the price of a backfill, from existing derivatives and measured times."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.settings import CORE_MEGABYTES
from cli.costs.cost_model import UPLOAD_READS, UPLOAD_WRITES, Scenario
from cli.costs.prices import Prices

SECONDS_A_DERIVATIVE = 0.06
SECONDS_A_MEGABYTE = 0.05
"""Seconds on one core, for each derivative and for each MB of its original. Fitted to two uploads on one core in
docs/bench.md, 6 MP (3 MB) and 18 MP (16 MB): 1.21 s and 1.70 s for the sixteen derivatives of the shipped presets."""

QUEUE_REQUESTS = 2.1
"""Requests to SQS for an original: receive, delete, and a tenth of sending a batch of ten."""


@dataclass(frozen=True)
class Work:
    """The work of a backfill: originals and their bytes, missing derivatives by name, and mean bytes by name."""

    originals: int
    original_bytes: int
    missing: Mapping[str, int]
    means: Mapping[str, float]

    @property
    def derivatives(self) -> int:
        return sum(self.missing.values())

    @property
    def mean(self) -> float:
        """Bytes of a derivative that no original has yet: the mean of the others, or as in docs/cost.md."""
        return sum(self.means.values()) / len(self.means) if self.means else Scenario().stored_bytes


@dataclass(frozen=True)
class Estimate:
    """An estimate: bytes written, seconds on one core, minutes on all cores, and dollars."""

    bytes: int
    seconds: float
    minutes: float
    dollars: float


def estimate(work: Work, prices: Prices, cores: int, by_lambda: bool) -> Estimate:
    """Estimate the work. Dollars are the requests to S3, and with `by_lambda` also Lambda and the queue."""
    written = sum(count * work.means.get(name, work.mean) for name, count in work.missing.items())
    seconds = work.derivatives * SECONDS_A_DERIVATIVE + work.original_bytes / 1e6 * SECONDS_A_MEGABYTE
    writes, reads = work.originals * UPLOAD_WRITES + work.derivatives, work.originals * UPLOAD_READS
    dollars = writes * prices["s3_write"] + reads * prices["s3_read"]
    if by_lambda:
        dollars += seconds * CORE_MEGABYTES / 1000 * prices["lambda_gigabyte_second"]
        dollars += work.originals * (prices["lambda_request"] + QUEUE_REQUESTS * prices["queue_request"])
    return Estimate(round(written), round(seconds, 1), round(seconds / 60 / cores, 2), round(dollars, 4))
