"""What one event or request came to, as its operator is told: a line to read, fields to search, figures to watch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .errors import Refused
from .pipeline import Settled
from .spelling import in_line


@dataclass(frozen=True)
class Told:
    """One event or request; `what` is its transformation or its error, `stages` and `milliseconds` how long it took.

    `cache` is HIT or MISS; `refused` the kind of refusal; `made` how many derivatives; `age` seconds since the event.
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

    @property
    def line(self) -> str:
        """Columns first, so that lines align; a key's line breaks must not make lines of their own."""
        outcome = f"{self.outcome} {self.cache}" if self.cache else self.outcome
        columns = f"{self.verb:7}  {outcome:8}  {self.length:8} bytes  {self.milliseconds:5} ms"
        return f"{columns}  {in_line(self.key)}  {self.what}".rstrip()

    @property
    def fields(self) -> dict[str, Any]:
        """What a log is searched by; what says nothing is left out."""
        told = {
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
        return {name: value for name, value in told.items() if value not in ("", None, {})}

    @property
    def figures(self) -> dict[str, tuple[str, float]]:
        """CloudWatch's unit and the value of each metric that this one counts for."""
        counts = {
            "Hits": self.cache == "HIT",
            "Misses": self.cache == "MISS",
            "Renders": self.made,
            "Failures": self.failed,
        }
        taken = {"RenderTime": "render", "FetchTime": "fetch"}
        return {
            **{name: ("Count", float(count)) for name, count in counts.items() if count},
            **{name: ("Milliseconds", self.stages[stage]) for name, stage in taken.items() if stage in self.stages},
            **({"QueueAge": ("Seconds", self.age)} if self.age is not None else {}),
        }


Tell = Callable[[Told], object]


def of_settled(verb: str, settled: Settled, milliseconds: int, age: float | None, request_id: str) -> Told:
    """What a reconciliation came to."""
    counts = f"{settled.made} made, {settled.removed} removed" if settled.made or settled.removed else ""
    what = ", ".join(filter(None, [counts, settled.reason]))
    return Told(
        verb,
        settled.key,
        settled.outcome,
        what,
        settled.written,
        milliseconds,
        refused=settled.refused,
        made=settled.made,
        age=age,
        request_id=request_id,
    )


def refusal(error: Exception) -> str:
    """The kind of an error that refuses an original, a metric's dimension; empty for any other."""
    return type(error).__name__ if isinstance(error, Refused) else ""


def age(happened: str) -> float | None:
    """Seconds since a moment of an event (ISO 8601); None where there is none that can be read."""
    try:
        return round((datetime.now(UTC) - datetime.fromisoformat(happened)).total_seconds(), 3)
    except (ValueError, TypeError):
        return None


def lines(log: logging.Logger) -> Tell:
    """Tells by lines for people to read."""
    return lambda told: log.log(logging.WARNING if told.failed else logging.INFO, "%s", told.line)
