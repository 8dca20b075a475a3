"""`python -m bench.soak`: checks that a warm process does not leak memory, descriptors, threads or temporary files."""

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
from cli.embedded import environment
from cli.embedded.s3 import embedded_s3

_CALLERS = 2
_WORKER = b"chalicelib.sandbox.worker"
"""Part of the command line of a worker process (chalicelib/sandbox/pool.py)."""

_SAMPLES = 60
_WARMING = 1 / 3
"""The share of the time in which heaps and pools reach their final size."""


@dataclass(frozen=True)
class Sample:
    """The resources of the process after some seconds and calls; its own memory and that of its workers in MB."""

    seconds: float
    calls: int
    memory: float
    rendering: float
    processes: int
    descriptors: int
    threads: int
    files: int


MOST = {"memory": 5.0, "rendering": 5.0, "processes": 0.5, "descriptors": 2.0, "threads": 2.0, "files": 0.5}
"""The most that each may grow in 1,000 calls."""


def sample(start: float, calls: int, folder: Path) -> Sample:
    """Measure this process; `folder` is that of its temporary files."""
    status, workers = _status(Path("/proc/self")), list(_workers())
    return Sample(
        time.monotonic() - start,
        calls,
        _megabytes(status),
        sum(map(_megabytes, workers)),
        len(workers),
        len(os.listdir("/proc/self/fd")),
        int(status["Threads"]),
        sum(len(files) for _, _, files in os.walk(folder)),
    )


def _status(process: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())


def _workers() -> Iterator[dict[str, str]]:
    """The status of each worker process."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            status = _status(process)
            if int(status["PPid"]) == os.getpid() and _WORKER in (process / "cmdline").read_bytes():
                yield status


def _megabytes(status: dict[str, str]) -> float:
    return int(status.get("VmRSS", "0 kB").split()[0]) / 1000


def slope(across: Sequence[float], up: Sequence[float]) -> float:
    """The slope of the least-squares line; 0 if all x are equal."""
    middle, height = sum(across) / len(across), sum(up) / len(up)
    width = sum((x - middle) ** 2 for x in across)
    return sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True)) / width if width else 0.0


def growth(samples: Sequence[Sample], name: str, per: str) -> float:
    """The growth of a figure with each call, or each second, once the process is warm."""
    warm = samples[int(len(samples) * _WARMING) :]
    return slope([getattr(one, per) for one in warm], [getattr(one, name) for one in warm])


def soak(traffic: Sequence[Traffic], seconds: float, folder: Path, shown: Callable[[Sample], object]) -> list[Sample]:
    """Run the callers for these seconds; they pause while the process is measured."""
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
    """How often each action was done."""
    seen = sum((Counter(caller.seen) for caller in traffic), Counter[str]())
    return Counter({what: count for what, count in seen.items() if not what.startswith("answer")})


@contextmanager
def warm_process(seed: int) -> Iterator[tuple[list[Traffic], Path]]:
    """Run the app on an embedded S3 with empty buckets, with a folder of its own for temporary files."""
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind((environment.HOST, 0))
        port = probe.getsockname()[1]
        probe.close()
        os.environ["TMPDIR"] = os.environ["MAGICK_TEMPORARY_PATH"] = tempfile.tempdir = folder
        with embedded_s3(port, Path(data)):
            environment.point_to_this_machine(port)
            for bucket in (environment.ORIGINALS, environment.DERIVATIVES):
                environment.s3_client().create_bucket(Bucket=bucket)
            yield callers(importlib.import_module("app"), _CALLERS, seed), Path(folder)


def verdict(samples: Sequence[Sample], most: dict[str, float]) -> Iterator[tuple[str, bool]]:
    """A line for each figure, and whether its growth is within its bound."""
    for name, bound in most.items():
        by_call, by_hour = 1000 * growth(samples, name, "calls"), 3600 * growth(samples, name, "seconds")
        is_within = by_call <= bound
        unit = " MB" if name in ("memory", "rendering") else ""
        figures = f"{name:<12}{by_call:+8.3f}{unit} per 1,000 calls, {by_hour:+8.1f}{unit} an hour"
        yield f"{figures}; must be ≤ {bound:g}: {'reached' if is_within else 'MISSED'}", is_within


def main(
    minutes: Annotated[float, typer.Option(min=0.05)] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the callers' actions.")] = 1,
) -> None:
    """Run the soak test. Exits with 1 if a figure grows too much, or if a response was unexpected."""
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
    console.print("\n".join(line for line, _ in lines) + f"\nunexpected: {len(wrong)}")
    raise typer.Exit(int(bool(wrong) or not all(is_within for _, is_within in lines)))


def _line(one: Sample) -> str:
    return "".join(f"{getattr(one, field.name):>12,.0f}" for field in fields(one))


def _all_seen(traffic: Sequence[Traffic]) -> Counter[str]:
    return sum((Counter(caller.seen) for caller in traffic), Counter[str]())


if __name__ == "__main__":
    typer.run(main)
