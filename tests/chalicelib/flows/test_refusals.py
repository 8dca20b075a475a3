"""Originals that cannot be used are refused once, and the reason is stored, by an event or by a request."""

import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from chalicelib.errors import Damaged, NotAnImage, TooLarge
from chalicelib.flows.on_demand import OnDemand
from chalicelib.limits import Limits
from chalicelib.monitoring.timing import Timing
from chalicelib.transformation import parse_path
from support.originals import NOT_AN_IMAGE, animation, damaged, picture
from support.pipeline import NAMES

REFUSED = [
    (NOT_AN_IMAGE, Limits(), NotAnImage),
    (b"", Limits(), NotAnImage),
    (damaged(), Limits(), Damaged),
    (picture()[:60], Limits(), Damaged),
    (picture(), Limits(original_bytes=100), TooLarge),
    (picture((300, 10)), Limits(original_side=299), TooLarge),
    (picture((120, 80)), Limits(original_pixels=9599), TooLarge),
    (animation(), Limits(frames=2), TooLarge),
    (animation(size=(60, 40)), Limits(frames_pixels=7199), TooLarge),
]


@pytest.mark.parametrize(("original", "limits", "error"), REFUSED)
def test_a_refused_original_has_a_manifest_that_says_why(prerender, upload, stored, manifest, original, limits, error):
    prerender = replace(prerender, limits=limits)
    etag = upload("cat.jpg", original)
    settled = prerender.reconcile("cat.jpg")
    assert settled.outcome == "refused"
    assert settled.reason
    assert stored() == ["manifest.json"]
    assert manifest().etag == etag
    assert type(manifest().refusal) is error
    assert str(manifest().refusal) == settled.reason


@pytest.mark.parametrize(("original", "limits", "error"), REFUSED)
def test_a_refused_original_is_not_read_again(prerender, upload, originals, derivatives, original, limits, error):
    prerender = replace(prerender, limits=limits)
    upload("cat.jpg", original)
    prerender.reconcile("cat.jpg")
    originals.forget()
    derivatives.forget()
    again = prerender.reconcile("cat.jpg")
    assert again.outcome == "unchanged"
    assert again.reason
    with pytest.raises(error):
        OnDemand(prerender).find(parse_path("cat.jpg/w=77.jpg"), Timing())
    assert originals.called("read") == []
    assert derivatives.called("put", "swap", "delete") == []


def test_what_is_too_heavy_is_not_even_read(prerender, upload, originals):
    prerender = replace(prerender, limits=Limits(original_bytes=100))
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    assert originals.called("read") == []


@pytest.mark.parametrize(("original", "limits", "error"), REFUSED)
def test_a_request_before_the_event_writes_why_the_original_is_refused(
    prerender, upload, originals, stored, manifest, original, limits, error
):
    prerender = replace(prerender, limits=limits)
    upload("cat.jpg", original)
    reasons = set()
    for name in ("w=77.jpg", "w=78.webp"):
        with pytest.raises(error) as raised:
            OnDemand(prerender).find(parse_path(f"cat.jpg/{name}"), Timing())
        reasons.add(str(raised.value))
    assert reasons == {str(manifest().refusal)}
    assert len(originals.called("read")) <= 2  # for the picture, and to reconcile what stands of it
    assert stored() == ["manifest.json"]
    assert prerender.reconcile("cat.jpg").outcome == "unchanged"


def test_an_original_overwritten_by_nonsense_takes_its_pictures_along(prerender, upload, stored, find):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    upload("cat.jpg", NOT_AN_IMAGE)
    settled = prerender.reconcile("cat.jpg")
    assert (settled.outcome, settled.removed) == ("refused", 6)
    assert stored() == ["manifest.json"]


def test_nonsense_overwritten_by_a_picture_is_a_picture(prerender, upload, stored, manifest):
    upload("cat.jpg", NOT_AN_IMAGE)
    prerender.reconcile("cat.jpg")
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert manifest().refusal is None


@pytest.mark.parametrize(("seconds", "written"), [(0.0, ["manifest.json"]), (0.6, [])])
def test_what_takes_long_to_refuse_is_refused_once_while_somebody_waits(prerender, upload, stored, seconds, written):
    refused = []

    @contextmanager
    def slowly(*asked):
        refused.append(time.sleep(seconds))
        raise Damaged("the original is damaged")
        yield

    slow = replace(prerender, limits=Limits(request_seconds=1), prepare=slowly)
    upload("cat.jpg", picture())
    with pytest.raises(Damaged):
        OnDemand(slow).find(parse_path("cat.jpg/w=33.jpg"), Timing())
    assert (len(refused), stored()) == (1 + len(written), written)
