"""`python -m bench.listings`: measures plan and audit for a million originals, in buckets that are generated."""

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from tempfile import TemporaryFile
from typing import Annotated, TypeVar

import typer

from chalicelib.flows.prerender import Prerender
from chalicelib.presets.file import load_configuration
from chalicelib.presets.presets import Presets
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.manifest import Manifest, original_of
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Object
from cli.operate.audit import Report, audit
from cli.operate.backfill import plan
from cli.operate.findings import by_manifest

Result = TypeVar("Result")

_MOMENT = datetime.now(UTC)
_ETAG = "0" * 32
_LACKING = 3
"""Every third original has no derivatives yet."""


class Originals(MemoryStore):
    """A bucket with `count` generated originals."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Object]:
        return (_object(f"photos/{number:09}.jpg") for number in range(self._count))

    def head(self, key: str) -> Object | None:
        return _object(key)


class Made(MemoryStore):
    """A bucket with the generated derivatives of two thirds of the originals."""

    def __init__(self, originals: Originals, presets: Presets) -> None:
        super().__init__()
        self._originals, self._presets = originals, presets

    @cache  # noqa: B019
    def _names(self) -> list[str]:
        return sorted(["manifest.json", *(made.name for made in self._presets.derivatives("photo.jpg").values())])

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Object]:
        there = (found.key for found in self._originals.listing() if not _lacks(found.key))
        return (_object(f"{key}/{name}") for key in there for name in self._names())

    def names(self, folder: str) -> Iterator[str]:
        return iter(() if _lacks(folder[:-1]) else [f"{folder}{name}" for name in self._names()])

    def get(self, key: str) -> Object | None:
        if _lacks(original_of(key) or ""):
            return None
        body = Manifest(_ETAG, derivatives={name: {"etag": _ETAG} for name in self._names()}).to_json()
        return replace(_object(key), read=lambda: body)


def _object(key: str) -> Object:
    return Object(key, _ETAG, 100_000, _MOMENT)


def _lacks(original: str) -> bool:
    return int(original.rpartition("/")[2].removesuffix(".jpg")) % _LACKING == 0


def main(originals: Annotated[int, typer.Option(help="Number of originals.")] = 1_000_000) -> None:
    """Print the seconds of a plan and an audit, without S3's own time, and the peak memory of the process."""
    store, presets = Originals(originals), load_configuration().presets
    prerender = Prerender(store, Derivatives(Made(store, presets), ""), presets)
    with TemporaryFile("w+", encoding="utf-8") as keys:
        found = _timed("plan", lambda: plan(prerender, keys).work.derivatives)
        print(f"  {found:,} derivatives missing")
    report = Report()
    _timed("audit", lambda: audit(prerender, by_manifest, report))
    print(f"  {report.counts['complete']:,} complete, {report.counts['missing']:,} missing")


def _timed(what: str, work: Callable[[], Result]) -> Result:
    start = time.perf_counter()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {time.perf_counter() - start:,.0f} s, at most {peak:,.0f} MB", flush=True)
    return result


if __name__ == "__main__":
    typer.run(main)
