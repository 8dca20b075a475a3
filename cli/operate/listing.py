"""Merges the listings of both buckets into one entry for each original, in constant memory.

S3 lists originals as `a`, `a!`, `a/b`, but their folders as `a!/`, then `a/` with `a/b/` inside it. So the orders
differ, and a folder is not contiguous. A folder is complete when a key above `<name>/\\xff` arrives; no key contains
that byte, since UTF-8 never does. Sorted by this rank, both listings have the same order. Incomplete folders are
buffered: each contains the next one, so there are at most 1024.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import groupby

from chalicelib.errors import MisconfiguredError
from chalicelib.flows.prerender import may_have_derivatives
from chalicelib.storage.manifest import manifest_key
from chalicelib.storage.store import Object, Store


@dataclass(frozen=True)
class Listed:
    """The listed objects of one original: itself, if it exists, and the objects of its folder by key."""

    key: str
    original: Object | None = None
    folder: Mapping[str, Object] = field(default_factory=dict)

    @property
    def has_manifest(self) -> bool:
        """Whether the folder has a manifest."""
        return manifest_key(self.key) in self.folder

    @property
    def pictures(self) -> dict[str, Object]:
        """The folder's derivatives by key, whatever they were made from."""
        return {key: found for key, found in self.folder.items() if key != manifest_key(self.key)}

    @property
    def rank(self) -> bytes:
        """The sort key: above all keys in the folder, below all keys after it."""
        return self.key.encode() + b"/\xff"


def listed_originals(originals: Store, derivatives: Store, prefix: str = "", after: str = "") -> Iterator[Listed]:
    """Each original whose key has the prefix and is above `after`, also if only its derivatives exist.

    Raises Unavailable, and MisconfiguredError for a bucket that lists its keys in another order.
    """
    listed = (
        Listed(found.key, found)
        for found in _in_order(originals.listing(prefix, after))
        if may_have_derivatives(found.key)
    )
    both = merge(_completed(listed), folders(derivatives, prefix, after), key=_rank)
    return (_merged(*same) for _, same in groupby(both, key=_rank))


def folders(derivatives: Store, prefix: str = "", after: str = "") -> Iterator[Listed]:
    """The derivatives of each original whose key has the prefix and is above `after`."""
    by_owner = groupby(_in_order(derivatives.listing(prefix, after)), key=_owner)
    parts = (Listed(key, folder={found.key: found for found in part}) for key, part in by_owner)
    # The folders that contain the prefix or `after` are listed only in part: leave them out.
    return _completed(
        part for part in parts if may_have_derivatives(part.key) and part.key.startswith(prefix) and part.key > after
    )


def _completed(entries: Iterable[Listed]) -> Iterator[Listed]:
    """Yield each entry when its folder is complete, with the parts of the folder merged."""
    waiting: list[Listed] = []
    for listed in entries:
        place = next(iter(listed.folder), listed.key).encode()
        while waiting and waiting[-1].rank < place:
            yield waiting.pop()
        same = waiting.pop() if waiting and waiting[-1].key == listed.key else None
        waiting.append(_merged(same, listed) if same else listed)
    yield from reversed(waiting)


def _merged(first: Listed, *others: Listed) -> Listed:
    for other in others:
        first = replace(first, folder={**first.folder, **other.folder})
    return first


def _in_order(listing: Iterator[Object]) -> Iterator[Object]:
    last = ""
    for found in listing:
        if found.key <= last:
            raise MisconfiguredError("expected a bucket that lists its keys in order; directory buckets do not")
        last = found.key
        yield found


def _owner(found: Object) -> str:
    return found.key.rpartition("/")[0]


def _rank(listed: Listed) -> bytes:
    return listed.rank
