"""`python -m bench.soak`: hours in one warm process; memory, descriptors, threads and temporary files are to stay."""

from __future__ import annotations

import importlib
import logging
import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.machine import machine
from bench.traffic import Traffic, callers
from cli.embedded import environment as local
from cli.embedded.s3 import embedded_s3

_CALLERS = 2
_CHILD = b"chalicelib.sandbox.worker"
"""What the command of a process that renders names (chalicelib/sandbox/pool.py)."""

_SAMPLES = 60
_WARMING = 1 / 3
"""The share of the time in which heaps and pools grow to the size that they keep."""


@dataclass(frozen=True)
class Sample:
    """What the process holds after so many seconds and calls; memory in MB, also that of the processes that render."""

    seconds: float
    calls: int
    memory: float
    rendering: float
    processes: int
    descriptors: int
    threads: int
    files: int


MOST = {"memory": 5.0, "rendering": 5.0, "processes": 0.5, "descriptors": 2.0, "threads": 2.0, "files": 0.5}
"""By how much each may grow in 1,000 calls."""


def sample(start: float, calls: int, folder: Path) -> Sample:
    """Look at this process; `folder` is where its temporary files would be."""
    status, children = _status(Path("/proc/self")), list(_children())
    return Sample(
        time.monotonic() - start,
        calls,
        _megabytes(status),
        sum(map(_megabytes, children)),
        len(children),
        len(os.listdir("/proc/self/fd")),
        int(status["Threads"]),
        sum(len(files) for _, _, files in os.walk(folder)),
    )


def _status(process: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())


def _children() -> Iterator[dict[str, str]]:
    """The status of each process that renders for this one."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            status = _status(process)
            if int(status["PPid"]) == os.getpid() and _CHILD in (process / "cmdline").read_bytes():
                yield status


def _megabytes(status: dict[str, str]) -> float:
    return int(status.get("VmRSS", "0 kB").split()[0]) / 1000


def slope(across: Sequence[float], up: Sequence[float]) -> float:
    """Of the line that fits best, by least squares; 0 where all is measured at one place."""
    middle, height = sum(across) / len(across), sum(up) / len(up)
    width = sum((x - middle) ** 2 for x in across)
    return sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True)) / width if width else 0.0


def growth(samples: Sequence[Sample], name: str, per: str) -> float:
    """By how much something grows with each call, or each second, once the process is warm."""
    warm = samples[int(len(samples) * _WARMING) :]
    return slope([getattr(one, per) for one in warm], [getattr(one, name) for one in warm])


def soak(traffic: Sequence[Traffic], seconds: float, folder: Path, shown: Callable[[Sample], object]) -> list[Sample]:
    """Let the callers call for so long; they pause while the process is looked at."""
    start, samples = time.monotonic(), list[Sample]()
    for number in range(_SAMPLES):
        until = start + seconds * (number + 1) / _SAMPLES
        with ThreadPoolExecutor(len(traffic)) as callers_of_a_round:
            list(callers_of_a_round.map(partial(_call_until, until), traffic))
        samples.append(sample(start, sum(counted(traffic).values()), folder))
        shown(samples[-1])
    return samples


def _call_until(until: float, caller: Traffic) -> None:
    while time.monotonic() < until:
        caller()


def counted(traffic: Sequence[Traffic]) -> Counter[str]:
    """How often each thing was done."""
    seen = sum((Counter(caller.seen) for caller in traffic), Counter[str]())
    return Counter({what: count for what, count in seen.items() if not what.startswith("answer")})


@contextmanager
def warm_process(seed: int) -> Iterator[tuple[list[Traffic], Path]]:
    """The app on an embedded S3 with empty buckets, in a process whose temporary files go to a folder of their own."""
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind((local.HOST, 0))
        port = probe.getsockname()[1]
        probe.close()
        os.environ["TMPDIR"] = os.environ["MAGICK_TEMPORARY_PATH"] = tempfile.tempdir = folder
        with embedded_s3(port, Path(data)):
            local.point_to_this_machine(port)
            for bucket in (local.ORIGINALS, local.DERIVATIVES):
                local.s3_client().create_bucket(Bucket=bucket)
            yield callers(importlib.import_module("app"), _CALLERS, seed), Path(folder)


def verdict(samples: Sequence[Sample], most: dict[str, float]) -> Iterator[tuple[str, bool]]:
    """A line on each thing that is to stay, and whether it did."""
    for name, bound in most.items():
        by_call, by_hour = 1000 * growth(samples, name, "calls"), 3600 * growth(samples, name, "seconds")
        held = by_call <= bound
        unit = " MB" if name in ("memory", "rendering") else ""
        told = f"{name:<12}{by_call:+8.3f}{unit} per 1,000 calls, {by_hour:+8.1f}{unit} an hour"
        yield f"{told}; must be ≤ {bound:g}: {'reached' if held else 'MISSED'}", held


def main(
    minutes: Annotated[float, typer.Option(min=0.05)] = 10,
    seed: Annotated[int, typer.Option(help="Of what the callers do.")] = 1,
) -> None:
    """Soak; exit 1 where something grows, or an answer was not as it should be."""
    logging.disable(logging.INFO)
    console = Console(width=120, highlight=False)
    console.print(f"{machine()}\n{_CALLERS} callers, {minutes:g} minutes, seed {seed}\n")
    console.print("".join(f"{field.name:>12}" for field in fields(Sample)))
    with warm_process(seed) as (traffic, folder):
        samples = soak(traffic, minutes * 60, folder, lambda one: console.print(_line(one)))
    console.print("\n" + ", ".join(f"{count:,} {what}" for what, count in _all_seen(traffic).most_common()))
    wrong = [what for caller in traffic for what in caller.wrong]
    for what in wrong[:10]:
        console.print(what, markup=False)
    lines = list(verdict(samples, MOST))
    console.print("\n".join(line for line, _ in lines) + f"\nnot as it should be: {len(wrong)}")
    raise typer.Exit(int(bool(wrong) or not all(held for _, held in lines)))


def _line(one: Sample) -> str:
    return "".join(f"{getattr(one, field.name):>12,.0f}" for field in fields(one))


def _all_seen(traffic: Sequence[Traffic]) -> Counter[str]:
    return sum((Counter(caller.seen) for caller in traffic), Counter[str]())


if __name__ == "__main__":
    typer.run(main)
