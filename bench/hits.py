"""Measures a hit against reading the object from S3, and importing the app against importing boto3."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.contender import contending
from bench.measuring import Turns, interleaved
from cli import ROOT
from cli.embedded import environment
from cli.embedded.ports import listen
from cli.embedded.s3 import embedded_s3

HIT, READ = "hit", "read"
APP, BOTO3 = "app", "boto3"


def hits(original: Path, folder: Path, repetitions: int, done: Callable[[], object]) -> tuple[Turns, int, int]:
    """Seconds of a hit and of a read, turn by turn, and the peak memory of both in bytes."""
    port = _free_port()
    task = {"s3_port": port, "original": str(original), "kept": str(folder)}
    command = [sys.executable, "-m", "bench.serving"]
    with (
        embedded_s3(port, folder),
        contending(HIT, command, {**task, "through_app": True}) as hit,  # the first turn, a miss, is not measured
        contending(READ, command, {**task, "through_app": False}) as read,
    ):
        return interleaved([hit, read], repetitions, done), hit.peak, read.peak


def _free_port() -> int:
    with listen(0, "S3_PORT") as listener:
        return int(listener.getsockname()[1])


def imports(repetitions: int, done: Callable[[], object]) -> Turns:
    """Seconds to import the app, and to import boto3 alone, each in a new process, turn by turn."""
    turns: Turns = {APP: [], BOTO3: []}
    for _ in range(repetitions):
        for name, taken in turns.items():
            taken.append(_import_seconds(name))
        done()
    return turns


def _import_seconds(module: str) -> float:
    fake = {**environment.CREDENTIALS, "AWS_DEFAULT_REGION": environment.REGION, "AWS_LAMBDA_FUNCTION_NAME": "imgy"}
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    process = subprocess.run(command, cwd=ROOT, env={**os.environ, **fake}, capture_output=True, text=True, check=True)
    # import time:      self [us] | cumulative | imported package
    lines = re.findall(r"^import time:\s+\d+ \|\s+(\d+) \|\s*(\S+)$", process.stderr, re.MULTILINE)
    return int({name: microseconds for microseconds, name in lines}[module]) / 1e6
