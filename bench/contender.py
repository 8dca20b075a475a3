"""A contender: a process that makes the same pictures again for each line on its standard input.

It first makes them once without measuring and prints its versions. For each line it prints the seconds that it took and
its peak memory so far in bytes. At the end of the input it writes its pictures into the task's folder.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import ROOT

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024

Made = Mapping[str, bytes]


def compete(work: Callable[[], Made], versions: str, kept: str) -> None:
    """Run as a contender, in its process; `kept` is the folder for the pictures."""
    made = work()
    _print({"versions": versions})
    for _ in sys.stdin:
        start = time.perf_counter()
        made = work()
        seconds = time.perf_counter() - start
        _print({"seconds": seconds, "peak": _peak()})
    for name, body in made.items():
        (Path(kept) / name).write_bytes(body)


def _peak() -> int:
    """The peak memory in bytes of this process and its child processes."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
    started = [status for status in _statuses() if re.search(rf"^PPid:\s+{os.getpid()}$", status, re.MULTILINE)]
    peaks = [re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE) for status in started]
    return own + sum(1024 * int(peak[1]) for peak in peaks if peak)


def _statuses() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            yield path.read_text()


def _print(fields: Mapping[str, Any]) -> None:
    print(json.dumps(fields), flush=True)


@dataclass
class Contender:
    """A contender process, seen from the bench."""

    name: str
    process: subprocess.Popen[str]
    versions: str = ""
    peak: int = 0

    def turn(self) -> float:
        """Let it make the pictures once; return the seconds that it took."""
        assert self.process.stdin
        print(file=self.process.stdin, flush=True)
        answer = self.read()
        self.peak = int(answer["peak"])
        return float(answer["seconds"])

    def read(self) -> Any:
        """Read its next line. Raises SystemExit if the process has ended."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: {self.name} ended with {self.process.wait()}; see its message above")
        return json.loads(line)


@contextmanager
def contending(name: str, command: Sequence[str], task: Mapping[str, Any]) -> Iterator[Contender]:
    """Start a contender that is ready for its first turn. At the end it writes its pictures and exits."""
    # Remove settings that would tune ImageMagick or libvips.
    environment = {key: text for key, text in os.environ.items() if not key.startswith(("MAGICK_", "OMP_", "VIPS_"))}
    with subprocess.Popen(
        [*command, json.dumps(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
    ) as process:
        contender = Contender(name, process)
        try:
            contender.versions = contender.read()["versions"]
            yield contender
        except BaseException:
            process.kill()
            raise
        assert process.stdin
        process.stdin.close()
        process.wait()
