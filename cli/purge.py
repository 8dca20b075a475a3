"""`python -m cli purge`: takes derivatives away and has the edge forget them; requests and backfill make them again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib.cachetags import tag, tags
from chalicelib.derivatives import Derivatives
from chalicelib.manifest import manifest_key
from chalicelib.pipeline import Pipeline
from chalicelib.spelling import in_line
from cli.progress import counted, shown
from cli.standings import Standing, folders

_BATCH = 1000


@dataclass
class Purged:
    """What is, or was, taken away, of how many originals."""

    originals: int = 0
    derivatives: int = 0
    manifests: int = 0

    def note(self, standing: Standing) -> Standing:
        """Take in one original."""
        self.originals += 1
        self.derivatives += len(standing.pictures)
        self.manifests += standing.known
        return standing


def counted_below(pipeline: Pipeline, what: str) -> Purged:
    """What a purge would take away."""
    purged = Purged()
    for standing in shown(below(pipeline.derivatives, what), "counted"):
        purged.note(standing)
    return purged


def purge(pipeline: Pipeline, what: str) -> Purged:
    """Take away what stands of one original, or of all below a prefix, which ends in /; raises Unavailable.

    Pictures first, manifests last: a purge that broke off is done again by the same command.
    """
    derivatives, purged = pipeline.derivatives, Purged()
    standing = (purged.note(each) for each in below(derivatives, what))
    _delete(derivatives, (key for each in shown(standing, "purged") for key in each.pictures))
    pipeline.forget(_told(what))
    _delete(derivatives, (manifest_key(each.key) for each in below(derivatives, what) if each.known))
    return purged


def below(derivatives: Derivatives, what: str) -> Iterator[Standing]:
    """What stands of one original, or of all below a prefix."""
    if what.endswith("/"):
        return folders(derivatives.store, what)
    heads = map(derivatives.store.head, derivatives.store.names(f"{what}/"))
    folder = {found.key: found for found in heads if found}
    return iter([Standing(what, folder=folder)] if folder else [])


def _delete(derivatives: Derivatives, keys: Iterable[str]) -> None:
    left = iter(keys)
    while batch := list(islice(left, _BATCH)):
        derivatives.delete(batch)


def _told(what: str) -> str:
    """What the edge is to forget: pictures do not name folders so deep that they would be too many (cachetags.py)."""
    while what.endswith("/") and tag(what) not in tags(f"{what}-").split(","):
        what = what[: what.rfind("/", 0, -1) + 1]
    return what


def lines(what: str, purged: Purged, edge: str) -> Iterator[str]:
    """What was done, for people; `edge` is the queue by which CloudFront is told, if there is one."""
    if not purged.originals:
        hint = "" if what.endswith("/") else f"; for all that is below it, say {what}/"
        yield f"nothing stood of {in_line(what)}{hint}"
        return
    yield f"taken away: {told(purged)}"
    yield (
        "CloudFront forgets it within a minute" if edge else "no CloudFront is known here that would have to forget it"
    )


def told(purged: Purged) -> str:
    """So much of so many originals, for people."""
    taken = f"{counted(purged.derivatives, 'derivative')} and {counted(purged.manifests, 'manifest')}"
    return f"{taken} of {counted(purged.originals, 'original')}"
