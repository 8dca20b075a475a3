"""A model of many originals: the work of one, AWS's limits, and the cost. Pure functions without a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.costs.cost_model import Scenario, shipped
from cli.costs.prices import load, load_large

UPLOAD_SECONDS = {"6 MP": 0.666, "18 MP": 1.15, "50 MP": 0.782}
"""Measured: docs/bench.md, "How large a function must be", the shipped presets on two cores, without S3."""
SHARES = {"6 MP": 0.80, "18 MP": 0.15, "50 MP": 0.05}
"""Assumed: the share of originals of each size."""
S3_SECONDS = round(Scenario().upload_seconds - UPLOAD_SECONDS["6 MP"], 3)
"""Assumed: the time that S3 adds, so that a photo of 6 MP takes as long as an upload in docs/cost.md."""

READS, LISTS, MANIFESTS = 2, 1, 1
"""Requests for a new original, without a write for each picture: GET and HEAD, one LIST, the manifest."""
QUEUE_SENDS, QUEUE_TAKES = 0.1, 2
"""Requests to SQS for an original: a tenth of sending a batch of ten, then receive and delete."""
LIST_SECONDS = 0.15
"""Assumed: seconds of a LIST of 1,000 keys. Calls are sequential, since each returns the start of the next."""
SEND_RATE = 4000
"""Assumed: originals per second that eight threads send, in batches of ten at 20 ms."""


@dataclass(frozen=True)
class Limits:
    """AWS's limits, per second or at once."""

    prefix_writes: int = 3500
    """S3, "Optimizing performance": PUT, COPY, POST or DELETE per second and prefix; beyond, 503 SlowDown."""
    prefix_reads: int = 5500
    """Same source: GET or HEAD."""
    mapping_first: int = 5
    mapping_a_minute: int = 300
    """Lambda, "Configuring scaling behavior for SQS event source mappings": five at first, 300 more per minute."""
    mapping_most: int = 1000
    """Same source: a mapping's maximum concurrency is 2 to 1,000, and imgy sets it. Without it the limit is 1,250."""
    in_flight: int = 120_000
    """SQS quotas: messages that are received and not yet deleted."""
    tries: int = 3
    """app.py: botocore's attempts for one call."""
    receives: int = 20
    """deploy/foundation.yaml: after this many receives a message goes to the failures queue."""
    visibility: int = 720
    """deploy/foundation.yaml: seconds until a failed message is delivered again."""
    throttled: float = 0.0
    """Assumed: share of deliveries that Lambda throttles, because other functions use the account's concurrency."""
    retention: int = 14 * 86_400
    """deploy/foundation.yaml: seconds that the events queue keeps a message, SQS's maximum."""
    batch_keys: int = 1000
    """S3, ListObjectsV2: keys in one LIST."""


PROVISIONED = Limits(mapping_a_minute=1000, mapping_most=20_000)
"""Lambda, same page: provisioned mode, 16 times as many workers, three times as fast, no maximum concurrency."""


@dataclass(frozen=True)
class Work:
    """The work of one new original: pictures, and seconds by size of a worker with this memory."""

    pictures: int
    seconds: Mapping[str, float]
    megabytes: int
    prefixes: int = 1

    @property
    def writes(self) -> int:
        return self.pictures + MANIFESTS

    @property
    def mean(self) -> float:
        """The mean seconds of a worker for one original, including S3."""
        return sum(SHARES[size] * seconds for size, seconds in self.seconds.items()) + S3_SECONDS


def shipped_work(prefixes: int = 1) -> Work:
    """The work of the shipped presets, with the memory of stage prod."""
    stage = shipped()
    return Work(stage.presets, UPLOAD_SECONDS, stage.upload_megabytes, prefixes)


def rates(work: Work, limits: Limits, workers: float) -> dict[str, float]:
    """Originals per second that each resource alone allows; the lowest is the actual rate."""
    return {
        "Lambda's concurrency": workers / work.mean,
        "S3 writes": limits.prefix_writes * work.prefixes / work.writes,
        "S3 reads": limits.prefix_reads * work.prefixes / max(READS, LISTS),
        "SQS in flight": limits.in_flight / work.mean,
    }


def enough_workers(work: Work, limits: Limits) -> float:
    """The number of workers that use all of S3's writes; more do not help."""
    return limits.prefix_writes * work.prefixes / work.writes * work.mean


def requests(work: Work, originals: int, keys_each: int = 1) -> dict[str, float]:
    """Requests of a backfill through the queue, by kind; `keys_each`: keys listed for each original."""
    return {
        "S3 PUT": originals * work.writes,
        "S3 LIST": originals * LISTS + list_calls(originals * keys_each),
        "S3 GET and HEAD": originals * READS,
        "SQS": originals * (QUEUE_SENDS + QUEUE_TAKES),
        "Lambda": originals,
    }


def dollars(work: Work, originals: int, gigabyte_seconds: float, keys_each: int = 1) -> dict[str, float]:
    """Dollars for these requests and for Lambda, without storage, which is billed monthly."""
    price, asked = load(), requests(work, originals, keys_each)
    return {
        "S3": (asked["S3 PUT"] + asked["S3 LIST"]) * price["s3_write"] + asked["S3 GET and HEAD"] * price["s3_read"],
        "SQS": asked["SQS"] * price["queue_request"],
        "Lambda": originals * price["lambda_request"] + gigabyte_seconds * price["lambda_gigabyte_second"],
    }


def list_calls(keys: int) -> int:
    """The number of LIST calls for these keys."""
    return -(-keys // Limits.batch_keys)


def feeders(originals: int) -> dict[str, float]:
    """Dollars to bring originals to the workers, by method. The work itself costs the same."""
    price, large = load(), load_large()
    listed = list_calls(originals) * price["s3_write"]
    inventory = originals * large["inventory_object"].each
    return {
        "backfill --queue": listed + originals * (QUEUE_SENDS + QUEUE_TAKES) * price["queue_request"],
        "S3 Batch Operations": inventory + large["batch_job"].each + originals * large["batch_object"].each,
        "Distributed Map, one original each": inventory + 2 * originals * large["transition"].each,
        "Distributed Map, batches of 100": inventory + 2 * originals / 100 * large["transition"].each,
    }
