"""Installs sharp from npm into a folder of the bench, if node is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

VERSION = "0.35.5"
SCRIPT = Path(__file__).with_name("sharp.mjs")


class NoSharp(Exception):
    """The reason why sharp is not available."""


def sharp(cache: Path) -> list[str]:
    """The command that runs sharp as a contender. Raises NoSharp."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        raise NoSharp("npm was not found")
    folder = cache / f"sharp-{VERSION}"
    command = [node, str(SCRIPT), str(folder)]
    if not _runs(command):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        quietly = ("--no-audit", "--no-fund", "--loglevel=error")
        _runs([npm, "install", "--prefix", str(folder), *quietly, f"sharp@{VERSION}"])
        if not _runs(command):
            raise NoSharp(f"npm could not install sharp@{VERSION} for this node")
    return command


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0
