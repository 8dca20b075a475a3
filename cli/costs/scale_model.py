"""What one original takes, what AWS allows, and what many originals cost: pure functions, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.costs.cost_model import Scenario, shipped
from cli.costs.prices import load, load_large

UPLOAD_SECONDS = {"6 MP": 0.666, "18 MP": 1.15, "50 MP": 0.782}
"""Measured: docs/bench.md, "How large a function must be", the presets as shipped on two cores. S3 is not in it."""
SHARES = {"6 MP": 0.80, "18 MP": 0.15, "50 MP": 0.05}
"""Assumed: how many originals are of which size."""
S3_SECONDS = round(Scenario().upload_seconds - UPLOAD_SECONDS["6 MP"], 3)
"""Assumed: what S3 adds, so that a photo of 6 MP takes what docs/cost.md has for an upload."""

READS, LISTS, MANIFESTS = 2, 1, 1
"""Requests of a new original beside a write for each picture: GET and HEAD, a look at what stands, the manifest."""
QUEUE_SENDS, QUEUE_TAKES = 0.1, 2
"""Requests to SQS: a tenth of a batch of ten, then a receive and a delete."""
LIST_SECONDS = 0.15
"""Assumed: a LIST of 1,000 keys, one after the other, as each says where the next begins."""
SEND_RATE = 4000
"""Assumed: originals a second that eight threads send, in batches of ten at 20 ms."""


@dataclass(frozen=True)
class Limits:
    """What AWS allows a second or at once."""

    prefix_writes: int = 3500
    """S3, "Optimizing performance": PUT, COPY, POST or DELETE a second for a prefix, 503 SlowDown beyond."""
    prefix_reads: int = 5500
    """The same: GET or HEAD."""
    mapping_first: int = 5
    mapping_a_minute: int = 300
    """Lambda, "Configuring scaling behavior for SQS event source mappings": five at first, 300 more a minute."""
    mapping_most: int = 1000
    """The same: a mapping's maximum concurrency is 2 to 1,000, and imgy sets it; without it 1,250 are reached."""
    in_flight: int = 120_000
    """SQS quotas: messages received and not yet deleted."""
    tries: int = 3
    """app.py: botocore's attempts of one call."""
    receives: int = 5
    """deploy/foundation.yaml: after so many a message goes to the failures."""
    visibility: int = 720
    """deploy/foundation.yaml: seconds until a message comes again whose worker failed."""
    retention: int = 14 * 86_400
    """What deploy/foundation.yaml gives to the queue of events, the most there is."""
    batch_keys: int = 1000
    """S3, ListObjectsV2: keys of one LIST."""


PROVISIONED = Limits(mapping_a_minute=1000, mapping_most=20_000)
"""Lambda, the same page: provisioned mode, 16 times as many, three times as soon, no maximum concurrency."""


@dataclass(frozen=True)
class Work:
    """What one new original takes: pictures made, seconds of a worker at its memory."""

    pictures: int
    seconds: Mapping[str, float]
    megabytes: int
    prefixes: int = 1

    @property
    def writes(self) -> int:
        return self.pictures + MANIFESTS

    @property
    def mean(self) -> float:
        """Seconds that a worker takes for one, S3 included."""
        return sum(SHARES[size] * seconds for size, seconds in self.seconds.items()) + S3_SECONDS


def shipped_work(prefixes: int = 1) -> Work:
    """The presets as shipped, in the memory of prod."""
    stage = shipped()
    return Work(stage.presets, UPLOAD_SECONDS, stage.upload_megabytes, prefixes)


def rates(work: Work, limits: Limits, workers: float) -> dict[str, float]:
    """Originals a second that each resource could do alone; the least is what happens."""
    return {
        "Lambda's concurrency": workers / work.mean,
        "S3 writes": limits.prefix_writes * work.prefixes / work.writes,
        "S3 reads": limits.prefix_reads * work.prefixes / max(READS, LISTS),
        "SQS in flight": limits.in_flight / work.mean,
    }


def enough_workers(work: Work, limits: Limits) -> float:
    """Workers that use up S3's writes: more do not help."""
    return limits.prefix_writes * work.prefixes / work.writes * work.mean


def requests(work: Work, originals: int, keys_each: int = 1) -> dict[str, float]:
    """Requests of a backfill through the queue, by kind; `keys_each` keys listed for an original."""
    return {
        "S3 PUT": originals * work.writes,
        "S3 LIST": originals * LISTS + list_calls(originals * keys_each),
        "S3 GET and HEAD": originals * READS,
        "SQS": originals * (QUEUE_SENDS + QUEUE_TAKES),
        "Lambda": originals,
    }


def dollars(work: Work, originals: int, gigabyte_seconds: float, keys_each: int = 1) -> dict[str, float]:
    """What those cost; keeping the pictures is a month's bill, not this one."""
    price, asked = load(), requests(work, originals, keys_each)
    return {
        "S3": (asked["S3 PUT"] + asked["S3 LIST"]) * price["s3_write"] + asked["S3 GET and HEAD"] * price["s3_read"],
        "SQS": asked["SQS"] * price["queue_request"],
        "Lambda": originals * price["lambda_request"] + gigabyte_seconds * price["lambda_gigabyte_second"],
    }


def list_calls(keys: int) -> int:
    """LIST calls for so many keys."""
    return -(-keys // Limits.batch_keys)


def feeders(originals: int) -> dict[str, float]:
    """Dollars for bringing so many originals to the workers, by who does it; the work itself is equal."""
    price, large = load(), load_large()
    listed = list_calls(originals) * price["s3_write"]
    inventory = originals * large["inventory_object"].each
    return {
        "backfill --queue": listed + originals * (QUEUE_SENDS + QUEUE_TAKES) * price["queue_request"],
        "S3 Batch Operations": inventory + large["batch_job"].each + originals * large["batch_object"].each,
        "Distributed Map, one original each": inventory + 2 * originals * large["transition"].each,
        "Distributed Map, batches of 100": inventory + 2 * originals / 100 * large["transition"].each,
    }
