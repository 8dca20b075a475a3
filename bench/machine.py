"""Describes the machine of a measurement."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

_CPUS = Path("/proc/cpuinfo")


def machine() -> str:
    """Date, processor, cores, system and Python in one line."""
    cores = f"{os.cpu_count()} cores"
    system = f"{platform.system()} {platform.machine()}"
    return ", ".join(
        [f"{datetime.now(UTC):%Y-%m-%d}", _processor(), cores, system, f"Python {platform.python_version()}"]
    )


def _processor() -> str:
    lines = _CPUS.read_text().splitlines() if _CPUS.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "processor unknown")
