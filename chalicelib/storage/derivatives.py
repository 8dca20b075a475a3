"""The derivatives bucket: the pictures and the manifest of each original, and what each object was made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ..cdn import METADATA, tags
from ..errors import Denied, Unavailable
from ..formats import WRITTEN
from ..geometry import Size
from ..transformation import Derivative
from .manifest import Manifest, manifest_key
from .store import Content, Object, Store

if TYPE_CHECKING:
    from ..rendered import Rendered

ATTEMPTS = 4
"""How often a flow tries again because another one was faster, before it raises Unavailable."""

_ETAGS = "original-etag"
"""Metadata: the ETags of the originals that a picture was made from, separated by commas, its own original's first."""

_MODIFIED = "original-modified"
_WIDTH, _HEIGHT = "width", "height"
_ADHOC = "adhoc"
TAG = f"imgy={_ADHOC}"
"""The tag of a picture that expires, for the lifecycle rule of S3 (deploy/foundation.yaml)."""


class OriginalChanged(Exception):
    """An original is no longer the one that was read: the caller must start over."""


class Stored(NamedTuple):
    """A stored picture, and whether it replaced one made from another original."""

    object: Object
    replaced: bool


@dataclass(frozen=True)
class DerivativesState:
    """What the bucket has of the original with this ETag: manifest, its own pictures by key, keys of stale ones."""

    etag: str
    manifest: Manifest | None
    own: Mapping[str, Object]
    stale: Collection[str]

    @property
    def overwritten(self) -> bool:
        """Whether the manifest describes an earlier version of the original."""
        return self.manifest is not None and self.manifest.etag != self.etag

    @property
    def changed(self) -> bool:
        """Whether caches may have pictures of an earlier version of the original."""
        return self.overwritten or bool(self.stale)

    @property
    def refused(self) -> str:
        """Why this original was refused; empty if it was not."""
        return str(self.manifest.refusal or "") if self.manifest and not self.overwritten else ""

    def is_complete(self, wanted: Mapping[str, Derivative]) -> bool:
        """Whether nothing is left to do: the manifest lists every wanted derivative, and each of them is there."""
        if self.manifest is None or self.changed:
            return False
        names = {derivative.name for derivative in wanted.values()}
        return bool(self.refused) or (wanted.keys() <= self.own.keys() and names <= set(self.manifest.derivatives))


@dataclass(frozen=True)
class Derivatives:
    """A store in which each object names the ETags of its originals. `cache_control` is the pictures' header.

    With `expire`, pictures that no preset names are tagged, so that S3 deletes them after some days.
    """

    store: Store
    cache_control: str
    expire: bool = False

    def find(self, key: str) -> Object | None:
        """A stored derivative, its body not read yet."""
        return none_if_denied(self.store.get, key)

    def keys_of(self, original: str) -> tuple[list[str], bool]:
        """The keys of all pictures of an original, whichever version they were made from; whether it has a manifest."""
        keys, manifest = list(self.store.names(f"{original}/")), manifest_key(original)
        return [key for key in keys if key != manifest], manifest in keys

    def state(self, original: Object) -> DerivativesState:
        """The current content of the bucket for an original."""
        pictures, has_manifest = self.keys_of(original.key)
        heads = [found for found in map(self.store.head, pictures) if found]
        own = {found.key: found for found in heads if is_of(original, found)}
        stale = [found.key for found in heads if found.key not in own]
        manifest = _manifest(self.store.get(manifest_key(original.key)) if has_manifest else None)
        return DerivativesState(original.etag, manifest, own, stale)

    def put_if_current(
        self,
        originals: Sequence[Object],
        derivative: Derivative,
        rendered: Rendered,
        is_current: Callable[[], bool],
        adhoc: bool = False,
    ) -> Stored:
        """Store a picture made from `originals`. If another process has just stored it, return that one.

        `is_current` tells whether the originals in the bucket are unchanged; if not, this raises OriginalChanged.
        """
        over: str | None = None
        for _ in range(ATTEMPTS):
            stored = self._swap(over, originals, derivative, rendered, adhoc and self.expire)
            present = stored or self.find(derivative.key)
            if present and made_from(originals, present):
                self.clear_expiry([] if adhoc else [present])
                return Stored(present, bool(stored and over))
            if not is_current():
                raise OriginalChanged
            over = present.etag if present else None
        raise Unavailable("too many requests are writing this picture; try again in a moment")

    def _swap(
        self,
        over: str | None,
        originals: Sequence[Object],
        derivative: Derivative,
        rendered: Rendered,
        expires: bool,
    ) -> Object | None:
        modified = max(original.modified for original in originals)
        metadata = {
            _ETAGS: _etags_text(originals),
            _MODIFIED: http_date(modified),
            _WIDTH: str(rendered.size.width),
            _HEIGHT: str(rendered.size.height),
            METADATA: tags(*derivative.originals),
            **({_ADHOC: "expires"} if expires else {}),
        }
        key, body, content_type = derivative.key, rendered.body, WRITTEN[derivative.format].content_type
        content = Content(body, content_type, self.cache_control, metadata, TAG if expires else "")
        etag = self.store.swap(key, over, content)
        return Object(key, etag, len(body), modified, content_type, metadata, lambda: body) if etag else None

    def clear_expiry(self, wanted: Iterable[Object]) -> None:
        """Remove the tag from pictures that were made on demand and are now named by presets."""
        for stored in wanted:
            if _ADHOC in stored.metadata:
                self.store.untag(stored.key)

    def delete_if_made_from(self, originals: Sequence[Object], key: str) -> bool:
        """Delete one picture if it was made from these originals; returns whether it was."""
        present = self.store.head(key)
        own = present is not None and made_from(originals, present)
        if present and own:
            self.store.drop(key, present.etag)
        return own

    def delete(self, keys: Iterable[str]) -> int:
        """Delete objects; returns how many."""
        doomed = list(keys)
        self.store.delete(doomed)
        return len(doomed)

    def mark_stale(self, original: str) -> None:
        """Write a manifest that says that stale pictures exist, before they are deleted.

        If the process dies in between, the next event still invalidates the CDN.
        """
        self.put_manifest(original, Manifest("stale"))

    def manifest(self, original: str) -> Manifest | None:
        """The manifest of an original; None if it is missing or cannot be read."""
        return _manifest(none_if_denied(self.store.get, manifest_key(original)))

    def put_manifest(self, original: str, manifest: Manifest | None) -> None:
        """Write the manifest of an original, after everything that it lists; None deletes it."""
        key = manifest_key(original)
        if manifest is None:
            self.store.delete([key])
        else:
            metadata = {_ETAGS: manifest.etag}
            self.store.put(key, Content(manifest.to_json(), "application/json", "no-cache", metadata))


def _manifest(found: Object | None) -> Manifest | None:
    return Manifest.from_json(found.read()) if found else None


def none_if_denied(method: Callable[[str], Object | None], key: str) -> Object | None:
    """What a method of the store returns, and None for a key that S3 denies: S3 denies missing keys, too."""
    try:
        return method(key)
    except Denied:
        return None


def made_from(originals: Sequence[Object], stored: Object) -> bool:
    """Whether an object was made from exactly these originals."""
    return stored.metadata.get(_ETAGS, "") == _etags_text(originals)


def is_of(original: Object, stored: Object) -> bool:
    """Whether `stored` was made from this version of its original; further originals are not compared."""
    return stored.metadata.get(_ETAGS, "").partition(",")[0] == original.etag


def _etags_text(originals: Sequence[Object]) -> str:
    return ",".join(original.etag for original in originals)


def original_modified(stored: Object) -> str:
    """When the newest of its originals was uploaded, as HTTP writes it; empty if unknown."""
    return stored.metadata.get(_MODIFIED, "")


def size_of(stored: Object) -> Size:
    """A derivative's size in pixels."""
    return Size(int(stored.metadata[_WIDTH]), int(stored.metadata[_HEIGHT]))


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it (RFC 9110, 5.6.7)."""
    from email.utils import format_datetime

    return format_datetime(moment, usegmt=True)
