"""This pipeline as a contender: its flows, on buckets in memory."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from bench.contender import Made, compete
from chalicelib.derivatives import Derivatives
from chalicelib.pipeline import Pipeline
from chalicelib.presetfile import read_presets
from chalicelib.presets import Presets, Wanted
from chalicelib.rendering import VERSIONS
from chalicelib.settings import Settings
from chalicelib.storage import MemoryStore
from chalicelib.timing import Timing
from chalicelib.transformation import parse_path


def uploaded(presets: Presets, originals: MemoryStore, key: str) -> Made:
    """All that an upload leaves in the derivatives bucket but the manifest, which takes its time, too."""
    store = MemoryStore()
    Pipeline(originals, Derivatives(store, ""), presets, renderers=Settings().renderers).reconcile(key)
    bodies = {
        name.removeprefix(f"{key}/"): found.read() for name in store.names(f"{key}/") if (found := store.get(name))
    }
    return {name: body for name, body in bodies.items() if name != "manifest.json"}


def demanded(originals: MemoryStore, key: str, name: str) -> Made:
    """The one picture that a request finds missing."""
    derivative = parse_path(f"{key}/{name}")
    assert derivative
    found = Pipeline(originals, Derivatives(MemoryStore(), ""), Presets()).find(Wanted(derivative), Timing())
    return {name: found.read()}


def main(task: dict[str, Any]) -> None:
    """Compete in the task."""
    path, originals = Path(task["original"]), MemoryStore()
    originals.put(path.name, path.read_bytes())
    if task["presets"]:
        work = partial(uploaded, read_presets(task["presets"]), originals, path.name)
    else:
        work = partial(demanded, originals, path.name, task["pictures"][0]["name"])
    versions = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())
    compete(work, versions, task["kept"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
