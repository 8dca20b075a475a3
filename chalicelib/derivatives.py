"""The derivatives bucket: what it holds of each original, and what each object in it says of where it came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .cachetags import METADATA, tags
from .errors import Denied, Unavailable
from .formats import WRITTEN
from .geometry import Size
from .manifest import Manifest, manifest_key
from .storage import Object, Store
from .transformation import Derivative

if TYPE_CHECKING:
    from .rendering import Rendered

ATTEMPTS = 4
"""How often a flow starts over because somebody else was faster, before it says that it is busy."""

_ETAG = "original-etag"
_MODIFIED = "original-modified"
_WIDTH, _HEIGHT = "width", "height"


class Overtaken(Exception):
    """The original is no longer the one that was read: start over."""


@dataclass(frozen=True)
class Derivatives:
    """A store in which each object names its original's ETag; `cache_control` is what pictures tell the caches."""

    store: Store
    cache_control: str

    def find(self, key: str) -> Object | None:
        """A stored derivative, its body not yet read."""
        return seen(self.store.get, key)

    def survey(self, original: Object, wanted: Collection[str]) -> tuple[dict[str, Object], bool]:
        """Those of the wanted keys that were made from this very original, and whether any picture stands there."""
        keys = [key for key in self._keys(original.key) if key != manifest_key(original.key)]
        heads = [self.store.head(key) for key in keys if key in wanted]
        own = {found.key: found for found in heads if found and original_etag(found) == original.etag}
        return own, bool(keys)

    def keep(
        self, original: Object, derivative: Derivative, rendered: Rendered, current: Callable[[], str | None]
    ) -> Object:
        """Store a picture, and return the one that stands there then: of two made at once, the first.

        `current` tells the ETag that the original has by now; raises Overtaken when it is another.
        """
        over: str | None = None
        for _ in range(ATTEMPTS):
            there = self._swap(over, original, derivative, rendered) or self.find(derivative.key)
            if there and original_etag(there) == original.etag:
                return there
            if current() != original.etag:
                raise Overtaken
            over = there.etag if there else None
        raise Unavailable("this picture is being written by many at once; try again in a moment")

    def _swap(self, over: str | None, original: Object, derivative: Derivative, rendered: Rendered) -> Object | None:
        key, body, content_type = derivative.key, rendered.body, WRITTEN[derivative.format].content_type
        metadata = {
            _ETAG: original.etag,
            _MODIFIED: http_date(original.modified),
            _WIDTH: str(rendered.size.width),
            _HEIGHT: str(rendered.size.height),
            METADATA: tags(original.key),
        }
        etag = self.store.swap(key, over, body, content_type, self.cache_control, metadata)
        return Object(key, etag, len(body), original.modified, content_type, metadata, lambda: body) if etag else None

    def discard(self, original: Object, key: str) -> None:
        """Take one derivative back, unless somebody has replaced it by one of another original since."""
        there = self.store.head(key)
        if there and original_etag(there) == original.etag:
            self.store.delete([key])

    def clean(self, original: Object, keep: Collection[str] = ()) -> int:
        """Delete what was made from another ETag of this original, but for the keys to keep; returns how many."""
        spared = {*keep, manifest_key(original.key)}
        heads = (self.store.head(key) for key in self._keys(original.key) if key not in spared)
        stale = [found.key for found in heads if found and original_etag(found) != original.etag]
        self.store.delete(stale)
        return len(stale)

    def withdraw(self, original: str) -> int:
        """Delete all that was made from an original, but not its manifest; returns how many.

        While the manifest stands, an audit sees that there is something to withdraw.
        """
        keys = [key for key in self._keys(original) if key != manifest_key(original)]
        self.store.delete(keys)
        return len(keys)

    def drop_manifest(self, original: str) -> bool:
        """Delete a manifest, the last thing to go; returns whether there was one."""
        there = self.store.head(manifest_key(original)) is not None
        self.store.delete([manifest_key(original)] if there else [])
        return there

    def manifest(self, original: str) -> Manifest | None:
        """The manifest of an original, if there is one that can be read."""
        found = seen(self.store.get, manifest_key(original))
        return Manifest.from_json(found.read()) if found else None

    def put_manifest(self, original: str, manifest: Manifest) -> None:
        """Write what is known of an original: after everything that it speaks of."""
        key, body = manifest_key(original), manifest.to_json()
        self.store.put(key, body, "application/json", "no-cache", {_ETAG: manifest.etag})

    def _keys(self, original: str) -> Iterator[str]:
        return self.store.names(f"{original}/")


def seen(verb: Callable[[str], Object | None], key: str) -> Object | None:
    """What a reader sees: a key that S3 denies is one that is not there."""
    try:
        return verb(key)
    except Denied:
        return None


def original_etag(stored: Object) -> str:
    """The ETag of the original that an object was made from; empty where it does not say."""
    return stored.metadata.get(_ETAG, "")


def original_modified(stored: Object) -> str:
    """When that original was uploaded, as HTTP writes it; empty where the object does not say."""
    return stored.metadata.get(_MODIFIED, "")


def size_of(stored: Object) -> Size:
    """A derivative's size in pixels."""
    return Size(int(stored.metadata[_WIDTH]), int(stored.metadata[_HEIGHT]))


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it (RFC 9110, 5.6.7)."""
    from email.utils import format_datetime

    return format_datetime(moment, usegmt=True)
