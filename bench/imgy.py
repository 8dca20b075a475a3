"""This pipeline as a contender: its flows, on buckets in memory; and without the process that renders for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.contender import Made, compete
from chalicelib.decoding.source import Source
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.limits import Limits
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.file import read_configuration
from chalicelib.presets.presets import Presets
from chalicelib.rendered import Prepare, Rendering
from chalicelib.sandbox.pool import WORKERS
from chalicelib.settings import Settings
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content
from chalicelib.transformation import Derivative, parse_path


def uploaded(presets: Presets, originals: MemoryStore, key: str) -> Made:
    """All that an upload leaves in the derivatives bucket but the manifest, which takes its time, too."""
    store = MemoryStore()
    Prerender(originals, Derivatives(store, ""), presets, renderers=Settings().renderers).reconcile(key)
    bodies = {
        name.removeprefix(f"{key}/"): found.read() for name in store.names(f"{key}/") if (found := store.get(name))
    }
    return {name: body for name, body in bodies.items() if name != "manifest.json"}


@contextmanager
def inside(
    sources: Sequence[Source], derivatives: Iterable[Derivative], limits: Limits, seconds: float
) -> Iterator[Rendering]:
    """Opens and renders in this very process, where nothing ends what hangs: to measure what the other one costs."""
    from chalicelib.rendering.renderer import prepare

    yield prepare(sources, derivatives, limits)


def demanded(originals: MemoryStore, key: str, name: str, prepare: Prepare) -> Made:
    """The one picture that a request finds missing."""
    derivative = parse_path(f"{key}/{name}")
    assert derivative
    prerender = Prerender(originals, Derivatives(MemoryStore(), ""), Presets(), prepare=prepare)
    return {name: OnDemand(prerender).find(derivative, Timing()).read()}


def main(task: dict[str, Any]) -> None:
    """Compete in the task."""
    path, originals = Path(task["original"]), MemoryStore()
    originals.put(path.name, Content(path.read_bytes()))
    if task["presets"]:
        work = partial(uploaded, read_configuration(task["presets"]).presets, originals, path.name)
    else:
        prepare = inside if task.get("inside") else WORKERS.prepare
        work = partial(demanded, originals, path.name, task["pictures"][0]["name"], prepare)
    versions = ", ".join(f"{name} {version}" for name, version in WORKERS.report()["versions"].items())
    compete(work, versions, task["kept"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
