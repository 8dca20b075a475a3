"""Handles S3 notifications: reconciles each original, and logs the result."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from .flows.prerender import Prerender, Reconciled
from .monitoring.log_entry import Log, LogEntry, age


@dataclass(frozen=True)
class Events:
    """The handler of S3 notifications."""

    prerender: Prerender
    log: Log

    def reconcile(self, verb: str, event: Mapping[str, Any], context: Any, last: bool = False) -> None:
        """Reconcile each key of an event; raises the first error after all keys were tried, so the event is retried.

        `last` is True at the last attempt. Earlier ones may have ended the process, so the original is then refused.
        """
        failures: list[Exception] = []
        for key, happened in _times_by_key(event).items():
            start, waited, request_id = time.perf_counter(), age(happened), request_id_of(context)
            try:
                reconciled = self.prerender.reconcile(key, partial(_seconds_left, context), last)
            except Exception as error:
                taken = milliseconds_since(start)
                failed = LogEntry(
                    verb, key, "failed", str(error), 0, taken, age=waited, request_id=request_id, failed=True
                )
                self.log(failed)
                failures.append(error)
            else:
                self.log(_entry(verb, reconciled, milliseconds_since(start), waited, request_id))
        if failures:
            raise failures[0]


def _entry(verb: str, reconciled: Reconciled, milliseconds: int, age: float | None, request_id: str) -> LogEntry:
    made, removed = reconciled.made, reconciled.removed
    counts = f"{made} made, {removed} removed" if made or removed else ""
    return LogEntry(
        verb,
        reconciled.key,
        reconciled.outcome,
        ", ".join(filter(None, [counts, reconciled.reason])),
        reconciled.written,
        milliseconds,
        refused=reconciled.refused,
        made=made,
        age=age,
        request_id=request_id,
    )


def _times_by_key(event: Mapping[str, Any]) -> dict[str, str]:
    """The keys of an event, each with its latest time. Keys in events are form-encoded."""
    records = event.get("Records", ())
    return {unquote_plus(record["s3"]["object"]["key"]): record.get("eventTime", "") for record in records}


def _seconds_left(context: Any) -> float:
    """Seconds until Lambda ends this call."""
    return context.get_remaining_time_in_millis() / 1000 if context else math.inf


def request_id_of(context: Any) -> str:
    """Lambda's request id; empty outside Lambda."""
    return str(getattr(context, "aws_request_id", ""))


def milliseconds_since(start: float) -> int:
    """Milliseconds since a reading of `time.perf_counter`."""
    return round((time.perf_counter() - start) * 1000)
