"""A model of a month's cost: pure functions of a scenario, a hit rate, prices and the deployment."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.monitoring.log_entry import METRICS
from chalicelib.presets.file import load_configuration
from cli import ROOT
from cli.costs.prices import Hosted, Prices

HOURS = 730
"""Hours in a month, as AWS counts them."""

_GB = 1e9
_MOST_GB = 10_000
"""CloudFront's price of a gigabyte is for the first 10 TB."""


def _given(default: float, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Scenario:
    """A site and its traffic in a month: all assumptions, the same for every contender."""

    requests: int = _given(1_000_000, "requests for pictures")
    picture_bytes: int = _given(50_000, "bytes of a picture delivered")
    originals: int = _given(10_000, "originals on the site")
    original_bytes: int = _given(3_000_000, "bytes of an original, a photo of 6 MP")
    uploads: int = _given(1000, "originals uploaded in the month")
    replaced: int = _given(100, "of these, uploads that replace an original")
    pictures: int = _given(10, "different pictures requested of an original, by size and format")
    ad_hoc: int = _given(2, "of these, pictures that no preset renders at upload")
    stored_bytes: int = _given(100_000, "bytes of a picture rendered at upload, the mean of the shipped presets")
    render_seconds: float = _given(0.35, "seconds to render a picture on demand, including S3")
    upload_seconds: float = _given(1.0, "seconds to render the presets of an upload, including S3")
    peak: int = _given(10, "ratio of the busiest second's rate to the mean rate")

    @property
    def delivered(self) -> float:
        """GB delivered by the CDN. Raises ValueError beyond 10 TB, where the price changes."""
        gigabytes = self.requests * self.picture_bytes / _GB
        if gigabytes > _MOST_GB:
            raise ValueError(f"expected at most {_MOST_GB} GB a month, received {gigabytes:.0f}")
        return gigabytes

    @property
    def new(self) -> int:
        """Pictures requested for the first time in the month."""
        return self.uploads * self.pictures

    @property
    def asked_bytes(self) -> int:
        """The bytes of all requested pictures together."""
        return self.originals * self.pictures * self.picture_bytes

    def misses(self, hit_rate: float) -> int:
        """Requests that the CDN passes to its origin. Raises ValueError for a hit rate that this site cannot have."""
        misses = round(self.requests * (1 - hit_rate))
        if not self.new <= misses <= self.requests:
            raise ValueError(f"expected a hit rate with {self.new} to {self.requests} misses, received {hit_rate}")
        return misses


@dataclass(frozen=True)
class Stage:
    """A deployment of imgy: memory in MB, pictures per upload, and what costs without any requests."""

    route_megabytes: int
    upload_megabytes: int
    presets: int
    alarms: int
    secrets: int
    metrics: int


def shipped() -> Stage:
    """The stage prod with the shipped presets."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    functions, megabytes = config["stages"]["prod"]["lambda_functions"], config["lambda_memory_size"]
    foundation = (ROOT / "deploy" / "foundation.yaml").read_text(encoding="utf-8")
    return Stage(
        functions["api_handler"].get("lambda_memory_size", megabytes),
        functions["upload_trigger"].get("lambda_memory_size", megabytes),
        len(load_configuration().presets.derivatives("photo.jpg")),
        foundation.count("Type: AWS::CloudWatch::Alarm\n"),
        foundation.count("Type: AWS::SecretsManager::Secret\n"),
        len(METRICS),
    )


@dataclass(frozen=True)
class Bill:
    """A monthly bill in dollars by item: delivery by the CDN, and making: rendering, storage and the rest."""

    delivery: Mapping[str, float]
    making: Mapping[str, float]

    @property
    def delivered(self) -> float:
        return sum(self.delivery.values())

    @property
    def made(self) -> float:
        return sum(self.making.values())

    @property
    def total(self) -> float:
        return self.delivered + self.made


UPLOAD_READS, UPLOAD_WRITES = 6, 4
"""The most requests to S3 for an upload, without one write for each picture."""
DEMAND_READS, DEMAND_WRITES = 5, 1
"""The most requests to S3 for a picture on demand, without CloudFront's own."""
POLLS = 5 * 3 * 60 * HOURS
"""Requests to SQS in a month: Lambda's five pollers ask a queue every 20 seconds, even if it is empty."""
LOG_BYTES = 1000
"""Bytes that one run of a function logs, including Lambda's own three lines."""

SOLUTION_MEGABYTES = 1024
"""Memory of the function in AWS's own template."""
TASKS, TASK_CPUS, TASK_GIGABYTES = 2, 1, 2
"""The least number of imgproxy tasks, so that one can fail, and the size of a task."""


@dataclass(frozen=True)
class Model:
    """The bills of all contenders for one scenario."""

    scenario: Scenario
    prices: Prices
    stage: Stage

    def imgy(self, hit_rate: float) -> Bill:
        """Stored pictures come from S3; each other picture is rendered once and stored."""
        site, price, stage = self.scenario, self.prices, self.stage
        misses, rendered = site.misses(hit_rate), site.uploads * site.ad_hoc
        writes = site.uploads * (stage.presets + UPLOAD_WRITES) + rendered * DEMAND_WRITES
        reads = site.uploads * UPLOAD_READS + rendered * DEMAND_READS
        ahead = site.uploads * self._run(stage.upload_megabytes, site.upload_seconds)
        demand = rendered * (price["api_request"] + self._run(stage.route_megabytes, site.render_seconds))
        derivatives = site.originals * (stage.presets * site.stored_bytes + site.ad_hoc * site.picture_bytes)
        making = {
            "edge function, every request": site.requests * price["edge_function"],
            "Origin Shield, every miss": (misses + rendered) * price["shield_request"],
            "S3, a read for every miss": misses * price["s3_read"],
            "rendering uploads: Lambda": ahead,
            "rendering on demand: API Gateway, Lambda": demand,
            "S3, requests while rendering": writes * price["s3_write"] + reads * price["s3_read"],
            "S3, storing derivatives": derivatives / _GB * price["s3_gigabyte"],
            "S3, storing originals": self._originals(),
            "logs": self._logs(site.uploads + rendered),
            "invalidations": max(0, site.replaced - price.free["invalidations"]) * price["invalidation"],
            "a queue that is polled": POLLS * price["queue_request"],
            "metrics beyond the free ones": max(0, stage.metrics - price.free["metrics"]) * price["metric"],
            "alarms and a secret": stage.alarms * price["alarm"] + stage.secrets * price["secret"],
        }
        return Bill(self.delivery(), making)

    def solution(self, hit_rate: float) -> Bill:
        """Every miss goes through API Gateway and is rendered in Lambda; no result is stored."""
        site, price, misses = self.scenario, self.prices, self.scenario.misses(hit_rate)
        making = {
            "edge function": site.requests * price["edge_function"],
            "API Gateway": misses * price["api_request"],
            "Lambda": misses * self._run(SOLUTION_MEGABYTES, site.render_seconds),
            "S3": misses * price["s3_read"] + self._originals(),
            "logs": self._logs(misses),
        }
        return Bill(self.delivery(), making)

    def imgproxy(self, hit_rate: float) -> Bill:
        """Every miss is rendered in tasks that always run, behind a load balancer."""
        site, price, misses = self.scenario, self.prices, self.scenario.misses(hit_rate)
        task = TASK_CPUS * price["fargate_cpu_hour"] + TASK_GIGABYTES * price["fargate_gigabyte_hour"]
        units = misses * site.picture_bytes / _GB * price["balancer_unit_hour"]
        making = {
            "Fargate": self.tasks(hit_rate) * HOURS * task,
            "load balancer": HOURS * price["balancer_hour"] + units,
            "S3": misses * price["s3_read"] + self._originals(),
            "logs": self._logs(misses),
        }
        return Bill(self.delivery(), making)

    def tasks(self, hit_rate: float) -> int:
        """The imgproxy tasks that the busiest second needs, if each render takes one core."""
        busiest = self.scenario.misses(hit_rate) / (HOURS * 3600) * self.scenario.peak
        return max(TASKS, math.ceil(busiest * self.scenario.render_seconds / TASK_CPUS))

    def imgix(self, hit_rate: float) -> Bill | None:
        """Credits for delivery, storage and renders; the originals stay in the owner's bucket."""
        site, hosted = self.scenario, self.prices.hosted["imgix"]
        site.misses(hit_rate)  # checks the rate as for the others; the price does not depend on it
        credits = hosted.credits(site.delivered, site.asked_bytes / _GB, site.new)
        return _planned(hosted, credits, {"S3, storing originals": self._originals()})

    def cloudinary(self, hit_rate: float) -> Bill | None:
        """Credits for delivery, storage (including originals) and renders; an upload counts as a render."""
        site, hosted = self.scenario, self.prices.hosted["Cloudinary"]
        site.misses(hit_rate)
        stored = (site.originals * site.original_bytes + site.asked_bytes) / _GB
        return _planned(hosted, hosted.credits(site.delivered, stored, site.uploads + site.new), {})

    def delivery(self, free: bool = False) -> dict[str, float]:
        """CloudFront's dollars, the same for all contenders behind it; `free` subtracts its free tier."""
        site, price = self.scenario, self.prices
        off = price.free if free else dict.fromkeys(price.free, 0)
        return {
            "gigabytes": max(0.0, site.delivered - off["gigabytes"]) * price["cdn_gigabyte"],
            "requests": max(0, site.requests - off["requests"]) * price["cdn_request"],
        }

    def _run(self, megabytes: int, seconds: float) -> float:
        return self.prices["lambda_request"] + megabytes / 1024 * seconds * self.prices["lambda_gigabyte_second"]

    def _originals(self) -> float:
        return self.scenario.originals * self.scenario.original_bytes / _GB * self.prices["s3_gigabyte"]

    def _logs(self, runs: int) -> float:
        return runs * LOG_BYTES / _GB * self.prices["log_gigabyte"]


def _planned(hosted: Hosted, credits: float, beside: Mapping[str, float]) -> Bill | None:
    plan = hosted.plan(credits)
    dollars = plan.costs(credits) if plan else None
    return None if plan is None or dollars is None else Bill({}, {f"plan {plan.name}": dollars, **beside})
