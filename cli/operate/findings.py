"""Whether the derivatives of an original are in step with it. The rule is that of `reconcile`."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from chalicelib.flows.prerender import Prerender
from chalicelib.storage.derivatives import DerivativesState, is_of
from chalicelib.storage.store import Object
from chalicelib.transformation import Derivative
from cli.operate.listing import Listed, listed_originals
from cli.operate.pool import FAILED, describe_error, patiently, pooled

COMPLETE, REFUSED, GONE = IN_STEP = ("complete", "refused", "gone")
MISSING, STALE, ORPHANED = OUT_OF_STEP = ("missing", "stale", "orphaned")


INSPECTORS = 32
"""How many originals are looked at at once: an answer of S3 takes longer than what is done with it."""


@dataclass(frozen=True)
class Finding:
    """What one original was found to be; `missing` are keys of derivatives, `surplus` counts objects that must go."""

    key: str
    what: str
    missing: Collection[str] = ()
    surplus: int = 0
    reason: str = ""


Inspector = Callable[[Prerender, Listed], Finding]


def found(inspector: Inspector, prerender: Prerender, listed: Listed) -> Finding:
    """What a look finds, tried again where S3 does not answer; in the end it has failed, and stops no other."""
    try:
        return patiently(partial(inspector, prerender), listed)
    except Exception as error:
        return Finding(listed.key, FAILED, reason=describe_error(error))


def by_listing(prerender: Prerender, listed: Listed) -> Finding:
    """Looks only at originals of which the listings show that something is missing.

    Proves that every derivative that is wanted is there by its name, and a manifest; not what they were made from.
    """
    wanted = prerender.presets.derivatives(listed.key)
    if listed.original is None or (listed.has_manifest and wanted.keys() <= listed.folder.keys()):
        return Finding(listed.key, COMPLETE if listed.original else GONE)
    return by_picture(prerender, listed)


def by_manifest(prerender: Prerender, listed: Listed) -> Finding:
    """Reads each manifest, and looks at each picture that it does not tell of: one request for each.

    Proves that the manifest speaks of the original that is there, and that each picture was made from it.
    """
    if listed.original and listed.has_manifest:
        wanted, manifest = prerender.presets.derivatives(listed.key), prerender.derivatives.manifest(listed.key)
        state = DerivativesState(listed.original.etag, manifest, listed.pictures, ())
        if state.is_complete(wanted) and all(
            _own(prerender, listed.original, state, picture) for picture in listed.pictures.values()
        ):
            return _judged(listed.key, state, wanted)
    return by_picture(prerender, listed)


def _own(prerender: Prerender, original: Object, state: DerivativesState, picture: Object) -> bool:
    """Whether a picture was made from the stateed original, by its manifest or by what it says of itself."""
    if state.manifest and state.manifest.lists(picture.key.rpartition("/")[2], picture.etag):
        return True
    there = prerender.derivatives.store.head(picture.key)
    return there is None or is_of(original, there)


def by_picture(prerender: Prerender, listed: Listed) -> Finding:
    """Looks at every picture, one request each: what reconcile would see now, however long ago the listings were read.

    Proves that each was made from the original that is there.
    """
    key = listed.key
    original = prerender.originals.head(key)
    if original:
        return _judged(key, prerender.derivatives.state(original), prerender.presets.derivatives(key))
    pictures, known = prerender.derivatives.keys_of(key)
    surplus = len(pictures) + known
    return Finding(key, ORPHANED if surplus else GONE, surplus=surplus)


def _judged(key: str, state: DerivativesState, wanted: Mapping[str, Derivative]) -> Finding:
    if state.is_complete(wanted):
        return Finding(key, REFUSED if state.refused else COMPLETE, reason=state.refused)
    missing = sorted(wanted.keys() - state.own.keys())
    spoken = "there is no manifest" if state.manifest is None else "the manifest speaks of less"
    reason = "the manifest speaks of another original" if state.overwritten else "" if missing else spoken
    return Finding(key, STALE if state.changed else MISSING, missing, len(state.stale), reason)


def inspect_all(
    prerender: Prerender, inspector: Inspector, prefix: str = "", after: str = ""
) -> Iterator[tuple[Listed, Finding]]:
    """Every original below a prefix and behind a key, with what is found of it; raises what the listings raise."""
    originals = listed_originals(prerender.originals, prerender.derivatives.store, prefix, after)
    return pooled(lambda listed: (listed, found(inspector, prerender, listed)), originals, INSPECTORS)
