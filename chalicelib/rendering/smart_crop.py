"""Finds the window of a small grey picture with the most detail."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import Literal

from ..decoding.pixels import Grey

_BINS = 32


def best_window(grey: Grey, width: float, height: float, by: Literal["entropy", "edges"]) -> tuple[float, float]:
    """The best position of a window of this share (0 to 1) of the width and height.

    0 is the left or top end, 1 the right or bottom end.
    """
    score = {"entropy": _entropies, "edges": _edges}[by]
    return _best(score(grey.columns, width), width), _best(score(grey.rows, height), height)


def _best(scores: list[float], share: float) -> float:
    """The best window's position, 0 to 1. If several have this score, halfway between the first and the last."""
    if share >= 1 or len(scores) < 2:
        return 0.5
    most = max(scores)
    best = [at for at, score in enumerate(scores) if score >= most - 1e-9]
    return (best[0] + best[-1]) / 2 / (len(scores) - 1)


def _window(lines: list[bytes], share: float) -> int:
    return min(len(lines), max(1, round(share * len(lines))))


def _edges(lines: list[bytes], share: float) -> list[float]:
    """For each window of adjacent lines, the sum of the differences between neighbouring levels."""
    window = _window(lines, share)
    along = [sum(abs(a - b) for a, b in pairwise(line)) for line in lines]
    across = [sum(abs(a - b) for a, b in zip(line, after, strict=True)) for line, after in pairwise(lines)]
    strengths = [a + b for a, b in zip(along, [*across, 0], strict=True)]
    sums = [0, *accumulate(strengths)]
    return [float(sums[at + window] - sums[at]) for at in range(len(lines) - window + 1)]


def _entropies(lines: list[bytes], share: float) -> list[float]:
    """For each window of adjacent lines, the Shannon entropy of its levels in bits."""
    window = _window(lines, share)
    counts = [0] * _BINS
    scores = []
    for at, line in enumerate(lines):
        _count(counts, line, 1)
        if at >= window:
            _count(counts, lines[at - window], -1)
        if at >= window - 1:
            scores.append(_entropy(counts, window * len(line)))
    return scores


def _count(counts: list[int], line: bytes, step: int) -> None:
    for level in line:
        counts[level * _BINS >> 8] += step


def _entropy(counts: list[int], total: int) -> float:
    return -sum(count / total * math.log2(count / total) for count in counts if count)
