"""The first flow: an original was uploaded, replaced or removed. It reads the buckets' current state, not the event."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..decoding.source import Source
from ..errors import Damaged, Refused, Unavailable
from ..limits import Limits
from ..presets.presets import Presets
from ..sandbox.pool import WORKERS
from ..settings import MOST_RENDERERS
from ..storage.derivatives import ATTEMPTS, Derivatives, DerivativesState, OriginalChanged, Stored, size_of
from ..storage.manifest import Manifest, manifest_key
from ..storage.store import Object, Store
from ..transformation import KEY_BYTES, Derivative
from .parallel import render_all, render_in_time

if TYPE_CHECKING:
    from ..rendered import Prepare, Rendered

CHANGING = "the original keeps changing; try again in a moment"


@dataclass(frozen=True)
class Reconciled:
    """The result of a reconciliation: `outcome` is made, unchanged, refused, gone or ignored; `written` are bytes.

    `refused` is the kind of the refusal, if this reconciliation has refused the original.
    """

    key: str
    outcome: str
    made: int = 0
    removed: int = 0
    written: int = 0
    reason: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Prerender:
    """The flow that brings derivatives in step with originals.

    `invalidate` takes the key of an original. The flow calls it after pictures are deleted and before the manifest is
    written; if it fails, the next event retries.
    """

    originals: Store
    derivatives: Derivatives
    presets: Presets
    limits: Limits = field(default_factory=Limits)
    invalidate: Callable[[str], object] = field(default=lambda key: None)
    prepare: Prepare = field(default=WORKERS.prepare)
    pool: Callable[[int], Executor] = field(default=ThreadPoolExecutor)
    renderers: int = MOST_RENDERERS

    def reconcile(self, key: str, left: Callable[[], float] = lambda: math.inf, last: bool = False) -> Reconciled:
        """Bring the derivatives of one key in step with the originals bucket; raises Unavailable.

        `left` returns the seconds until the deadline; what does not fit is done by the next event. `last` means that
        earlier attempts may have ended the process: a refusal is written first, and removed if this attempt succeeds.
        """
        if not may_have_derivatives(key):
            return Reconciled(key, "ignored", reason="a folder marker, or a key too long to have derivatives")
        for _ in range(ATTEMPTS):
            original = self.originals.get(key)
            try:
                reconciled = self._derive(original, left, last) if original else self._withdraw(key)
            except OriginalChanged:
                self.invalidate(key)  # the next attempt does not know what this one has deleted
                continue
            if self.etags([key]) == [original.etag if original else None]:
                return reconciled
        raise Unavailable(CHANGING)

    def etags(self, keys: Iterable[str]) -> list[str | None]:
        """The current ETags of originals; None for a missing one."""
        return [found.etag if found else None for found in map(self.originals.head, keys)]

    def are_current(self, originals: Sequence[Object]) -> bool:
        """Whether these originals are still the ones in the bucket."""
        return self.etags(original.key for original in originals) == [original.etag for original in originals]

    def sources(self, originals: Sequence[Object]) -> list[Source]:
        """Read originals; raises TooLarge or Unavailable."""
        for original in originals:
            self.limits.check_bytes(original.length)
        return [Source(original.key, original.read()) for original in originals]

    def put(self, originals: Sequence[Object], derivative: Derivative, rendered: Rendered) -> Stored:
        """Store one derivative made from these originals; raises OriginalChanged or Unavailable."""
        adhoc = self.derivatives.expire and derivative.key not in self.presets.derivatives(derivative.original)
        is_current = partial(self.are_current, originals)
        return self.derivatives.put_if_current(originals, derivative, rendered, is_current, adhoc)

    def _withdraw(self, key: str) -> Reconciled:
        pictures, has_manifest = self.derivatives.keys_of(key)
        if pictures and not has_manifest:
            self.derivatives.mark_stale(key)
        if pictures or has_manifest:
            self._commit(key, pictures, True, None)
        return Reconciled(key, "gone", removed=len(pictures) + has_manifest)

    def _commit(self, key: str, stale: Collection[str], changed: bool, manifest: Manifest | None) -> int:
        """Delete stale pictures, then invalidate the CDN if anything `changed`, then write or delete the manifest.

        The order matters: until the manifest is written, the next event repeats what a failure left undone.
        Returns how many pictures were deleted.
        """
        removed = self.derivatives.delete(stale)
        if changed:
            self.invalidate(key)
        self.derivatives.put_manifest(key, manifest)
        return removed

    def _derive(self, original: Object, left: Callable[[], float], last: bool) -> Reconciled:
        wanted, state = self.presets.derivatives(original.key), self.derivatives.state(original)
        if state.is_complete(wanted):
            return Reconciled(original.key, "unchanged", reason=state.refused)
        if state.stale and not state.overwritten:
            self.derivatives.mark_stale(original.key)
        removed = self.derivatives.delete(key for key in state.stale if key not in wanted)
        self.derivatives.clear_expiry(found for key, found in state.own.items() if key in wanted)
        try:
            with self._refused_meanwhile(original, state) if last else nullcontext():
                return self._render_all(original, wanted, state, removed, left)
        except Refused as refused:
            return self._refuse(original, refused, state)

    @contextmanager
    def _refused_meanwhile(self, original: Object, state: DerivativesState) -> Iterator[None]:
        self._refuse(original, Damaged("rendering it ended the process at every attempt"), state)
        try:
            yield
        except Exception:
            self.derivatives.mark_stale(original.key)
            raise

    def _render_all(
        self,
        original: Object,
        wanted: Mapping[str, Derivative],
        state: DerivativesState,
        removed: int,
        left: Callable[[], float],
    ) -> Reconciled:
        missing = [derivative for key, derivative in wanted.items() if key not in state.own]
        seconds = self.limits.preset_seconds
        with self.prepare(self.sources([original]), missing, self.limits, seconds) as rendering:
            # The slowest first; otherwise one thread would wait for the other's last one.
            missing.sort(key=rendering.area, reverse=True)
            render = partial(render_in_time, rendering.render, left, seconds)
            stored = render_all(partial(self.pool, self.renderers), render, partial(self.put, [original]), missing)
            description = rendering.describe()
        made = [picture.object for picture in stored]
        present = [*(found for key, found in state.own.items() if key in wanted), *made]
        entries = {wanted[picture.key].name: _entry(picture) for picture in present}
        manifest = Manifest.of_rendered(original.etag, original.length, description, entries)
        self._commit(original.key, (), state.changed or any(picture.replaced for picture in stored), manifest)
        return Reconciled(original.key, "made", len(made), removed, sum(picture.length for picture in made))

    def _refuse(self, original: Object, refused: Refused, state: DerivativesState) -> Reconciled:
        manifest = Manifest.refusing(original.etag, original.length, refused)
        removed = self._commit(original.key, state.stale, state.changed, manifest)
        kind = type(refused).__name__
        return Reconciled(original.key, "refused", removed=removed, reason=str(refused), refused=kind)


def may_have_derivatives(key: str) -> bool:
    """Whether a key may have derivatives: it is not a folder marker, and S3 accepts its manifest's key."""
    return bool(key) and not key.endswith("/") and len(manifest_key(key).encode()) <= KEY_BYTES


def _entry(stored: Object) -> dict[str, Any]:
    size = size_of(stored)
    return {"width": size.width, "height": size.height, "length": stored.length, "etag": stored.etag}
