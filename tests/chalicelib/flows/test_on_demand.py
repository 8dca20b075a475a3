"""The request flow: a derivative is wanted, made once and read ever after, whatever happens meanwhile."""

import threading
from concurrent.futures import Executor, Future
from dataclasses import replace

import pytest

from chalicelib.errors import Denied, NotAnImage, NotFound, Unavailable
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.limits import Limits
from chalicelib.monitoring.timing import Timing
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.store import Content
from chalicelib.transformation import parse_path
from support.originals import NOT_AN_IMAGE, colour_of, near, noise, picture, size_of
from support.pipeline import NAMES, on_every_store
from support.watched_store import MOMENTS, at_once


@on_every_store
def test_a_derivative_is_made_once_and_read_ever_after(find, upload, originals, counts):
    upload("cat.jpg", picture())
    first = find("cat.jpg/w=77.jpg")
    assert (first.hit, counts["rendered"]) == (False, 1)
    made = first.read()
    originals.forget()
    second = find("cat.jpg/w=77.jpg")
    assert (second.hit, counts["rendered"]) == (True, 1)
    assert originals.calls == [("head", "cat.jpg")]
    assert second.read() == made
    assert replace(first, hit=True, read=len) == replace(second, read=len)


def test_a_derivative_may_come_before_the_event_of_its_upload(prerender, find, upload, stored, counts):
    upload("cat.jpg", picture())
    find("cat.jpg/w=60.jpg")
    assert prerender.reconcile("cat.jpg").made == 4
    assert counts["rendered"] == 5
    assert stored() == ["manifest.json", *NAMES]
    assert find("cat.jpg/w=60.jpg").hit


def test_what_the_upload_made_is_not_made_by_a_request(prerender, find, upload):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    assert all(find(f"cat.jpg/{name}").hit for name in NAMES)


# A picture stands there, but its original is another by now, or gone, and no event has come.


def test_a_picture_of_a_replaced_original_is_made_anew_and_put_over(prerender, upload, body):
    upload("cat.jpg", picture(colour="tomato"))
    prerender.reconcile("cat.jpg")
    upload("cat.jpg", picture(colour="gold"))
    told = []
    looking = OnDemand(replace(prerender, invalidate=told.append))
    found = [looking.find(parse_path("cat.jpg/w=60.jpg"), Timing()) for _ in range(2)]
    assert [each.hit for each in found] == [False, True]
    assert all(near(colour_of(each.read()), "gold") for each in found)
    assert near(colour_of(body("cat.jpg/w=60.jpg")), "gold")
    assert told == ["cat.jpg"]


@on_every_store
def test_nobody_who_has_a_replaced_picture_is_told_that_it_is_unchanged(web, upload):
    upload("cat.jpg", picture(colour="tomato"))
    old = web.get("cat.jpg", "w=20").headers
    known = {"If_None_Match": old["ETag"]}
    assert web.get("cat.jpg", "w=20", **known).status == 304
    upload("cat.jpg", picture(colour="gold"))
    new = web.get("cat.jpg", "w=20", method="HEAD", **known)
    assert (new.status, new.headers["X-Cache"]) == (200, "MISS")
    assert new.headers["ETag"] != old["ETag"]
    assert web.get("cat.jpg", "w=20", If_None_Match=new.headers["ETag"]).status == 304


@on_every_store
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_picture_of_a_removed_original_is_not_found(web, upload, originals, method):
    upload("cat.jpg", picture())
    known = web.get("cat.jpg", "w=20").headers["ETag"]
    originals.store.delete(["cat.jpg"])
    for asked in ({}, {"If_None_Match": known}):
        assert web.get("cat.jpg", "w=20", method=method, **asked).status == 404


@pytest.mark.parametrize(("error", "status"), [(Unavailable("down"), 503), (Denied("no such original"), 404)])
@pytest.mark.parametrize("asked", [{}, {"method": "HEAD"}, {"If_None_Match": "*"}], ids=["GET", "HEAD", "304"])
def test_a_picture_of_which_nobody_knows_whether_it_is_right_is_not_answered(
    web, upload, originals, asked, error, status
):
    upload("cat.jpg", picture())
    assert web.get("cat.jpg", "w=20").status == 200
    originals.fail("head", error)
    originals.fail("get", error)
    assert web.get("cat.jpg", "w=20", **asked).status == status


def test_no_original_no_derivative(find, derivatives):
    with pytest.raises(NotFound):
        find("cat.jpg/w=77.jpg")
    assert derivatives.written == []


class InTurn(Executor):
    """Runs each call when it is submitted, so that a change made by a lookup is complete before the request goes on."""

    def submit(self, fn, /, *args, **options):
        future = Future()
        future.set_result(fn(*args, **options))
        return future


@pytest.fixture
def find_in_turn(on_demand):
    flow = replace(on_demand, lookups=InTurn())
    return lambda key: flow.find(parse_path(key), Timing())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_request_during_an_overwrite_answers_with_the_new_one(find_in_turn, upload, originals, moment):
    upload("cat.jpg", picture(colour="tomato"))
    originals.on(moment, lambda: upload("cat.jpg", picture(colour="gold")))
    assert near(colour_of(find_in_turn("cat.jpg/w=77.jpg").read()), "gold")
    again = find_in_turn("cat.jpg/w=77.jpg")
    assert again.hit
    assert near(colour_of(again.read()), "gold")


def test_a_picture_stored_after_its_original_changed_is_deleted_again(find, upload, derivatives, body):
    upload("cat.jpg", picture(colour="tomato"))
    derivatives.on("after swap", lambda: upload("cat.jpg", picture(colour="gold")))
    assert near(colour_of(find("cat.jpg/w=77.jpg").read()), "gold")
    assert near(colour_of(body("cat.jpg/w=77.jpg")), "gold")


def test_a_request_that_was_overtaken_by_a_whole_upload_leaves_all_of_it(prerender, find, upload, derivatives, stored):
    upload("cat.jpg", picture(colour="tomato"))

    def overwritten():
        upload("cat.jpg", picture(colour="gold"))
        prerender.reconcile("cat.jpg")

    derivatives.on("after swap", overwritten)
    assert near(colour_of(find("cat.jpg/w=60.jpg").read()), "gold")
    assert stored() == ["manifest.json", *NAMES]
    assert near(colour_of(derivatives.store.get("cat.jpg/w=60.jpg").read()), "gold")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_request_during_a_removal_is_not_found_and_leaves_nothing(find_in_turn, upload, originals, stored, moment):
    upload("cat.jpg", picture())
    originals.on(moment, lambda: originals.store.delete(["cat.jpg"]))
    with pytest.raises(NotFound):
        find_in_turn("cat.jpg/w=77.jpg")
    assert stored() == []


def test_a_request_that_read_nonsense_does_not_refuse_the_picture_that_came(
    prerender, find, upload, originals, manifest
):
    upload("cat.jpg", NOT_AN_IMAGE)

    def overwritten():
        upload("cat.jpg", picture())
        prerender.reconcile("cat.jpg")

    originals.on("after read", overwritten)
    assert size_of(find("cat.jpg/w=77.jpg").read()) == (77, 51)
    assert manifest().refusal is None
    assert list(manifest().derivatives) == NAMES


@on_every_store
def test_many_requests_for_one_derivative_get_the_same_bytes(prerender, find, upload, stored):
    upload("cat.jpg", noise())
    answers = at_once(4, lambda: find("cat.jpg/w=77.jpg").read())
    assert len(answers) == 4
    assert len(set(answers)) == 1, answers
    assert stored() == ["w=77.jpg"]


@pytest.fixture
def busy(upload, originals, derivatives, presets, counted):
    """The flow with one slot, which somebody holds until told to go on."""
    limits = Limits(waiting_seconds=1)
    prerender = Prerender(originals, Derivatives(derivatives, ""), presets, limits, prepare=counted.prepare)
    on_demand = OnDemand(prerender, threading.BoundedSemaphore(1))
    upload("cat.jpg", picture())
    began, go_on = threading.Event(), threading.Event()
    originals.on("read", lambda: (began.set(), go_on.wait(10)))
    worker = threading.Thread(target=lambda: on_demand.find(parse_path("cat.jpg/w=77.jpg"), Timing()))
    worker.start()
    assert began.wait(10)
    yield on_demand, go_on
    go_on.set()
    worker.join()


def test_a_request_that_gets_no_turn_is_told_to_come_again(busy):
    on_demand, _ = busy
    with pytest.raises(Unavailable, match="too many"):
        on_demand.find(parse_path("cat.jpg/w=78.jpg"), Timing())


def test_a_hit_needs_no_turn(busy):
    on_demand, _ = busy
    prerender = on_demand.prerender
    etag = prerender.originals.head("cat.jpg").etag
    metadata = {"original-etag": etag, "width": "1", "height": "1"}
    prerender.derivatives.store.put("cat.jpg/w=79.jpg", Content(b"there", "image/jpeg", "", metadata))
    assert on_demand.find(parse_path("cat.jpg/w=79.jpg"), Timing()).hit


def test_a_request_that_waited_takes_what_was_made_meanwhile(busy, counts):
    on_demand, go_on = busy
    threading.Timer(0.2, go_on.set).start()
    timing = Timing()
    found = on_demand.find(parse_path("cat.jpg/w=77.jpg"), timing)
    assert (found.hit, counts["rendered"]) == (True, 1)
    assert timing.stages["wait"] > 50


def test_a_turn_is_given_back_whatever_happens(prerender, upload, find):
    upload("cat.jpg", NOT_AN_IMAGE)
    for number in range(20):
        with pytest.raises(NotAnImage):
            find(f"cat.jpg/w={number + 1}.jpg")
        with pytest.raises(NotFound):
            find(f"dog.jpg/w={number + 1}.jpg")


@pytest.mark.parametrize("verb", ["get", "read", "head"])
def test_a_request_while_s3_is_down_is_unavailable(find, upload, originals, verb):
    upload("cat.jpg", picture())
    originals.fail(verb, Unavailable("the store does not answer now"))
    with pytest.raises(Unavailable):
        find("cat.jpg/w=77.jpg")


def test_the_stages_are_timed(prerender, upload):
    upload("cat.jpg", picture())
    missed, hit = Timing(), Timing()
    OnDemand(prerender).find(parse_path("cat.jpg/w=77.jpg"), missed).read()
    OnDemand(prerender).find(parse_path("cat.jpg/w=77.jpg"), hit).read()
    assert list(hit.stages) == ["fetch", "check", "read"]
    assert {"fetch", "original", "render", "store", "check"} <= set(missed.stages)
    assert all(milliseconds >= 0 for milliseconds in missed.stages.values())
