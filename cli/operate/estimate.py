"""What a backfill is going to take: bytes, time and dollars, from what stands already and from measured figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.settings import CORE_MEGABYTES
from cli.costs.cost_model import UPLOAD_READS, UPLOAD_WRITES, Scenario
from cli.costs.prices import Prices

SECONDS_A_DERIVATIVE = 0.06
SECONDS_A_MEGABYTE = 0.05
"""On one core, for each derivative, and for each MB of its original: a line through the uploads on one core of 6 MP and
18 MP (3 and 16 MB) in docs/bench.md, 1.21 s and 1.70 s for the sixteen derivatives of the shipped presets."""

QUEUE_REQUESTS = 2.1
"""An original's: received, deleted, and sent in a batch of ten."""


@dataclass(frozen=True)
class Work:
    """What is to be done: originals and their bytes, how many derivatives are missing by name, mean bytes by name."""

    originals: int
    original_bytes: int
    missing: Mapping[str, int]
    means: Mapping[str, float]

    @property
    def derivatives(self) -> int:
        return sum(self.missing.values())

    @property
    def mean(self) -> float:
        """Bytes of a derivative of which none stands yet: as of all others, or as docs/cost.md takes it."""
        return sum(self.means.values()) / len(self.means) if self.means else Scenario().stored_bytes


@dataclass(frozen=True)
class Estimate:
    """Bytes that are written, seconds on one core, dollars; `minutes` on as many cores as work."""

    bytes: int
    seconds: float
    minutes: float
    dollars: float


def estimate(work: Work, prices: Prices, cores: int, by_lambda: bool) -> Estimate:
    """What a work takes: requests to S3, and where Lambda does it, Lambda and the queue."""
    written = sum(count * work.means.get(name, work.mean) for name, count in work.missing.items())
    seconds = work.derivatives * SECONDS_A_DERIVATIVE + work.original_bytes / 1e6 * SECONDS_A_MEGABYTE
    writes, reads = work.originals * UPLOAD_WRITES + work.derivatives, work.originals * UPLOAD_READS
    dollars = writes * prices["s3_write"] + reads * prices["s3_read"]
    if by_lambda:
        dollars += seconds * CORE_MEGABYTES / 1000 * prices["lambda_gigabyte_second"]
        dollars += work.originals * (prices["lambda_request"] + QUEUE_REQUESTS * prices["queue_request"])
    return Estimate(round(written), round(seconds, 1), round(seconds / 60 / cores, 2), round(dollars, 4))
