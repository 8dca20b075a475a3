"""`python -m bench.sizing`: measures time and memory of the functions' work with one core and with two.

The memory in .chalice/config.json is based on it: on Lambda, 1769 MB are one vCPU, 3008 MB are 1.7.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bench.__main__ import originals
from bench.cases import LARGE, SHIPPED, SMALL, Case
from bench.contender import contending
from bench.machine import machine
from bench.measuring import Spread
from bench.tables import megabytes_text, seconds_text

LARGEST = "largest.jpg"
"""An original with the most pixels that are accepted, with grain, so that its file is as large as a photo's."""

_LARGEST = (8660, 5770)
_TURNS = 3

CASES = (
    Case("upload 6 MP: the presets as shipped", SMALL, {}, presets=SHIPPED),
    Case("upload 18 MP: the presets as shipped", LARGE, {}, presets=SHIPPED),
    Case("upload 50 MP: the presets as shipped", LARGEST, {}, presets=SHIPPED),
    Case("on demand 6 MP: a JPEG 720 wide", SMALL, {}, name="w=720.jpg"),
    Case("on demand 18 MP: an AVIF 1600 wide", LARGE, {}, name="w=1600.avif"),
    Case("on demand 50 MP: a JPEG 1600 wide", LARGEST, {}, name="w=1600.jpg"),
    Case("on demand 50 MP: a JPEG of 36 MP", LARGEST, {}, name="w=7350.jpg"),
    Case("on demand 50 MP: a WebP of 36 MP", LARGEST, {}, name="w=7350.webp"),
    Case("on demand 50 MP: an AVIF of 36 MP", LARGEST, {}, name="w=7350.avif"),
)


@dataclass(frozen=True)
class Taken:
    """Seconds and peak memory in bytes of one case."""

    seconds: float
    peak: int


def taken(case: Case, folder: Path, cores: int) -> Taken:
    """Measure a case in a process that can use this many cores. Raises SystemExit if the process fails."""
    chosen = ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores]))
    command = ["taskset", "-c", chosen, sys.executable, "-m", "bench.imgy"]
    with tempfile.TemporaryDirectory() as kept, contending("imgy", command, case.task(folder, Path(kept))) as one:
        return Taken(Spread.of(one.turn() for _ in range(_TURNS)).median, one.peak)


def table(folder: Path) -> Table:
    """The table of all cases."""
    drawn = Table(box=box.SIMPLE, pad_edge=False)
    drawn.add_column("what", no_wrap=True)
    for heading in ("one core", "two cores", "ratio", "peak MB"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    for case in CASES:
        one, two = taken(case, folder, 1), taken(case, folder, 2)
        figures = seconds_text(one.seconds), seconds_text(two.seconds), f"{two.seconds / one.seconds:.2f}"
        drawn.add_row(case.what, *figures, megabytes_text(max(one.peak, two.peak)))
    return drawn


def _draw(path: Path) -> None:
    from bench.originals import enlarged

    enlarged(_LARGEST).save(path, "JPEG", quality=90, progressive=True)


def main() -> None:
    """Print the table."""
    folder = originals()
    if not (folder / LARGEST).exists():
        # In a process of its own: it takes memory, and the peak memory of a child process starts at that of its parent.
        drawing = Process(target=_draw, args=[folder / LARGEST])
        drawing.start()
        drawing.join()
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(machine())
    console.print(f"medians of {_TURNS} turns")
    console.print(table(folder))


if __name__ == "__main__":
    main()
