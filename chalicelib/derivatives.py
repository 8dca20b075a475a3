"""The derivatives bucket: what it holds of each original, and what each object in it says of where it came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from .cachetags import METADATA, tags
from .errors import Denied, Unavailable
from .formats import WRITTEN
from .geometry import Size
from .manifest import Manifest, manifest_key
from .storage import Object, Store
from .transformation import Derivative

if TYPE_CHECKING:
    from .rendered import Rendered

ATTEMPTS = 4
"""How often a flow starts over because somebody else was faster, before it says that it is busy."""

_ETAG = "original-etag"
_MODIFIED = "original-modified"
_WIDTH, _HEIGHT = "width", "height"
_ADHOC = "adhoc"
TAG = f"imgy={_ADHOC}"
"""By which S3's lifecycle knows a picture that is to expire (deploy/foundation.yaml); its metadata says so, too."""


class Overtaken(Exception):
    """The original is no longer the one that was read: start over."""


class Kept(NamedTuple):
    """A picture that stands in its place, and whether it took it from one of another original."""

    stored: Object
    replaced: bool


@dataclass(frozen=True)
class Survey:
    """What stands of the original with this ETag: its manifest, its own pictures by key, and the keys of stale ones."""

    etag: str
    manifest: Manifest | None
    own: Mapping[str, Object]
    stale: Collection[str]

    @property
    def overwritten(self) -> bool:
        """Whether the manifest speaks of another original."""
        return self.manifest is not None and self.manifest.etag != self.etag

    @property
    def changed(self) -> bool:
        """Whether pictures of another original may have been seen."""
        return self.overwritten or bool(self.stale)

    @property
    def refused(self) -> str:
        """Why this very original was refused, if it was."""
        return str(self.manifest.refusal or "") if self.manifest and not self.overwritten else ""

    def settled(self, wanted: Mapping[str, Derivative]) -> bool:
        """Whether there is nothing to do: the manifest speaks of all that is wanted, and all of it is there."""
        if self.manifest is None or self.changed:
            return False
        names = {derivative.name for derivative in wanted.values()}
        return bool(self.refused) or (wanted.keys() <= self.own.keys() and names <= set(self.manifest.derivatives))


@dataclass(frozen=True)
class Derivatives:
    """A store in which each object names its original's ETag; `cache_control` is what pictures tell the caches.

    Where ad-hoc pictures expire, they are tagged: those that no preset wants.
    """

    store: Store
    cache_control: str
    expire: bool = False

    def find(self, key: str) -> Object | None:
        """A stored derivative, its body not yet read."""
        return seen(self.store.get, key)

    def standing(self, original: str) -> tuple[list[str], bool]:
        """The keys of all pictures of an original, whichever they were made from, and whether there is a manifest."""
        keys, manifest = list(self.store.names(f"{original}/")), manifest_key(original)
        return [key for key in keys if key != manifest], manifest in keys

    def survey(self, original: Object) -> Survey:
        """What stands of an original by now."""
        pictures, known = self.standing(original.key)
        heads = [found for found in map(self.store.head, pictures) if found]
        own = {found.key: found for found in heads if original_etag(found) == original.etag}
        stale = [found.key for found in heads if found.key not in own]
        return Survey(
            original.etag, _manifest(self.store.get(manifest_key(original.key)) if known else None), own, stale
        )

    def keep(
        self,
        original: Object,
        derivative: Derivative,
        rendered: Rendered,
        current: Callable[[], str | None],
        adhoc: bool = False,
    ) -> Kept:
        """Store a picture, and return the one that stands there then: of two made at once, the first.

        `current` tells the ETag that the original has by now; raises Overtaken when it is another.
        """
        over: str | None = None
        for _ in range(ATTEMPTS):
            stored = self._swap(over, original, derivative, rendered, adhoc and self.expire)
            there = stored or self.find(derivative.key)
            if there and original_etag(there) == original.etag:
                self.let_stay([] if adhoc else [there])
                return Kept(there, bool(stored and over))
            if current() != original.etag:
                raise Overtaken
            over = there.etag if there else None
        raise Unavailable("this picture is being written by many at once; try again in a moment")

    def _swap(
        self, over: str | None, original: Object, derivative: Derivative, rendered: Rendered, expires: bool
    ) -> Object | None:
        key, body, content_type = derivative.key, rendered.body, WRITTEN[derivative.format].content_type
        metadata = {
            _ETAG: original.etag,
            _MODIFIED: http_date(original.modified),
            _WIDTH: str(rendered.size.width),
            _HEIGHT: str(rendered.size.height),
            METADATA: tags(original.key),
            **({_ADHOC: "expires"} if expires else {}),
        }
        tag = TAG if expires else ""
        etag = self.store.swap(key, over, body, content_type, self.cache_control, metadata, tag)
        return Object(key, etag, len(body), original.modified, content_type, metadata, lambda: body) if etag else None

    def let_stay(self, wanted: Iterable[Object]) -> None:
        """Take the tag off pictures that were made for whoever asked, and are now wanted by presets."""
        for stored in wanted:
            if _ADHOC in stored.metadata:
                self.store.untag(stored.key)

    def take_back(self, original: Object, key: str) -> bool:
        """Delete one picture, if it is still one of this original; returns whether it was."""
        there = self.store.head(key)
        own = there is not None and original_etag(there) == original.etag
        if there and own:
            self.store.drop(key, there.etag)
        return own

    def delete(self, keys: Iterable[str]) -> int:
        """Delete objects; returns how many."""
        doomed = list(keys)
        self.store.delete(doomed)
        return len(doomed)

    def unsettle(self, original: str) -> None:
        """Write a manifest that speaks of no original, before a picture goes of which the manifest does not tell.

        Were the flow to break off, the next event would see that there is something to be forgotten.
        """
        self.put_manifest(original, Manifest("unsettled"))

    def manifest(self, original: str) -> Manifest | None:
        """The manifest of an original, if there is one that can be read."""
        return _manifest(seen(self.store.get, manifest_key(original)))

    def put_manifest(self, original: str, manifest: Manifest) -> None:
        """Write what is known of an original: after everything that it speaks of."""
        key, body = manifest_key(original), manifest.to_json()
        self.store.put(key, body, "application/json", "no-cache", {_ETAG: manifest.etag})


def _manifest(found: Object | None) -> Manifest | None:
    return Manifest.from_json(found.read()) if found else None


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
