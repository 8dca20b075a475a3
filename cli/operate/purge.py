"""`python -m cli purge`: deletes derivatives and invalidates the CDN; requests and backfill make them again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib.cdn import tag, tags
from chalicelib.flows.prerender import Prerender
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.manifest import manifest_key
from chalicelib.text import in_line
from cli.operate.listing import Listed, folders
from cli.operate.progress import plural, with_progress

_BATCH = 1000


@dataclass
class Purged:
    """Counts of what a purge deletes, or deleted."""

    originals: int = 0
    derivatives: int = 0
    manifests: int = 0

    def note(self, listed: Listed) -> Listed:
        """Count one original."""
        self.originals += 1
        self.derivatives += len(listed.pictures)
        self.manifests += listed.has_manifest
        return listed


def count_below(prerender: Prerender, what: str) -> Purged:
    """Counts of what a purge would delete."""
    purged = Purged()
    for listed in with_progress(below(prerender.derivatives, what), "counted"):
        purged.note(listed)
    return purged


def purge(prerender: Prerender, what: str) -> Purged:
    """Delete the derivatives of one original, or of all with a prefix, which ends in /. Raises Unavailable.

    Pictures are deleted first and manifests last, so that an interrupted purge can be repeated.
    """
    derivatives, purged = prerender.derivatives, Purged()
    listed = (purged.note(each) for each in below(derivatives, what))
    _delete(derivatives, (key for each in with_progress(listed, "purged") for key in each.pictures))
    prerender.invalidate(widest_tagged_prefix(what))
    _delete(derivatives, (manifest_key(each.key) for each in below(derivatives, what) if each.has_manifest))
    return purged


def below(derivatives: Derivatives, what: str) -> Iterator[Listed]:
    """The derivatives of one original, or of all with a prefix."""
    if what.endswith("/"):
        return folders(derivatives.store, what)
    heads = map(derivatives.store.head, derivatives.store.names(f"{what}/"))
    folder = {found.key: found for found in heads if found}
    return iter([Listed(what, folder=folder)] if folder else [])


def _delete(derivatives: Derivatives, keys: Iterable[str]) -> None:
    left = iter(keys)
    while batch := list(islice(left, _BATCH)):
        derivatives.delete(batch)


def widest_tagged_prefix(what: str) -> str:
    """The longest prefix that pictures have as a cache tag: deep folders have none, to limit their number (cdn.py)."""
    while what.endswith("/") and tag(what) not in tags(f"{what}-").split(","):
        what = what[: what.rfind("/", 0, -1) + 1]
    return what


def lines(what: str, purged: Purged, edge: str) -> Iterator[str]:
    """The result as text; `edge` is the queue of invalidations, if there is one."""
    if not purged.originals:
        hint = "" if what.endswith("/") else f"; to purge everything below it: {what}/"
        yield f"{in_line(what)} has no derivatives{hint}"
        return
    yield f"deleted: {counts_text(purged)}"
    yield "CloudFront is invalidated within a minute" if edge else "no CloudFront to invalidate"


def counts_text(purged: Purged) -> str:
    """The counts as text."""
    taken = f"{plural(purged.derivatives, 'derivative')} and {plural(purged.manifests, 'manifest')}"
    return f"{taken} of {plural(purged.originals, 'original')}"
