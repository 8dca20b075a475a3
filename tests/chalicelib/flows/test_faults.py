"""The upload flow while S3 fails, and while others change what it works on."""

import pytest

from chalicelib.errors import Unavailable
from support.originals import colour_of, near, picture
from support.pipeline import NAMES, on_every_store
from support.watched_store import MOMENTS, at_once


@pytest.mark.parametrize("verb", ["get", "read", "head"])
def test_a_fault_of_the_originals_raises_and_the_next_event_makes_up_for_it(prerender, upload, originals, stored, verb):
    upload("cat.jpg", picture())
    originals.fail(verb, Unavailable("the store does not answer now"), once=True)
    with pytest.raises(Unavailable):
        prerender.reconcile("cat.jpg")
    prerender.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]


@pytest.mark.parametrize("verb", ["get", "head", "put", "swap", "delete", "names"])
@pytest.mark.parametrize("step", range(3))
def test_a_fault_of_the_derivatives_raises_and_the_next_event_makes_up_for_it(
    prerender, upload, derivatives, stored, body, find, verb, step
):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    upload("cat.jpg", picture(colour="gold"))
    calls = iter(range(100))

    def fail_later():
        if next(calls) == step:
            raise Unavailable("the store does not answer now")

    derivatives.on(verb, fail_later, once=False)
    failed = False
    try:
        prerender.reconcile("cat.jpg")
    except Unavailable:
        failed = True
    derivatives.heal()
    assert failed == (next(calls) > step)
    prerender.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)


# Others at work at the same time.


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_original_overwritten_meanwhile_ends_in_pictures_of_the_new_one(
    prerender, upload, originals, stored, body, manifest, moment
):
    upload("cat.jpg", picture(colour="tomato"))
    originals.on(moment, lambda: upload("cat.jpg", picture(colour="gold")))
    prerender.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)
    assert manifest().etag == originals.store.head("cat.jpg").etag


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_original_removed_meanwhile_leaves_nothing(prerender, upload, originals, stored, moment):
    upload("cat.jpg", picture())
    originals.on(moment, lambda: originals.store.delete(["cat.jpg"]))
    prerender.reconcile("cat.jpg")
    assert stored() == []


@pytest.mark.parametrize("name", [*NAMES, "manifest.json"])
def test_an_original_overwritten_during_a_write_leaves_no_old_picture(
    prerender, upload, derivatives, stored, body, name
):
    upload("cat.jpg", picture(colour="tomato"))
    moment = "after put" if name == "manifest.json" else "after swap"
    derivatives.on(moment, lambda: upload("cat.jpg", picture(colour="gold")), key=f"cat.jpg/{name}")
    prerender.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)


def test_an_original_that_keeps_changing_is_tried_again_later(prerender, upload, originals):
    versions = iter(range(1, 200))
    upload("cat.jpg", picture())
    originals.on("after get", lambda: upload("cat.jpg", picture((100 + next(versions), 20))), once=False)
    with pytest.raises(Unavailable, match="keeps changing"):
        prerender.reconcile("cat.jpg")
    originals.heal()
    assert prerender.reconcile("cat.jpg").outcome == "made"


@on_every_store
def test_two_events_at_once_come_to_the_same(prerender, upload, stored, manifest):
    upload("cat.jpg", picture())
    outcomes = at_once(2, lambda: prerender.reconcile("cat.jpg").outcome)
    assert set(outcomes) <= {"made", "unchanged"}
    assert stored() == ["manifest.json", *NAMES]
    assert list(manifest().derivatives) == NAMES
