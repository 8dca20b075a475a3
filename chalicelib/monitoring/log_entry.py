"""Log entries: each has a line to read, fields to search, and metrics to watch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..errors import Refused
from ..text import in_line

METRICS = {
    **dict.fromkeys(("Hits", "Misses", "Renders", "Refused", "Failures", "MissingProtections"), "Count"),
    **dict.fromkeys(("RenderTime", "FetchTime"), "Milliseconds"),
    "QueueAge": "Seconds",
}
"""CloudWatch's unit of each metric. CloudWatch bills each metric of each stage."""


@dataclass(frozen=True)
class LogEntry:
    """One event or request. `what` is its transformation or its error, `stages` and `milliseconds` are its times.

    `cache` is HIT or MISS; `refused` the kind of refusal; `made` how many derivatives; `age` seconds since the event;
    `missing` how many protections a worker does not have.
    """

    verb: str
    key: str
    outcome: str
    what: str = ""
    length: int = 0
    milliseconds: int = 0
    stages: Mapping[str, float] = field(default_factory=dict)
    cache: str = ""
    refused: str = ""
    made: int = 0
    age: float | None = None
    request_id: str = ""
    failed: bool = False
    missing: int = 0

    @property
    def line(self) -> str:
        """Fixed columns first, so that lines align. Line breaks in a key must not start a new line."""
        outcome = f"{self.outcome} {self.cache}" if self.cache else self.outcome
        columns = f"{self.verb:7}  {outcome:9}  {self.length:8} bytes  {self.milliseconds:5} ms"
        return f"{columns}  {in_line(self.key)}  {self.what}".rstrip()

    @property
    def level(self) -> int:
        """The level of the line in logging."""
        return logging.WARNING if self.failed or self.missing else logging.INFO

    @property
    def fields(self) -> dict[str, Any]:
        """The fields by which a log is searched; empty ones are left out."""
        fields = {
            "verb": self.verb,
            "key": self.key,
            "outcome": self.outcome,
            "what": self.what,
            "cache": self.cache,
            "bytes": self.length,
            "milliseconds": self.milliseconds,
            "stages": {stage: round(taken, 1) for stage, taken in self.stages.items()},
            "refused": self.refused,
            "made": self.made,
            "age": self.age,
            "request_id": self.request_id,
        }
        return {name: value for name, value in fields.items() if value not in ("", None, {})}

    @property
    def metrics(self) -> dict[str, tuple[str, float]]:
        """CloudWatch's unit and the value of each metric, by the metric's name."""
        values = {
            "Hits": self.cache == "HIT" or None,
            "Misses": self.cache == "MISS" or None,
            "Renders": self.made or None,
            "Refused": bool(self.refused) or None,
            "Failures": self.failed or None,
            "MissingProtections": self.missing or None,
            "RenderTime": self.stages.get("render"),
            "FetchTime": self.stages.get("fetch"),
            "QueueAge": self.age,
        }
        return {name: (METRICS[name], float(value)) for name, value in values.items() if value is not None}


Log = Callable[[LogEntry], object]


def missing_protections(names: Sequence[str]) -> LogEntry:
    """The warning that the sandbox is weaker on this system than on others."""
    what = f"this system does not ensure that {'; that '.join(names)} (docs/security.md)"
    return LogEntry("sandbox", "", "warning", what, missing=len(names))


def refusal(error: Exception) -> str:
    """The kind of a refusal, for a metric's dimension; empty for any other error."""
    return type(error).__name__ if isinstance(error, Refused) else ""


def age(happened: str) -> float | None:
    """Seconds since the time of an event (ISO 8601); None if it cannot be read."""
    try:
        return round((datetime.now(UTC) - datetime.fromisoformat(happened)).total_seconds(), 3)
    except (ValueError, TypeError):
        return None


def lines(log: logging.Logger) -> Log:
    """A Log that writes plain lines."""
    return lambda entry: log.log(entry.level, "%s", entry.line)
