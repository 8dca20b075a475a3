"""What the listings of both buckets say of each original, side by side, in memory that does not grow with them.

S3 lists `a`, `a!`, `a/b`, but the folders of their derivatives as `a!/`, `a/` with `a/b/` within it. A folder is past
as soon as a key comes that is above its name and /\\xff, and no key holds that byte (UTF-8 never does): by this rank
both listings come in one order. What is held back meanwhile are folders of which each holds the next, 1024 at most.
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
    """What is listed of one original: itself, where it is there, and all objects of its folder by key."""

    key: str
    original: Object | None = None
    folder: Mapping[str, Object] = field(default_factory=dict)

    @property
    def has_manifest(self) -> bool:
        """Whether there is a manifest."""
        return manifest_key(self.key) in self.folder

    @property
    def pictures(self) -> dict[str, Object]:
        """Every derivative by key, whatever it was made from."""
        return {key: found for key, found in self.folder.items() if key != manifest_key(self.key)}

    @property
    def rank(self) -> bytes:
        """Above everything in the folder, below everything behind it."""
        return self.key.encode() + b"/\xff"


def listed_originals(originals: Store, derivatives: Store, prefix: str = "", after: str = "") -> Iterator[Listed]:
    """Each original whose key begins so and comes after that key, and each of which only derivatives are left.

    Raises Unavailable, and MisconfiguredError for a bucket that lists in another order.
    """
    listed = (
        Listed(found.key, found)
        for found in _in_order(originals.listing(prefix, after))
        if may_have_derivatives(found.key)
    )
    both = merge(_past(listed), folders(derivatives, prefix, after), key=_rank)
    return (_joined(*same) for _, same in groupby(both, key=_rank))


def folders(derivatives: Store, prefix: str = "", after: str = "") -> Iterator[Listed]:
    """The derivatives of each original whose key begins so and comes after that key."""
    by_owner = groupby(_in_order(derivatives.listing(prefix, after)), key=_owner)
    parts = (Listed(key, folder={found.key: found for found in part}) for key, part in by_owner)
    # Of the folder that holds the prefix, or the key to begin after, only a part is listed.
    return _past(
        part for part in parts if may_have_derivatives(part.key) and part.key.startswith(prefix) and part.key > after
    )


def _past(entries: Iterable[Listed]) -> Iterator[Listed]:
    """Each listed once the listing is past its folder; the parts of a folder, between which others lie, are one."""
    waiting: list[Listed] = []
    for listed in entries:
        place = next(iter(listed.folder), listed.key).encode()
        while waiting and waiting[-1].rank < place:
            yield waiting.pop()
        same = waiting.pop() if waiting and waiting[-1].key == listed.key else None
        waiting.append(_joined(same, listed) if same else listed)
    yield from reversed(waiting)


def _joined(first: Listed, *others: Listed) -> Listed:
    for other in others:
        first = replace(first, folder={**first.folder, **other.folder})
    return first


def _in_order(listing: Iterator[Object]) -> Iterator[Object]:
    last = ""
    for found in listing:
        if found.key <= last:
            raise MisconfiguredError("expected a bucket that lists its keys in order, which directory buckets do not")
        last = found.key
        yield found


def _owner(found: Object) -> str:
    return found.key.rpartition("/")[0]


def _rank(listed: Listed) -> bytes:
    return listed.rank
