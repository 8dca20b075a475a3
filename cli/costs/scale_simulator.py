"""Simulates originals in queue, workers and S3: message by message for thousands, as flows for more."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from cli.costs.scale_model import LIST_SECONDS, S3_SECONDS, SEND_RATE, SHARES, Limits, Work, list_calls, rates

Message = tuple[float, int, int, int, float]
"""When it is visible, its number, how often it was received, the writes that are left, and when it was sent."""


@dataclass
class Outcome:
    """The result of a simulation."""

    seconds: float = 0.0
    done: float = 0
    dead: int = 0
    deepest: float = 0
    oldest: float = 0.0
    throttles: int = 0
    worker_seconds: float = 0.0
    bottleneck: str = ""
    writes: Counter[tuple[int, int]] = field(default_factory=Counter)

    def gigabyte_seconds(self, work: Work) -> float:
        """The GB-seconds that Lambda bills."""
        return self.worker_seconds * work.megabytes / 1024


def allowed(limits: Limits, concurrency: int, seconds: float) -> int:
    """Workers that Lambda runs this many seconds after the queue began to fill."""
    most = min(concurrency, limits.mapping_most)
    return min(most, limits.mapping_first + math.floor(limits.mapping_a_minute * seconds / 60))


def by_message(
    originals: int, work: Work, limits: Limits, concurrency: int, seed: int = 1, rate: float = SEND_RATE
) -> Outcome:
    """Simulate each message: sent at `rate` per second, retried on SlowDown, dead after its last receive.

    Pictures that a try has stored stay stored, so the next try writes only the others.
    """
    random, outcome = Random(seed), Outcome()
    waiting = [(number / rate, number, 0, work.writes, number / rate) for number in range(originals)]
    busy: list[float] = []
    clock = 0.0
    while waiting:
        visible, number, receives, left, sent = heapq.heappop(waiting)
        clock = _start(max(clock, visible), busy, limits, concurrency)
        outcome.oldest = max(outcome.oldest, clock - sent)
        if limits.throttled and random.random() < limits.throttled:
            _receive_again(waiting, (clock + limits.visibility, number, receives + 1, left, sent), limits, outcome)
            continue
        ends, left = _attempt(clock + _seconds(random, work), number % work.prefixes, left, limits, outcome)
        heapq.heappush(busy, ends)
        outcome.worker_seconds += ends - clock
        outcome.seconds = max(outcome.seconds, ends)
        if not left:
            outcome.done += 1
        else:
            _receive_again(waiting, (clock + limits.visibility, number, receives + 1, left, sent), limits, outcome)
        outcome.deepest = max(outcome.deepest, min(originals, clock * rate) - outcome.done - outcome.dead - len(busy))
    return outcome


def _receive_again(waiting: list[Message], message: Message, limits: Limits, outcome: Outcome) -> None:
    """Let a message wait for its next receive; after the last one, it is dead."""
    if message[2] == limits.receives:
        outcome.dead += 1
    else:
        heapq.heappush(waiting, message)


def _start(clock: float, busy: list[float], limits: Limits, concurrency: int) -> float:
    """The time when the next worker is free, at the earliest now."""
    while True:
        while busy and busy[0] <= clock:
            heapq.heappop(busy)
        if len(busy) < allowed(limits, concurrency, clock):
            return clock
        clock = min(busy[0], math.floor(clock) + 1.0)


def _seconds(random: Random, work: Work) -> float:
    """Seconds of one original: the measured time of a random size, plus or minus a tenth."""
    size = random.choices(list(SHARES), list(SHARES.values()))[0]
    return (work.seconds[size] + S3_SECONDS) * random.uniform(0.9, 1.1)


def _attempt(clock: float, prefix: int, left: int, limits: Limits, outcome: Outcome) -> tuple[float, int]:
    """Write within each second's budget of a prefix; the rest gets SlowDown, until botocore gives up."""
    for attempt in range(limits.tries):
        window = (prefix, math.floor(clock + attempt))
        taken = min(left, limits.prefix_writes - outcome.writes[window])
        outcome.writes[window] += taken
        left -= taken
        if not left:
            return clock + attempt, 0
        outcome.throttles += left
    return clock + limits.tries - 1, left


def by_flow(originals: float, work: Work, limits: Limits, concurrency: int, rate: float = SEND_RATE) -> Outcome:
    """Simulate flows per second: in steps of a second while anything changes, then in one step to the next change.

    Workers beyond S3's limit wait and are billed; nothing fails.
    """
    outcome, sent, clock = Outcome(), 0.0, 0.0
    most = min(concurrency, limits.mapping_most)
    while originals - outcome.done > 1e-6:
        workers = allowed(limits, concurrency, clock)
        speeds = rates(work, limits, workers)
        outcome.bottleneck = min(speeds, key=speeds.__getitem__)
        speed = speeds[outcome.bottleneck]
        steady = workers == most
        step = _leap(originals, sent, outcome.done, speed, rate) if steady else 1.0
        sending = sent < originals
        sent = min(originals, sent + rate * step)
        did = min(speed * step, sent - outcome.done)
        if did < speed * step * (1 - 1e-9) and sending:
            outcome.bottleneck = "the producer"
        outcome.worker_seconds += workers * did / speed
        outcome.done += did
        clock += step if sending else did / speed
        outcome.deepest = max(outcome.deepest, sent - outcome.done)
        outcome.oldest = max(outcome.oldest, clock - outcome.done / rate)
    outcome.seconds = clock
    return outcome


def _leap(originals: float, sent: float, done: float, speed: float, rate: float) -> float:
    """Seconds until all originals are sent, or after that until all are done."""
    return (originals - sent) / rate if sent < originals else (originals - done) / speed


def listing(keys: int) -> float:
    """Seconds to list these keys, one LIST after the other."""
    return list_calls(keys) * LIST_SECONDS
