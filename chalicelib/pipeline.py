"""The flows: an original arrived or went, a derivative is wanted. Each acts on what the buckets hold now."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Protocol

from .children import Children
from .derivatives import (
    ATTEMPTS,
    Derivatives,
    Kept,
    Overtaken,
    Survey,
    original_etag,
    original_modified,
    seen,
    size_of,
)
from .errors import Damaged, NotFound, Refused, TooSlow, Unavailable
from .flight import Flights
from .limits import Limits
from .manifest import Manifest, manifest_key
from .presets import Presets, Wanted
from .settings import MOST_RENDERERS
from .side_by_side import in_time, side_by_side
from .storage import Object, Store
from .timing import Timing
from .transformation import KEY_BYTES, Derivative

if TYPE_CHECKING:
    from .rendered import Rendered, Renders

_ASKERS = 32
"""How many originals are asked for beside their derivatives at once: as many as the client has connections."""

_SLOTS = 4
"""How many requests render at once in one process; a Lambda function has one."""

_CHANGING = "the original keeps changing; try again in a moment"


@dataclass(frozen=True)
class Settled:
    """What a reconciliation came to: `outcome` is made, kept, refused, gone or ignored; `written` are bytes.

    `refused` is the kind of a refusal that was new.
    """

    key: str
    outcome: str
    made: int = 0
    removed: int = 0
    written: int = 0
    reason: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Picture:
    """A derivative to answer with; `read` fetches its bytes."""

    etag: str
    content_type: str
    length: int
    modified: str
    hit: bool
    read: Callable[[], bytes]


CHILDREN = Children()
"""Where pictures are rendered, unless a pipeline is told otherwise."""


class Prepare(Protocol):
    """Opens an original for all these derivatives, each within so many seconds."""

    def __call__(
        self, original: bytes, derivatives: Iterable[Derivative], limits: Limits, seconds: float
    ) -> AbstractContextManager[Renders]: ...


@dataclass(frozen=True)
class Pipeline:
    """Two buckets and the presets; `forget` tells the caches of an original whose pictures are no longer so.

    It is called when those pictures are gone from the bucket and before the manifest says so: were it to fail, the next
    event would call it again.
    """

    originals: Store
    derivatives: Derivatives
    presets: Presets
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_SLOTS))
    forget: Callable[[str], object] = field(default=lambda key: None)
    prepare: Prepare = field(default=CHILDREN.prepare)
    pool: Callable[[int], Executor] = field(default=ThreadPoolExecutor)
    flights: Flights = field(default_factory=Flights)
    renderers: int = MOST_RENDERERS
    beside: Executor = field(default_factory=partial(ThreadPoolExecutor, _ASKERS))

    def reconcile(self, key: str, left: Callable[[], float] = lambda: math.inf, last: bool = False) -> Settled:
        """Bring the derivatives of one key in step with what the originals bucket holds now; raises Unavailable.

        `left` tells how many seconds there are: what does not fit is left to the next event. `last`: it was tried so
        often that it may be what ended each process; should it end this one, it is refused from then on.
        """
        if not takes(key):
            return Settled(key, "ignored", reason="a folder's marker, or a key with no room for derivatives")
        for _ in range(ATTEMPTS):
            original = self.originals.get(key)
            try:
                settled = self._derive(original, left, last) if original else self._withdraw(key)
            except Overtaken:
                self.forget(key)  # of what had gone by then, the next attempt knows nothing
                continue
            if self._current(key) == (original.etag if original else None):
                return settled
        raise Unavailable(_CHANGING)

    def _current(self, key: str) -> str | None:
        found = self.originals.head(key)
        return found.etag if found else None

    def _withdraw(self, key: str) -> Settled:
        pictures, known = self.derivatives.standing(key)
        if pictures and not known:
            self.derivatives.unsettle(key)
        if pictures or known:
            self.derivatives.delete(pictures)
            self.forget(key)
            self.derivatives.delete([manifest_key(key)])
        return Settled(key, "gone", removed=len(pictures) + known)

    def _derive(self, original: Object, left: Callable[[], float], last: bool) -> Settled:
        wanted, survey = self.presets.derivatives(original.key), self.derivatives.survey(original)
        if survey.settled(wanted):
            return Settled(original.key, "kept", reason=survey.refused)
        if survey.stale and not survey.overwritten:
            self.derivatives.unsettle(original.key)
        removed = self.derivatives.delete(key for key in survey.stale if key not in wanted)
        self.derivatives.let_stay(found for key, found in survey.own.items() if key in wanted)
        try:
            with self._refused_meanwhile(original, survey) if last else nullcontext():
                return self._render_all(original, wanted, survey, removed, left)
        except Refused as refused:
            return self._refuse(original, refused, survey)

    @contextmanager
    def _refused_meanwhile(self, original: Object, survey: Survey) -> Iterator[None]:
        self._refuse(original, Damaged("its rendering ended the process, each time it was tried"), survey)
        try:
            yield
        except Exception:
            self.derivatives.unsettle(original.key)
            raise

    def _render_all(
        self,
        original: Object,
        wanted: Mapping[str, Derivative],
        survey: Survey,
        removed: int,
        left: Callable[[], float],
    ) -> Settled:
        missing = [derivative for key, derivative in wanted.items() if key not in survey.own]
        limits = self.presets.limits
        with self.prepare(self._body(original), missing, limits, limits.preset_seconds) as rendering:
            # The longest first, or one thread would wait for the other's last.
            missing.sort(key=rendering.area, reverse=True)
            render = partial(in_time, rendering.render, left, limits.preset_seconds)
            kept = side_by_side(partial(self.pool, self.renderers), render, partial(self._keep, original), missing)
            description = rendering.describe()
        if survey.changed or any(replaced for _, replaced in kept):
            self.forget(original.key)
        made = [stored for stored, _ in kept]
        there = [*(stored for key, stored in survey.own.items() if key in wanted), *made]
        entries = {wanted[stored.key].name: _entry(stored) for stored in there}
        manifest = Manifest.telling(original.etag, original.length, description, entries)
        self.derivatives.put_manifest(original.key, manifest)
        return Settled(original.key, "made", len(made), removed, sum(stored.length for stored in made))

    def _keep(self, original: Object, derivative: Derivative, rendered: Rendered) -> Kept:
        adhoc = self.derivatives.expire and derivative.key not in self.presets.derivatives(original.key)
        return self.derivatives.keep(original, derivative, rendered, partial(self._current, original.key), adhoc)

    def _body(self, original: Object) -> bytes:
        self.presets.limits.hold(original.length)
        return original.read()

    def _refuse(self, original: Object, refused: Refused, survey: Survey) -> Settled:
        removed = self.derivatives.delete(survey.stale)
        if survey.changed:
            self.forget(original.key)
        self.derivatives.put_manifest(original.key, Manifest.refusing(original.etag, original.length, refused))
        kind = type(refused).__name__
        return Settled(original.key, "refused", removed=removed, reason=str(refused), refused=kind)

    def find(self, wanted: Wanted, timing: Timing) -> Picture:
        """The wanted derivative, from its bucket or rendered now; raises NotFound, Refused or Unavailable."""
        derivative, landed = wanted.derivative, self.flights.landed
        stored = self._stored(derivative, timing)
        if stored:
            return stored
        with ExitStack() as flight:
            others = self.flights.joined(derivative.key, landed, self.presets.limits.waiting_seconds)
            again = timing("wait", flight.enter_context, others)
            return (again and self._stored(derivative, timing)) or self._in_turn(derivative, timing)

    def _in_turn(self, derivative: Derivative, timing: Timing) -> Picture:
        waited = not self.slots.acquire(blocking=False)
        if waited and not timing("wait", self.slots.acquire, timeout=self.presets.limits.waiting_seconds):
            raise Unavailable("too many pictures are being rendered; try again in a moment")
        try:
            return (waited and self._stored(derivative, timing)) or self._made(derivative, timing)
        finally:
            self.slots.release()

    def _stored(self, derivative: Derivative, timing: Timing) -> Picture | None:
        """The picture that stands there, if it is of the original that is there now, which is asked for meanwhile."""
        asked = self.beside.submit(seen, self.originals.head, derivative.original)
        found = timing("fetch", self.derivatives.find, derivative.key)
        original = timing("check", asked.result) if found else None
        own = found and original and original_etag(found) == original.etag
        return _picture(found, True, timing) if found and own else None

    def _made(self, derivative: Derivative, timing: Timing) -> Picture:
        for _ in range(ATTEMPTS):
            try:
                return _picture(self._make(derivative, timing), False, timing)
            except Overtaken:
                continue
        raise Unavailable(_CHANGING)

    def _make(self, derivative: Derivative, timing: Timing) -> Object:
        """Render and store one derivative; raises Overtaken, nothing stored, where its original changed meanwhile."""
        known = takes(derivative.original)
        original = timing("original", seen, self.originals.get, derivative.original) if known else None
        if original is None:
            raise NotFound("there is no such original")
        self._refuse_again(original)
        rendered = timing("render", self._rendered, original, derivative)
        try:
            stored, replaced = timing("store", self._keep, original, derivative, rendered)
        finally:  # what S3 does not answer may have been done all the same
            self._take_back_unless_current(original, derivative, timing)
        if replaced:
            self.forget(original.key)
        return stored

    def _take_back_unless_current(self, original: Object, derivative: Derivative, timing: Timing) -> None:
        if timing("check", self._current, original.key) != original.etag:
            if self.derivatives.take_back(original, derivative.key):
                self.forget(original.key)
            raise Overtaken

    def _refuse_again(self, original: Object) -> None:
        manifest = self.derivatives.manifest(original.key)
        if manifest and manifest.etag == original.etag and manifest.refusal:
            raise manifest.refusal

    def _rendered(self, original: Object, derivative: Derivative) -> Rendered:
        limits, start = self.presets.limits, time.monotonic()
        try:
            with self.prepare(self._body(original), [derivative], limits, limits.request_seconds) as rendering:
                return rendering.render(derivative)
        except TooSlow as slow:  # what takes too long while somebody waits may still be in time for the presets
            raise Unavailable("this picture takes too long to render") from slow
        except Refused as refused:
            # Where every derivative is refused, that is written down; it takes as long again, and somebody waits.
            if 2 * (time.monotonic() - start) < limits.request_seconds:
                self.reconcile(original.key)
            if self._current(original.key) != original.etag:
                raise Overtaken from refused
            raise


def takes(key: str) -> bool:
    """Whether a key may have derivatives: not a folder's marker, nor one so long that S3 takes no manifest of it."""
    return bool(key) and not key.endswith("/") and len(manifest_key(key).encode()) <= KEY_BYTES


def _picture(stored: Object, hit: bool, timing: Timing) -> Picture:
    read = partial(timing, "read", stored.read)
    return Picture(stored.etag, stored.content_type, stored.length, original_modified(stored), hit, read)


def _entry(stored: Object) -> dict[str, Any]:
    size = size_of(stored)
    return {"width": size.width, "height": size.height, "length": stored.length, "etag": stored.etag}
