"""imgy as a contender: its flows on buckets in memory, with or without its worker process."""

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
    """The pictures that an upload makes; the manifest is written, too, but not returned."""
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
    """Opens and renders in this process, without a deadline, to measure the cost of the worker process."""
    from chalicelib.rendering.renderer import prepare

    yield prepare(sources, derivatives, limits)


def demanded(originals: MemoryStore, key: str, name: str, prepare: Prepare) -> Made:
    """The picture that a request renders on demand."""
    derivative = parse_path(f"{key}/{name}")
    assert derivative
    prerender = Prerender(originals, Derivatives(MemoryStore(), ""), Presets(), prepare=prepare)
    return {name: OnDemand(prerender).find(derivative, Timing()).read()}


def main(task: dict[str, Any]) -> None:
    """Run the task as a contender."""
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
