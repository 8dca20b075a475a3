"""A contender is a process of its own that makes the same pictures again at each line it is sent.

It first makes them once unmeasured and says who it is; for each line it says how long it took (seconds) and its peak
of memory so far (bytes); at the end of the lines it leaves its pictures where the task says.
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
    """Be a contender, from this side of the pipes; `kept` is the folder for the pictures."""
    made = work()
    _say({"versions": versions})
    for _ in sys.stdin:
        start = time.perf_counter()
        made = work()
        seconds = time.perf_counter() - start
        _say({"seconds": seconds, "peak": _peak()})
    for name, body in made.items():
        (Path(kept) / name).write_bytes(body)


def _peak() -> int:
    """Bytes of memory that this process and those that it started have had at most."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
    started = [status for status in _statuses() if re.search(rf"^PPid:\s+{os.getpid()}$", status, re.MULTILINE)]
    peaks = [re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE) for status in started]
    return own + sum(1024 * int(peak[1]) for peak in peaks if peak)


def _statuses() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            yield path.read_text()


def _say(words: Mapping[str, Any]) -> None:
    print(json.dumps(words), flush=True)


@dataclass
class Contender:
    """A contender, from the other side of the pipes."""

    name: str
    process: subprocess.Popen[str]
    versions: str = ""
    peak: int = 0

    def turn(self) -> float:
        """Make the pictures once; how many seconds it took."""
        assert self.process.stdin
        print(file=self.process.stdin, flush=True)
        answer = self.heard()
        self.peak = int(answer["peak"])
        return float(answer["seconds"])

    def heard(self) -> Any:
        """What it says next; raises SystemExit where it has ended instead."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: {self.name} ended with {self.process.wait()}; what it said stands above")
        return json.loads(line)


@contextmanager
def contending(name: str, command: Sequence[str], task: Mapping[str, Any]) -> Iterator[Contender]:
    """A contender that is ready for its first turn; once it has left its pictures, it is gone."""
    # Nothing that would set ImageMagick right for one side only.
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
            contender.versions = contender.heard()["versions"]
            yield contender
        except BaseException:
            process.kill()
            raise
        assert process.stdin
        process.stdin.close()
        process.wait()
