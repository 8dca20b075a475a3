"""Measures contenders in turns, A B A B, so that other load on the machine affects all of them."""

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
    """The median of some figures, with their minimum and maximum."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        ordered = sorted(figures)
        return cls(median(ordered), ordered[0], ordered[-1])


def interleaved(contenders: Sequence[Contender], repetitions: int, done: Callable[[], object]) -> Turns:
    """The turns of all contenders, one after the other; `done` is called after each round."""
    turns: Turns = {contender.name: [] for contender in contenders}
    for _ in range(repetitions):
        for contender in contenders:
            turns[contender.name].append(contender.turn())
        done()
    return turns


def ratio(turns: Turns, one: str, other: str) -> Spread:
    """The ratio of one contender's time to the other's, turn by turn."""
    return Spread.of(map(operator.truediv, turns[one], turns[other]))


def excess(turns: Turns, one: str, other: str) -> Spread:
    """The seconds that one contender took more than the other, turn by turn."""
    return Spread.of(map(operator.sub, turns[one], turns[other]))
