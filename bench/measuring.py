"""Contenders take turns, A B A B, so that whatever else the machine does falls on all of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.contender import Contender

Turns = dict[str, list[float]]
"""Seconds by contender, turn by turn."""


@dataclass(frozen=True)
class Spread:
    """The median of some figures, and the noise around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        ordered = sorted(figures)
        return cls(median(ordered), ordered[0], ordered[-1])


def interleaved(contenders: Sequence[Contender], repetitions: int, done: Callable[[], object]) -> Turns:
    """So many turns of each, one after the other; `done` is told of each round."""
    turns: Turns = {contender.name: [] for contender in contenders}
    for _ in range(repetitions):
        for contender in contenders:
            turns[contender.name].append(contender.turn())
        done()
    return turns


def ratio(turns: Turns, one: str, other: str) -> Spread:
    """How much of the other's time one took, each turn against the turn beside it."""
    return Spread.of(map(operator.truediv, turns[one], turns[other]))


def excess(turns: Turns, one: str, other: str) -> Spread:
    """How many seconds more one took, each turn against the turn beside it."""
    return Spread.of(map(operator.sub, turns[one], turns[other]))
