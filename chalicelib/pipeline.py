"""The flows: an original arrived or went, a derivative is wanted. Each acts on what the buckets hold now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from .errors import Denied, NotFound, Refused, Unavailable
from .manifest import Manifest, manifest_key, original_of
from .presets import Presets, Wanted
from .storage import Object, Store
from .timing import Timing
from .transformation import KEY_BYTES, Derivative

if TYPE_CHECKING:
    from .rendering import Rendered, Rendering

_ETAG = "original-etag"
_MODIFIED = "original-modified"
_SLOTS = 4
"""How many requests render at once in one process; a Lambda function has one."""
_ATTEMPTS = 4
"""How often a flow starts over because the original changed meanwhile, before it says that it is busy."""


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
    """Two buckets, the presets, and what a stored picture tells the caches."""

    originals: Store
    derivatives: Store
    presets: Presets
    cache_control: str
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_SLOTS))

    def reconcile(self, key: str) -> Settled:
        """Bring the derivatives of one key in step with what the originals bucket holds now; raises Unavailable."""
        if key.endswith("/") or len(manifest_key(key).encode()) > KEY_BYTES:
            return Settled(key, "ignored", reason="a folder's marker, or a key with no room for derivatives")
        for _ in range(_ATTEMPTS):
            original = self.originals.get(key)
            settled = self._withdraw(key) if original is None else self._derive(original)
            if self._current(key) == (original.etag if original else None):
                return settled
        raise Unavailable("the original keeps changing; try again in a moment")

    def _current(self, key: str) -> str | None:
        found = self.originals.head(key)
        return found.etag if found else None

    def _withdraw(self, key: str) -> Settled:
        names = list(self.derivatives.names(f"{key}/"))
        # The manifest goes last: while it stands, an audit still sees that there is something to withdraw.
        last = manifest_key(key)
        self.derivatives.delete(name for name in names if name != last)
        self.derivatives.delete(name for name in names if name == last)
        return Settled(key, "gone", removed=len(names))

    def _derive(self, original: Object) -> Settled:
        wanted = self.presets.derivatives(original.key)
        manifest = self.manifest(original.key)
        if manifest and manifest.etag == original.etag and self._complete(manifest, wanted):
            return Settled(original.key, "kept", reason=manifest.refused.get("reason", ""))
        try:
            return self._render_all(original, wanted)
        except Refused as refused:
            return self._refuse(original, refused)

    @staticmethod
    def _complete(manifest: Manifest, wanted: Mapping[str, Derivative]) -> bool:
        return bool(manifest.refused) or {derivative.name for derivative in wanted.values()} <= set(
            manifest.derivatives
        )

    def manifest(self, key: str) -> Manifest | None:
        """The manifest of an original, if there is one that can be read."""
        found = _seen(self.derivatives.get, manifest_key(key))
        return Manifest.from_json(found.read()) if found else None

    def _render_all(self, original: Object, wanted: Mapping[str, Derivative]) -> Settled:
        from .rendering import prepare

        there = {
            found.key: found
            for found in self._there(original.key, wanted)
            if found.metadata.get(_ETAG) == original.etag
        }
        missing = [derivative for key, derivative in wanted.items() if key not in there]
        rendering = prepare(self._body(original), missing, self.presets.limits)

        def make(derivative: Derivative) -> tuple[str, dict[str, Any]]:
            rendered = rendering.render(derivative)
            self._put(original, derivative, rendered)
            return derivative.name, _entry(rendered.size.width, rendered.size.height, len(rendered.body))

        made = _side_by_side(make, missing)
        kept = {
            wanted[key].name: _entry(int(found.metadata["width"]), int(found.metadata["height"]), found.length)
            for key, found in there.items()
        }
        removed = self._clean(original, wanted)
        self._put_manifest(original.key, _describe(original, rendering, {**kept, **made}))
        return Settled(original.key, "made", len(made), removed, sum(entry["length"] for entry in made.values()))

    def _there(self, key: str, wanted: Mapping[str, Derivative]) -> Iterator[Object]:
        for name in self.derivatives.names(f"{key}/"):
            found = self.derivatives.head(name) if name in wanted else None
            if found:
                yield found

    def _body(self, original: Object) -> bytes:
        from .opening import too_many_bytes

        if original.length > self.presets.limits.original_bytes:
            raise too_many_bytes(original.length, self.presets.limits)
        return original.read()

    def _put(self, original: Object, derivative: Derivative, rendered: Rendered) -> str:
        from .formats import WRITTEN

        metadata = {
            _ETAG: original.etag,
            _MODIFIED: http_date(original.modified),
            "width": str(rendered.size.width),
            "height": str(rendered.size.height),
        }
        content_type = WRITTEN[derivative.format].content_type
        return self.derivatives.put(derivative.key, rendered.body, content_type, self.cache_control, metadata)

    def _clean(self, original: Object, keep: Iterable[str] = ()) -> int:
        """Delete what was made from another ETag of this original; returns how many."""
        rest = (key for key in self.derivatives.names(f"{original.key}/") if key not in keep)
        heads = (self.derivatives.head(key) for key in rest if key != manifest_key(original.key))
        stale = [found.key for found in heads if found and found.metadata.get(_ETAG) != original.etag]
        self.derivatives.delete(stale)
        return len(stale)

    def _refuse(self, original: Object, refused: Refused) -> Settled:
        removed = self._clean(original)
        self._put_manifest(original.key, Manifest.refusing(original.etag, original.length, refused))
        return Settled(original.key, "refused", removed=removed, reason=str(refused))

    def _put_manifest(self, key: str, manifest: Manifest) -> None:
        self.derivatives.put(
            manifest_key(key), manifest.to_json(), "application/json", "no-cache", {_ETAG: manifest.etag}
        )

    def find(self, wanted: Wanted, timing: Timing) -> Picture:
        """The wanted derivative, from its bucket or rendered now; raises NotFound, Refused or Unavailable."""
        derivative = wanted.derivative
        picture = self._stored(derivative, timing)
        if picture:
            return picture
        waited = not self.slots.acquire(blocking=False)
        if waited and not timing("wait", self.slots.acquire, timeout=self.presets.limits.waiting_seconds):
            raise Unavailable("too many pictures are being rendered; try again in a moment")
        try:
            return (waited and self._stored(derivative, timing)) or self._made(derivative, timing)
        finally:
            self.slots.release()

    def _stored(self, derivative: Derivative, timing: Timing) -> Picture | None:
        found = timing("fetch", _seen, self.derivatives.get, derivative.key)
        if found is None:
            return None
        modified = found.metadata.get(_MODIFIED, "")
        return Picture(
            found.etag, found.content_type, found.length, modified, True, partial(timing, "read", found.read)
        )

    def _made(self, derivative: Derivative, timing: Timing) -> Picture:
        for _ in range(_ATTEMPTS):
            picture = self._make(derivative, timing)
            if picture:
                return picture
        raise Unavailable("the original keeps changing; try again in a moment")

    def _make(self, derivative: Derivative, timing: Timing) -> Picture | None:
        """Render and store one derivative; None, and nothing stored, where its original changed meanwhile."""
        original = timing("original", _seen, self.originals.get, derivative.original)
        if original is None:
            raise NotFound("there is no such original")
        self._refuse_again(original)
        rendered = timing("render", self._rendered, original, derivative)
        etag = timing("store", self._put, original, derivative, rendered)
        if timing("check", self._current, derivative.original) != original.etag:
            self.derivatives.delete([derivative.key])
            return None
        return Picture(
            etag,
            _content_type(derivative),
            len(rendered.body),
            http_date(original.modified),
            False,
            lambda: bytes(rendered.body),
        )

    def _refuse_again(self, original: Object) -> None:
        manifest = self.manifest(original.key)
        if manifest and manifest.etag == original.etag and manifest.refusal:
            raise manifest.refusal

    def _rendered(self, original: Object, derivative: Derivative) -> Rendered:
        from .rendering import prepare

        try:
            return prepare(self._body(original), [derivative], self.presets.limits).render(derivative)
        except Refused as refused:
            self._put_manifest(original.key, Manifest.refusing(original.etag, original.length, refused))
            raise


def out_of_step(originals: Store, derivatives: Store) -> Iterator[str]:
    """The keys whose manifest does not speak of the original that is there, or speaks of one that is gone."""
    manifests = {original: key for key in derivatives.names() if (original := original_of(key))}
    for key in originals.names():
        manifest = manifests.pop(key, None)
        known = derivatives.head(manifest) if manifest else None
        found = originals.head(key)
        if found and (known is None or known.metadata.get(_ETAG) != found.etag) and not key.endswith("/"):
            yield key
    yield from manifests


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it (RFC 9110, 5.6.7)."""
    from email.utils import format_datetime

    return format_datetime(moment, usegmt=True)


def _content_type(derivative: Derivative) -> str:
    from .formats import WRITTEN

    return WRITTEN[derivative.format].content_type


def _seen(verb: Callable[[str], Object | None], key: str) -> Object | None:
    """What a reader sees: a key that S3 denies is one that is not there."""
    try:
        return verb(key)
    except Denied:
        return None


def _side_by_side(
    make: Callable[[Derivative], tuple[str, dict[str, Any]]], wanted: list[Derivative]
) -> dict[str, dict[str, Any]]:
    """Whole derivatives on two threads: ImageMagick's and libvips' work leaves Python's lock alone."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = [pool.submit(make, derivative) for derivative in wanted]
        try:
            return dict(future.result() for future in futures)
        finally:
            for future in futures:
                future.cancel()


def _entry(width: int, height: int, size: int) -> dict[str, Any]:
    return {"width": width, "height": height, "length": size}


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
