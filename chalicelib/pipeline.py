"""The flows: an original arrived or went, a derivative is wanted. Each acts on what the buckets hold now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from .derivatives import ATTEMPTS, Derivatives, Overtaken, original_etag, original_modified, seen, size_of
from .errors import NotFound, Refused, Unavailable
from .manifest import Manifest, manifest_key, original_of
from .presets import Presets, Wanted
from .storage import Object, Store
from .timing import Timing
from .transformation import KEY_BYTES, Derivative

if TYPE_CHECKING:
    from .rendering import Rendered, Rendering

_SLOTS = 4
"""How many requests render at once in one process; a Lambda function has one."""

_CHANGING = "the original keeps changing; try again in a moment"


@dataclass(frozen=True)
class Settled:
    """What a reconciliation came to: `outcome` is made, kept, refused, gone or ignored; `written` are bytes."""

    key: str
    outcome: str
    made: int = 0
    removed: int = 0
    written: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Picture:
    """A derivative to answer with; `read` fetches its bytes."""

    etag: str
    content_type: str
    length: int
    modified: str
    hit: bool
    read: Callable[[], bytes]


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

    def reconcile(self, key: str) -> Settled:
        """Bring the derivatives of one key in step with what the originals bucket holds now; raises Unavailable."""
        if not takes(key):
            return Settled(key, "ignored", reason="a folder's marker, or a key with no room for derivatives")
        for _ in range(ATTEMPTS):
            original = self.originals.get(key)
            try:
                settled = self._derive(original) if original else self._withdraw(key)
            except Overtaken:
                continue
            if self._current(key) == (original.etag if original else None):
                return settled
        raise Unavailable(_CHANGING)

    def _current(self, key: str) -> str | None:
        found = self.originals.head(key)
        return found.etag if found else None

    def _withdraw(self, key: str) -> Settled:
        removed, known = self.derivatives.withdraw(key), self.derivatives.manifest(key)
        if removed or known:
            self.forget(key)
        return Settled(key, "gone", removed=removed + self.derivatives.drop_manifest(key))

    def _derive(self, original: Object) -> Settled:
        wanted = self.presets.derivatives(original.key)
        manifest = self.derivatives.manifest(original.key)
        if manifest and manifest.etag == original.etag and _complete(manifest, wanted):
            return Settled(original.key, "kept", reason=manifest.refused.get("reason", ""))
        try:
            return self._render_all(original, wanted, manifest)
        except Refused as refused:
            return self._refuse(original, refused, manifest)

    def _render_all(self, original: Object, wanted: Mapping[str, Derivative], before: Manifest | None) -> Settled:
        from .rendering import prepare

        kept, any_before = self.derivatives.survey(original, wanted)
        missing = [derivative for key, derivative in wanted.items() if key not in kept]
        rendering = prepare(self._body(original), missing, self.presets.limits)
        missing.sort(key=rendering.area, reverse=True)  # the longest first, or one thread waits for the other's last
        made = _side_by_side(rendering.render, partial(self._keep, original), missing)
        removed = self.derivatives.clean(original, wanted)
        # Pictures without a manifest may be those of an original whose event failed after it had cleaned up.
        if removed or (before.etag != original.etag if before else any_before):
            self.forget(original.key)
        entries = {wanted[stored.key].name: _entry(stored) for stored in (*kept.values(), *made)}
        self.derivatives.put_manifest(original.key, _describe(original, rendering, entries))
        return Settled(original.key, "made", len(made), removed, sum(stored.length for stored in made))

    def _keep(self, original: Object, derivative: Derivative, rendered: Rendered) -> Object:
        return self.derivatives.keep(original, derivative, rendered, partial(self._current, original.key))

    def _body(self, original: Object) -> bytes:
        from .opening import too_many_bytes

        if original.length > self.presets.limits.original_bytes:
            raise too_many_bytes(original.length, self.presets.limits)
        return original.read()

    def _refuse(self, original: Object, refused: Refused, before: Manifest | None) -> Settled:
        removed = self.derivatives.clean(original)
        if removed or (before and before.etag != original.etag):
            self.forget(original.key)
        self.derivatives.put_manifest(original.key, Manifest.refusing(original.etag, original.length, refused))
        return Settled(original.key, "refused", removed=removed, reason=str(refused))

    def find(self, wanted: Wanted, timing: Timing) -> Picture:
        """The wanted derivative, from its bucket or rendered now; raises NotFound, Refused or Unavailable."""
        derivative = wanted.derivative
        stored = self._stored(derivative, timing)
        if stored:
            return stored
        waited = not self.slots.acquire(blocking=False)
        if waited and not timing("wait", self.slots.acquire, timeout=self.presets.limits.waiting_seconds):
            raise Unavailable("too many pictures are being rendered; try again in a moment")
        try:
            return (waited and self._stored(derivative, timing)) or self._made(derivative, timing)
        finally:
            self.slots.release()

    def _stored(self, derivative: Derivative, timing: Timing) -> Picture | None:
        found = timing("fetch", self.derivatives.find, derivative.key)
        return _picture(found, True, timing) if found else None

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
        stored = timing("store", self._keep, original, derivative, rendered)
        if timing("check", self._current, derivative.original) != original.etag:
            self.derivatives.discard(original, derivative.key)
            raise Overtaken
        return stored

    def _refuse_again(self, original: Object) -> None:
        manifest = self.derivatives.manifest(original.key)
        if manifest and manifest.etag == original.etag and manifest.refusal:
            raise manifest.refusal

    def _rendered(self, original: Object, derivative: Derivative) -> Rendered:
        from .rendering import prepare

        try:
            return prepare(self._body(original), [derivative], self.presets.limits).render(derivative)
        except Refused as refused:
            if self._current(original.key) != original.etag:
                raise Overtaken from refused
            self.derivatives.put_manifest(original.key, Manifest.refusing(original.etag, original.length, refused))
            raise


def takes(key: str) -> bool:
    """Whether a key may have derivatives: not a folder's marker, nor one so long that S3 takes no manifest of it."""
    return bool(key) and not key.endswith("/") and len(manifest_key(key).encode()) <= KEY_BYTES


def out_of_step(originals: Store, derivatives: Store) -> Iterator[str]:
    """The keys whose manifest does not speak of the original that is there, or speaks of one that is gone."""
    manifests = {original: key for key in derivatives.names() if (original := original_of(key))}
    for key in originals.names():
        manifest = manifests.pop(key, None)
        known = derivatives.head(manifest) if manifest else None
        found = originals.head(key)
        if found and (known is None or original_etag(known) != found.etag) and takes(key):
            yield key
    yield from manifests


def _complete(manifest: Manifest, wanted: Mapping[str, Derivative]) -> bool:
    return bool(manifest.refused) or {derivative.name for derivative in wanted.values()} <= set(manifest.derivatives)


def _picture(stored: Object, hit: bool, timing: Timing) -> Picture:
    read = partial(timing, "read", stored.read)
    return Picture(stored.etag, stored.content_type, stored.length, original_modified(stored), hit, read)


def _side_by_side(
    render: Callable[[Derivative], Rendered], keep: Callable[[Derivative, Rendered], Object], wanted: list[Derivative]
) -> list[Object]:
    """Whole derivatives on two threads: ImageMagick's and libvips' work leaves Python's lock alone.

    Other threads store them, so that no core waits for S3.
    """
    with ThreadPoolExecutor(max_workers=2) as renderers, ThreadPoolExecutor(max_workers=8) as keepers:
        rendered = [renderers.submit(render, derivative) for derivative in wanted]
        try:
            return list(keepers.map(lambda derivative, picture: keep(derivative, picture.result()), wanted, rendered))
        finally:
            for picture in rendered:
                picture.cancel()


def _entry(stored: Object) -> dict[str, Any]:
    size = size_of(stored)
    return {"width": size.width, "height": size.height, "length": stored.length}


def _describe(original: Object, rendering: Rendering, derivatives: Mapping[str, Mapping[str, Any]]) -> Manifest:
    header = rendering.header
    return Manifest(
        original.etag,
        original.length,
        header.format,
        header.size.width,
        header.size.height,
        header.frames,
        rendering.swatches(),
        rendering.placeholder(),
        dict(sorted(derivatives.items())),
    )
