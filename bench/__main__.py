"""`python -m bench`: prints the tables; docs/bench.md explains them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.cases import CASES, ORIGIN, ORIGINALS, Case
from bench.machine import machine
from bench.rounds import PYTHON, SHARP, Bench
from bench.sharp import NoSharp, sharp
from bench.tables import pictures, times
from cli import ROOT

CACHE = ROOT / ".cache" / "bench"

REPETITIONS = typer.Option(min=1, help="Turns of each contender in each case.")
ONLY = typer.Option(metavar="TEXT", help="Run only the cases with this text in their name.")


def main(repetitions: Annotated[int, REPETITIONS] = 5, only: Annotated[str, ONLY] = "") -> None:
    """Measure imgy against plain Wand, and against sharp if npm is installed."""
    cases = [case for case in CASES if only in case.what]
    if not cases:
        raise SystemExit(f"bench: no case has '{only}' in its name; cases: {'; '.join(case.what for case in CASES)}")
    console = Console(width=None if sys.stdout.isatty() else 160)
    found, commands = originals(), dict[str, Sequence[str]](PYTHON)
    try:
        commands[SHARP] = sharp(CACHE)
    except NoSharp as reason:
        console.print(f"without sharp: {reason}")
    with tempfile.TemporaryDirectory() as kept:
        measure(Bench(found, Path(kept), repetitions, commands), cases, console)


def originals() -> Path:
    """The folder of the originals; the first call creates them."""
    folder = CACHE / "originals"
    if not all((folder / name).exists() for name in (*ORIGINALS, ORIGIN)):
        print("Preparing the originals", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "bench.originals", str(folder)], check=True)
    return folder


def measure(bench: Bench, cases: Sequence[Case], console: Console) -> None:
    """Run the bench and print its tables."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=bench.rounds(cases))
        bench.done = lambda: progress.advance(task)
        rows = []
        for case in cases:
            progress.update(task, description=case.what)
            rows += bench.rows(case)
        for case in cases:
            if case.name:
                progress.update(task, description="the cost of the worker process")
                rows.append(bench.worker_row(case))
        progress.update(task, description="a hit, a cold start")
        rows += [bench.hit_row(), bench.import_row()]
    console.print(f"{machine()}\n" + "\n".join(f"{name}: {versions}" for name, versions in bench.versions.items()))
    console.print(f"photo: {(bench.originals / ORIGIN).read_text()}")
    console.print(f"medians of {bench.repetitions} turns each, one after the other; the range is in brackets")
    console.print(times(rows))
    console.print("Bytes, and SSIM to the original scaled with Pillow's Lanczos filter (1 is equal)")
    console.print(pictures({case.what: bench.made(case) for case in cases}, bench.commands))


if __name__ == "__main__":
    typer.run(main)
