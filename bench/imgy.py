"""This pipeline as a contender: its flows, on buckets in memory; and without the process that renders for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.contender import Made, compete
from chalicelib.derivatives import Derivatives
from chalicelib.limits import Limits
from chalicelib.pipeline import CHILDREN, Pipeline, Prepare
from chalicelib.presetfile import read_presets
from chalicelib.presets import Presets, Wanted
from chalicelib.rendered import Renders
from chalicelib.settings import Settings
from chalicelib.storage import MemoryStore
from chalicelib.timing import Timing
from chalicelib.transformation import Derivative, parse_path


def uploaded(presets: Presets, originals: MemoryStore, key: str) -> Made:
    """All that an upload leaves in the derivatives bucket but the manifest, which takes its time, too."""
    store = MemoryStore()
    Pipeline(originals, Derivatives(store, ""), presets, renderers=Settings().renderers).reconcile(key)
    bodies = {
        name.removeprefix(f"{key}/"): found.read() for name in store.names(f"{key}/") if (found := store.get(name))
    }
    return {name: body for name, body in bodies.items() if name != "manifest.json"}


@contextmanager
def inside(original: bytes, derivatives: Iterable[Derivative], limits: Limits, seconds: float) -> Iterator[Renders]:
    """Opens and renders in this very process, where nothing ends what hangs: to measure what the other one costs."""
    from chalicelib.rendering import prepare

    yield prepare(original, derivatives, limits)


def demanded(originals: MemoryStore, key: str, name: str, prepare: Prepare) -> Made:
    """The one picture that a request finds missing."""
    derivative = parse_path(f"{key}/{name}")
    assert derivative
    pipeline = Pipeline(originals, Derivatives(MemoryStore(), ""), Presets(), prepare=prepare)
    return {name: pipeline.find(Wanted(derivative), Timing()).read()}


def main(task: dict[str, Any]) -> None:
    """Compete in the task."""
    path, originals = Path(task["original"]), MemoryStore()
    originals.put(path.name, path.read_bytes())
    if task["presets"]:
        work = partial(uploaded, read_presets(task["presets"]), originals, path.name)
    else:
        prepare = inside if task.get("inside") else CHILDREN.prepare
        work = partial(demanded, originals, path.name, task["pictures"][0]["name"], prepare)
    versions = ", ".join(f"{name} {version}" for name, version in CHILDREN.introduction()["versions"].items())
    compete(work, versions, task["kept"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
