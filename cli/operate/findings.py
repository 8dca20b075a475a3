"""Checks whether the derivatives of an original are in step with it, by the rules of `reconcile`."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from chalicelib.flows.prerender import Prerender
from chalicelib.storage.derivatives import DerivativesState, is_of
from chalicelib.storage.store import Object
from chalicelib.transformation import Derivative
from cli.operate.listing import Listed, listed_originals
from cli.operate.pool import FAILED, describe_error, pooled, with_retries

COMPLETE, REFUSED, GONE = IN_STEP = ("complete", "refused", "gone")
MISSING, STALE, ORPHANED = OUT_OF_STEP = ("missing", "stale", "orphaned")


INSPECTORS = 32
"""How many originals are inspected at once; most of the time goes into waiting for S3."""


@dataclass(frozen=True)
class Finding:
    """The result of inspecting one original. `missing`: keys of derivatives; `surplus`: number of objects to delete."""

    key: str
    what: str
    missing: Collection[str] = ()
    surplus: int = 0
    reason: str = ""


Inspector = Callable[[Prerender, Listed], Finding]
"""Inspects one original."""


def inspect(inspector: Inspector, prerender: Prerender, listed: Listed) -> Finding:
    """The finding of one original. Retries if S3 does not answer; a failure does not stop the others."""
    try:
        return with_retries(partial(inspector, prerender), listed)
    except Exception as error:
        return Finding(listed.key, FAILED, reason=describe_error(error))


def by_listing(prerender: Prerender, listed: Listed) -> Finding:
    """Inspects only originals for which the listings show that something is missing.

    Checks that each wanted derivative and a manifest exist by name, but not what they were made from.
    """
    wanted = prerender.presets.derivatives(listed.key)
    if listed.original is None or (listed.has_manifest and wanted.keys() <= listed.folder.keys()):
        return Finding(listed.key, COMPLETE if listed.original else GONE)
    return by_picture(prerender, listed)


def by_manifest(prerender: Prerender, listed: Listed) -> Finding:
    """Reads each manifest, and inspects each picture that it does not list: one request each.

    Checks that the manifest is of the current original, and that each picture was made from it.
    """
    if listed.original and listed.has_manifest:
        wanted, manifest = prerender.presets.derivatives(listed.key), prerender.derivatives.manifest(listed.key)
        state = DerivativesState(listed.original.etag, manifest, listed.pictures, ())
        if state.is_complete(wanted) and all(
            _is_current(prerender, listed.original, state, picture) for picture in listed.pictures.values()
        ):
            return _finding(listed.key, state, wanted)
    return by_picture(prerender, listed)


def _is_current(prerender: Prerender, original: Object, state: DerivativesState, picture: Object) -> bool:
    """Whether a picture was made from this original, by the manifest or by the picture's own metadata."""
    if state.manifest and state.manifest.lists(picture.key.rpartition("/")[2], picture.etag):
        return True
    there = prerender.derivatives.store.head(picture.key)
    return there is None or is_of(original, there)


def by_picture(prerender: Prerender, listed: Listed) -> Finding:
    """Inspects every picture, one request each: the current state, however old the listings are.

    Checks that each picture was made from the current original.
    """
    key = listed.key
    original = prerender.originals.head(key)
    if original:
        return _finding(key, prerender.derivatives.state(original), prerender.presets.derivatives(key))
    pictures, known = prerender.derivatives.keys_of(key)
    surplus = len(pictures) + known
    return Finding(key, ORPHANED if surplus else GONE, surplus=surplus)


def _finding(key: str, state: DerivativesState, wanted: Mapping[str, Derivative]) -> Finding:
    if state.is_complete(wanted):
        return Finding(key, REFUSED if state.refused else COMPLETE, reason=state.refused)
    missing = sorted(wanted.keys() - state.own.keys())
    incomplete = "there is no manifest" if state.manifest is None else "the manifest is incomplete"
    reason = "the manifest is of another original" if state.overwritten else "" if missing else incomplete
    return Finding(key, STALE if state.changed else MISSING, missing, len(state.stale), reason)


def inspect_all(
    prerender: Prerender, inspector: Inspector, prefix: str = "", after: str = ""
) -> Iterator[tuple[Listed, Finding]]:
    """Every original with this prefix and above `after`, with its finding. Raises what the listings raise."""
    originals = listed_originals(prerender.originals, prerender.derivatives.store, prefix, after)
    return pooled(lambda listed: (listed, inspect(inspector, prerender, listed)), originals, INSPECTORS)
