"""`python -m cli purge`: takes derivatives away and has the edge forget them; requests and backfill make them again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib.cdn import tag, tags
from chalicelib.flows.prerender import Prerender
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.manifest import manifest_key
from chalicelib.text import in_line
from cli.operate.listing import Listed, folders
from cli.operate.progress import counted, shown

_BATCH = 1000


@dataclass
class Purged:
    """What is, or was, taken away, of how many originals."""

    originals: int = 0
    derivatives: int = 0
    manifests: int = 0

    def note(self, listed: Listed) -> Listed:
        """Take in one original."""
        self.originals += 1
        self.derivatives += len(listed.pictures)
        self.manifests += listed.has_manifest
        return listed


def counted_below(prerender: Prerender, what: str) -> Purged:
    """What a purge would take away."""
    purged = Purged()
    for listed in shown(below(prerender.derivatives, what), "counted"):
        purged.note(listed)
    return purged


def purge(prerender: Prerender, what: str) -> Purged:
    """Take away what stands of one original, or of all below a prefix, which ends in /; raises Unavailable.

    Pictures first, manifests last: a purge that broke off is done again by the same command.
    """
    derivatives, purged = prerender.derivatives, Purged()
    listed = (purged.note(each) for each in below(derivatives, what))
    _delete(derivatives, (key for each in shown(listed, "purged") for key in each.pictures))
    prerender.invalidate(widest_tagged_prefix(what))
    _delete(derivatives, (manifest_key(each.key) for each in below(derivatives, what) if each.has_manifest))
    return purged


def below(derivatives: Derivatives, what: str) -> Iterator[Listed]:
    """What stands of one original, or of all below a prefix."""
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
    """What the edge is to forget: pictures do not name folders so deep that they would be too many (cdn.py)."""
    while what.endswith("/") and tag(what) not in tags(f"{what}-").split(","):
        what = what[: what.rfind("/", 0, -1) + 1]
    return what


def lines(what: str, purged: Purged, edge: str) -> Iterator[str]:
    """What was done, for people; `edge` is the queue by which CloudFront is told, if there is one."""
    if not purged.originals:
        hint = "" if what.endswith("/") else f"; for all that is below it, say {what}/"
        yield f"nothing stood of {in_line(what)}{hint}"
        return
    yield f"taken away: {counts_text(purged)}"
    yield (
        "CloudFront forgets it within a minute" if edge else "no CloudFront is known here that would have to forget it"
    )


def counts_text(purged: Purged) -> str:
    """So much of so many originals, for people."""
    taken = f"{counted(purged.derivatives, 'derivative')} and {counted(purged.manifests, 'manifest')}"
    return f"{taken} of {counted(purged.originals, 'original')}"
