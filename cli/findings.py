"""What is found of one original: whether its derivatives are in step with it. Where they are is what reconcile says."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from chalicelib.derivatives import Survey, original_etag
from chalicelib.pipeline import Pipeline
from chalicelib.storage import Object
from chalicelib.transformation import Derivative
from cli.pool import FAILED, patiently, pooled, told
from cli.standings import Standing, standings

COMPLETE, REFUSED, GONE = IN_STEP = ("complete", "refused", "gone")
MISSING, STALE, ORPHANED = OUT_OF_STEP = ("missing", "stale", "orphaned")


LOOKERS = 32
"""How many originals are looked at at once: an answer of S3 takes longer than what is done with it."""


@dataclass(frozen=True)
class Finding:
    """What one original was found to be; `missing` are keys of derivatives, `surplus` counts objects that must go."""

    key: str
    what: str
    missing: Collection[str] = ()
    surplus: int = 0
    reason: str = ""


Look = Callable[[Pipeline, Standing], Finding]


def found(look: Look, pipeline: Pipeline, standing: Standing) -> Finding:
    """What a look finds, tried again where S3 does not answer; in the end it has failed, and stops no other."""
    try:
        return patiently(partial(look, pipeline), standing)
    except Exception as error:
        return Finding(standing.key, FAILED, reason=told(error))


def by_listing(pipeline: Pipeline, standing: Standing) -> Finding:
    """Looks only at originals of which the listings show that something is missing.

    Proves that every derivative that is wanted is there by its name, and a manifest; not what they were made from.
    """
    wanted = pipeline.presets.derivatives(standing.key)
    if standing.original is None or (standing.known and wanted.keys() <= standing.folder.keys()):
        return Finding(standing.key, COMPLETE if standing.original else GONE)
    return by_picture(pipeline, standing)


def by_manifest(pipeline: Pipeline, standing: Standing) -> Finding:
    """Reads each manifest, and looks at each picture that it does not tell of: one request for each.

    Proves that the manifest speaks of the original that is there, and that each picture was made from it.
    """
    if standing.original and standing.known:
        wanted, manifest = pipeline.presets.derivatives(standing.key), pipeline.derivatives.manifest(standing.key)
        survey = Survey(standing.original.etag, manifest, standing.pictures, ())
        if survey.settled(wanted) and all(_own(pipeline, survey, picture) for picture in standing.pictures.values()):
            return _judged(standing.key, survey, wanted)
    return by_picture(pipeline, standing)


def _own(pipeline: Pipeline, survey: Survey, picture: Object) -> bool:
    """Whether a picture was made from the surveyed original, by its manifest or by what it says of itself."""
    if survey.manifest and survey.manifest.tells_of(picture.key.rpartition("/")[2], picture.etag):
        return True
    there = pipeline.derivatives.store.head(picture.key)
    return there is None or original_etag(there) == survey.etag


def by_picture(pipeline: Pipeline, standing: Standing) -> Finding:
    """Looks at every picture, one request each: what reconcile would see now, however long ago the listings were read.

    Proves that each was made from the original that is there.
    """
    key = standing.key
    original = pipeline.originals.head(key)
    if original:
        return _judged(key, pipeline.derivatives.survey(original), pipeline.presets.derivatives(key))
    pictures, known = pipeline.derivatives.standing(key)
    surplus = len(pictures) + known
    return Finding(key, ORPHANED if surplus else GONE, surplus=surplus)


def _judged(key: str, survey: Survey, wanted: Mapping[str, Derivative]) -> Finding:
    if survey.settled(wanted):
        return Finding(key, REFUSED if survey.refused else COMPLETE, reason=survey.refused)
    missing = sorted(wanted.keys() - survey.own.keys())
    spoken = "there is no manifest" if survey.manifest is None else "the manifest speaks of less"
    reason = "the manifest speaks of another original" if survey.overwritten else "" if missing else spoken
    return Finding(key, STALE if survey.changed else MISSING, missing, len(survey.stale), reason)


def look_over(pipeline: Pipeline, look: Look, prefix: str = "", after: str = "") -> Iterator[tuple[Standing, Finding]]:
    """Every original below a prefix and behind a key, with what is found of it; raises what the listings raise."""
    listed = standings(pipeline.originals, pipeline.derivatives.store, prefix, after)
    return pooled(lambda standing: (standing, found(look, pipeline, standing)), listed, LOOKERS)
