"""The second flow: a derivative is requested. It is read from its bucket, or rendered and stored now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from ..errors import NotFound, Refused, TooSlow, Unavailable
from ..monitoring.timing import Timing
from ..storage.derivatives import ATTEMPTS, OriginalChanged, made_from, none_if_denied, original_modified
from ..storage.store import Object
from ..transformation import Derivative
from .prerender import CHANGING, Prerender, may_have_derivatives
from .single_flight import SingleFlight

if TYPE_CHECKING:
    from ..rendered import Rendered

_LOOKUPS = 32
"""How many originals are looked up at the same time, beside their derivatives: one for each S3 connection."""

_SLOTS = 4
"""How many requests render at the same time in one process; on Lambda, a process has one request."""


@dataclass(frozen=True)
class Picture:
    """A derivative to respond with; `read` fetches its bytes."""

    etag: str
    content_type: str
    length: int
    modified: str
    hit: bool
    read: Callable[[], bytes]


@dataclass(frozen=True)
class OnDemand:
    """The flow that finds or renders one derivative; `prerender` records that an original is refused."""

    prerender: Prerender
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_SLOTS))
    single_flight: SingleFlight = field(default_factory=SingleFlight)
    lookups: Executor = field(default_factory=partial(ThreadPoolExecutor, _LOOKUPS))

    def find(self, derivative: Derivative, timing: Timing) -> Picture:
        """The derivative, from its bucket or rendered now; raises NotFound, Refused or Unavailable."""
        completed = self.single_flight.completed
        stored = self._stored(derivative, timing)
        if stored:
            return stored
        with ExitStack() as stack:
            turn = self.single_flight.enter(derivative.key, completed, self.prerender.limits.waiting_seconds)
            again = timing("wait", stack.enter_context, turn)
            return (again and self._stored(derivative, timing)) or self._in_slot(derivative, timing)

    def _in_slot(self, derivative: Derivative, timing: Timing) -> Picture:
        seconds = self.prerender.limits.waiting_seconds
        waited = not self.slots.acquire(blocking=False)
        if waited and not timing("wait", self.slots.acquire, timeout=seconds):
            raise Unavailable("too many pictures are being rendered; try again in a moment")
        try:
            return (waited and self._stored(derivative, timing)) or self._made(derivative, timing)
        finally:
            self.slots.release()

    def _stored(self, derivative: Derivative, timing: Timing) -> Picture | None:
        """The stored picture, if it was made from the current originals, which are looked up in parallel."""
        head = self.prerender.originals.head
        asked = [self.lookups.submit(none_if_denied, head, key) for key in derivative.originals]
        found = timing("fetch", self.prerender.derivatives.find, derivative.key)
        if not found:
            return None
        originals = [original for lookup in asked if (original := timing("check", lookup.result))]
        current = len(originals) == len(asked) and made_from(originals, found)
        return _picture(found, True, timing) if current else None

    def _made(self, derivative: Derivative, timing: Timing) -> Picture:
        for _ in range(ATTEMPTS):
            try:
                return _picture(self._make(derivative, timing), False, timing)
            except OriginalChanged:
                continue
        raise Unavailable(CHANGING)

    def _make(self, derivative: Derivative, timing: Timing) -> Object:
        """Render and store one derivative; raises OriginalChanged, and stores nothing, if an original has changed."""
        originals = timing("original", self._originals, derivative)
        self._refuse_again(originals[0])
        rendered = timing("render", self._rendered, originals, derivative)
        try:
            stored, replaced = timing("store", self.prerender.put, originals, derivative, rendered)
        finally:  # S3 may have stored the picture without confirming it
            self._delete_unless_current(originals, derivative, timing)
        if replaced:
            self.prerender.invalidate(derivative.original)
        return stored

    def _originals(self, derivative: Derivative) -> list[Object]:
        known = may_have_derivatives(derivative.original)
        get = partial(none_if_denied, self.prerender.originals.get)
        found = [original for key in derivative.originals if known and (original := get(key))]
        if len(found) < len(derivative.originals):
            raise NotFound("there is no such original")
        return found

    def _delete_unless_current(self, originals: Sequence[Object], derivative: Derivative, timing: Timing) -> None:
        if not timing("check", self.prerender.are_current, originals):
            if self.prerender.derivatives.delete_if_made_from(originals, derivative.key):
                self.prerender.invalidate(derivative.original)
            raise OriginalChanged

    def _refuse_again(self, original: Object) -> None:
        manifest = self.prerender.derivatives.manifest(original.key)
        if manifest and manifest.etag == original.etag and manifest.refusal:
            raise manifest.refusal

    def _rendered(self, originals: Sequence[Object], derivative: Derivative) -> Rendered:
        limits, start = self.prerender.limits, time.monotonic()
        try:
            sources = self.prerender.sources(originals)
            with self.prerender.prepare(sources, [derivative], limits, limits.request_seconds) as rendering:
                return rendering.render(derivative)
        except TooSlow as slow:  # the deadline of presets is longer
            raise Unavailable("this picture takes too long to render") from slow
        except Refused as refused:
            # Reconciling records the refusal. It takes as long again, while the caller waits.
            if 2 * (time.monotonic() - start) < limits.request_seconds:
                self.prerender.reconcile(derivative.original)
            if not self.prerender.are_current(originals):
                raise OriginalChanged from refused
            raise


def _picture(stored: Object, hit: bool, timing: Timing) -> Picture:
    read = partial(timing, "read", stored.read)
    return Picture(stored.etag, stored.content_type, stored.length, original_modified(stored), hit, read)
