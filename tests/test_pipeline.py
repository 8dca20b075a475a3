"""The two flows: what an upload, an overwrite, a removal and a request leave in the buckets, and what they never do."""

import io
import threading
from dataclasses import replace

import pytest
from conftest import BACKENDS
from drawn import NOT_AN_IMAGE, animation, colour_of, damaged, near, noise, picture, size_of
from PIL import Image
from stores import Watched

from chalicelib import opening, rendering
from chalicelib.derivatives import Derivatives
from chalicelib.errors import Damaged, NotAnImage, NotFound, TooLarge, Unavailable
from chalicelib.limits import Limits
from chalicelib.pipeline import Pipeline, out_of_step
from chalicelib.presetfile import read_presets
from chalicelib.presets import Wanted
from chalicelib.storage import MemoryStore
from chalicelib.timing import Timing
from chalicelib.transformation import parse_path

on_every_store = pytest.mark.parametrize("backend", BACKENDS, indirect=True)

NAMES = ["w=20.jpg", "w=30,h=30,fit=crop.png", "w=40.jpg", "w=40.webp", "w=60.jpg"]

KEYS = [
    "a b.jpg",
    "a+b.jpg",
    "100%.jpg",
    "100%25.jpg",
    "café.jpg",
    "😀/👩‍👧.png",
    "one/two/three/four/five/six.jpg",
    "a//b///c.jpg",
    "/leading.jpg",
    "a?b#c&d=e.jpg",
    "w=1.jpg",
    "manifest.json",
    "x/manifest.json",
    "k" * 1010,
]


@pytest.fixture
def counts(monkeypatch):
    """How often an original was opened and a derivative rendered."""
    counted = {"opened": 0, "rendered": 0}

    def count(owner, name, what):
        work = getattr(owner, name)

        def counting(*args, **options):
            counted[what] += 1
            return work(*args, **options)

        monkeypatch.setattr(owner, name, counting)

    count(opening.Opened, "__init__", "opened")
    count(rendering.Rendering, "render", "rendered")
    return counted


@pytest.fixture
def stored(derivatives):
    """The names of what stands below an original in the derivatives bucket."""
    return lambda key="cat.jpg": sorted(name[len(key) + 1 :] for name in derivatives.store.names(f"{key}/"))


@pytest.fixture
def body(derivatives):
    return lambda key: derivatives.store.get(key).read()


@pytest.fixture
def manifest(pipeline):
    return lambda key="cat.jpg": pipeline.derivatives.manifest(key)


@pytest.fixture
def find(pipeline):
    return lambda key: pipeline.find(Wanted(parse_path(key)), Timing())


# An original arrived.


@on_every_store
def test_an_upload_makes_every_preset_in_every_format(pipeline, upload, stored, body):
    upload("cat.jpg", picture((120, 80)))
    settled = pipeline.reconcile("cat.jpg")
    assert (settled.outcome, settled.made) == ("made", 5)
    assert stored() == ["manifest.json", *NAMES]
    sizes = {name: size_of(body(f"cat.jpg/{name}")) for name in NAMES}
    assert sizes == dict(zip(NAMES, [(20, 13), (30, 30), (40, 27), (40, 27), (60, 40)], strict=True))
    formats = [Image.open(io.BytesIO(body(f"cat.jpg/{name}"))).format for name in NAMES]
    assert formats == ["JPEG", "PNG", "JPEG", "WEBP", "JPEG"]
    assert settled.written == sum(len(body(f"cat.jpg/{name}")) for name in NAMES)


@on_every_store
def test_each_derivative_says_what_it_is_and_what_it_was_made_from(pipeline, upload, derivatives):
    etag = upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    found = {name: derivatives.store.head(f"cat.jpg/{name}") for name in [*NAMES, "manifest.json"]}
    types = ["image/jpeg", "image/png", "image/jpeg", "image/webp", "image/jpeg", "application/json"]
    assert [stored.content_type for stored in found.values()] == types
    assert {stored.metadata["original-etag"] for stored in found.values()} == {etag}


@pytest.mark.parametrize("backend", ["moto", "embedded"], indirect=True)
def test_each_derivative_carries_its_cache_control_on_s3(pipeline, upload, s3, settings):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    said = {
        name: s3.head_object(Bucket="imgy-derivatives", Key=f"cat.jpg/{name}")["CacheControl"]
        for name in [*NAMES, "manifest.json"]
    }
    assert said == {**dict.fromkeys(NAMES, settings.cache_control), "manifest.json": "no-cache"}


@on_every_store
@pytest.mark.parametrize("key", KEYS)
def test_any_key_will_do(pipeline, upload, originals, stored, key):
    upload(key, picture())
    assert pipeline.reconcile(key).outcome == "made"
    assert len(stored(key)) >= 5
    assert "manifest.json" in stored(key)
    originals.store.delete([key])
    assert pipeline.reconcile(key).outcome == "gone"
    assert stored(key) == []


def test_the_original_is_read_once_and_opened_once(pipeline, upload, originals, counts):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    assert originals.called("get") == originals.called("read") == ["cat.jpg"]
    assert counts == {"opened": 1, "rendered": 5}


def test_the_manifest_is_written_last(pipeline, upload, derivatives):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    *before, last = derivatives.written
    assert last == "cat.jpg/manifest.json"
    assert sorted(before) == [f"cat.jpg/{name}" for name in NAMES]


def test_the_originals_bucket_is_never_written_to(pipeline, upload, originals):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    assert originals.called("put", "swap", "delete") == []


@on_every_store
def test_the_manifest_says_what_is_known(pipeline, upload, manifest, body):
    etag = upload("cat.jpg", picture((120, 80)))
    pipeline.reconcile("cat.jpg")
    known = manifest()
    assert (known.etag, known.format, known.width, known.height, known.frames) == (etag, "jpeg", 120, 80, 1)
    assert known.length == len(picture((120, 80)))
    assert list(known.derivatives) == NAMES
    lengths = {name: entry["length"] for name, entry in known.derivatives.items()}
    assert lengths == {name: len(body(f"cat.jpg/{name}")) for name in NAMES}
    assert known.derivatives["w=60.jpg"] == {"width": 60, "height": 40, "length": lengths["w=60.jpg"]}
    assert near(tuple(bytes.fromhex(known.colours[0])), "tomato", 30)
    assert near(tuple(bytes.fromhex(known.colours[1])), "navy", 40)
    assert known.placeholder.startswith("data:image/webp;base64,")
    assert len(known.placeholder) < 600
    assert known.refusal is None


def test_a_moving_original_is_described_by_all_its_frames(pipeline, upload, manifest):
    upload("cat.gif", animation())
    pipeline.reconcile("cat.gif")
    assert (manifest("cat.gif").frames, manifest("cat.gif").format) == (3, "gif")


@on_every_store
def test_the_same_event_again_does_nothing(pipeline, upload, originals, derivatives, counts):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    for watched in (originals, derivatives):
        watched.forget()
    counts.update(opened=0, rendered=0)
    assert pipeline.reconcile("cat.jpg").outcome == "kept"
    assert counts == {"opened": 0, "rendered": 0}
    assert originals.called("read") == []
    assert derivatives.called("put", "swap", "delete") == []


def test_the_same_bytes_again_do_nothing(pipeline, upload, derivatives):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    derivatives.forget()
    upload("cat.jpg", picture())
    assert pipeline.reconcile("cat.jpg").outcome == "kept"
    assert derivatives.written == []


def test_what_a_broken_off_upload_left_is_not_made_again(pipeline, upload, derivatives, counts):
    upload("cat.jpg", picture())
    derivatives.on("put", lambda: (_ for _ in ()).throw(Unavailable("down")), key="cat.jpg/manifest.json")
    with pytest.raises(Unavailable):
        pipeline.reconcile("cat.jpg")
    derivatives.store.delete(["cat.jpg/w=60.jpg"])
    derivatives.forget()
    counts.update(opened=0, rendered=0)
    assert pipeline.reconcile("cat.jpg").made == 1
    assert derivatives.written == ["cat.jpg/w=60.jpg", "cat.jpg/manifest.json"]
    assert counts == {"opened": 1, "rendered": 1}


def test_a_manifest_that_cannot_be_read_is_written_anew(pipeline, upload, derivatives, manifest):
    etag = upload("cat.jpg", picture())
    for nonsense in (b"", b"{", b"[]", b'{"etag": "x", "new": 1, "colours": []}', b"\xff"):
        derivatives.store.put("cat.jpg/manifest.json", nonsense, "application/json", "", {})
        assert pipeline.reconcile("cat.jpg").outcome == "made"
        assert manifest().etag == etag


def test_a_changed_preset_makes_what_is_new_and_keeps_the_rest(pipeline, upload, derivatives, stored):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    derivatives.forget()
    more = read_presets("presets: {small: {w: 40, fm: jpg}, new: {w: 50, fm: png}}")
    settled = replace(pipeline, presets=more).reconcile("cat.jpg")
    assert (settled.outcome, settled.made, settled.removed) == ("made", 1, 0)
    assert derivatives.written == ["cat.jpg/w=50.png", "cat.jpg/manifest.json"]
    assert set(NAMES) < set(stored())


def test_a_preset_for_some_originals_is_made_for_them_alone(pipeline, upload, stored):
    only = read_presets("presets: {logo: {only: ['logos/*'], w: 10, fm: png}}")
    for key in ("logos/a.png", "cat.jpg"):
        upload(key, picture())
        replace(pipeline, presets=only).reconcile(key)
    assert stored("logos/a.png") == ["manifest.json", "w=10.png"]
    assert stored() == ["manifest.json"]


# An original was overwritten, or went.


@on_every_store
def test_an_overwritten_original_replaces_every_derivative(pipeline, upload, stored, body, find, manifest):
    upload("cat.jpg", picture(colour="tomato"))
    pipeline.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    etag = upload("cat.jpg", picture((100, 100), colour="gold"))
    settled = pipeline.reconcile("cat.jpg")
    assert (settled.made, settled.removed) == (5, 1)
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)
    assert manifest().etag == etag
    assert size_of(find("cat.jpg/w=77.jpg").read()) == (77, 77)


@on_every_store
def test_a_removed_original_takes_everything_along(pipeline, upload, originals, stored, find):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    originals.store.delete(["cat.jpg"])
    settled = pipeline.reconcile("cat.jpg")
    assert (settled.outcome, settled.removed) == ("gone", 7)
    assert stored() == []
    assert pipeline.reconcile("cat.jpg").removed == 0


def test_the_manifest_of_a_removed_original_goes_last(pipeline, upload, originals, derivatives):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    originals.store.delete(["cat.jpg"])
    pipeline.reconcile("cat.jpg")
    assert derivatives.called("delete")[-1] == "cat.jpg/manifest.json"


def test_an_original_that_comes_back_has_everything_again(pipeline, upload, originals, stored):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    originals.store.delete(["cat.jpg"])
    pipeline.reconcile("cat.jpg")
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]


NEIGHBOURS = ["cat.jpg", "cat.jpg/x.png", "cat.jpg/manifest.json", "cat.jpg/w=5", "cat", "cat.jp", "cat.jpg.jpg", "c/a"]


@on_every_store
@pytest.mark.parametrize("removed", NEIGHBOURS)
def test_originals_whose_keys_begin_alike_do_not_harm_each_other(pipeline, upload, originals, derivatives, removed):
    for key in NEIGHBOURS:
        upload(key, picture())
        pipeline.reconcile(key)
    before = {name: derivatives.store.head(name).etag for name in derivatives.store.names()}
    assert {f"{key}/manifest.json" for key in NEIGHBOURS} <= set(before)
    originals.store.delete([removed])
    pipeline.reconcile(removed)
    after = {name: derivatives.store.head(name).etag for name in derivatives.store.names()}
    gone = {name for name in before if name.rpartition("/")[0] == removed}
    assert after == {name: etag for name, etag in before.items() if name not in gone}
    assert {pipeline.reconcile(key).outcome for key in NEIGHBOURS if key != removed} == {"kept"}


@pytest.mark.parametrize("key", ["photos/", "", "/", "k" * 1011])
def test_what_cannot_have_derivatives_is_no_original(pipeline, upload, derivatives, find, key):
    upload(key, picture())
    assert pipeline.reconcile(key).outcome == "ignored"
    with pytest.raises(NotFound):
        pipeline.find(Wanted(replace(parse_path("cat.jpg/w=9.jpg"), original=key)), Timing())
    assert derivatives.written == []


# An original that is refused.


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
def test_a_refused_original_has_a_manifest_that_says_why(pipeline, upload, stored, manifest, original, limits, error):
    pipeline = replace(pipeline, presets=replace(pipeline.presets, limits=limits))
    etag = upload("cat.jpg", original)
    settled = pipeline.reconcile("cat.jpg")
    assert settled.outcome == "refused"
    assert settled.reason
    assert stored() == ["manifest.json"]
    assert manifest().etag == etag
    assert type(manifest().refusal) is error
    assert str(manifest().refusal) == settled.reason


@pytest.mark.parametrize(("original", "limits", "error"), REFUSED)
def test_a_refused_original_is_not_read_again(pipeline, upload, originals, derivatives, original, limits, error):
    pipeline = replace(pipeline, presets=replace(pipeline.presets, limits=limits))
    upload("cat.jpg", original)
    pipeline.reconcile("cat.jpg")
    originals.forget()
    derivatives.forget()
    again = pipeline.reconcile("cat.jpg")
    assert again.outcome == "kept"
    assert again.reason
    with pytest.raises(error):
        pipeline.find(Wanted(parse_path("cat.jpg/w=77.jpg")), Timing())
    assert originals.called("read") == []
    assert derivatives.called("put", "swap", "delete") == []


def test_what_is_too_heavy_is_not_even_read(pipeline, upload, originals):
    pipeline = replace(pipeline, presets=replace(pipeline.presets, limits=Limits(original_bytes=100)))
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    assert originals.called("read") == []


def test_an_original_overwritten_by_nonsense_takes_its_pictures_along(pipeline, upload, stored, find):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    upload("cat.jpg", NOT_AN_IMAGE)
    settled = pipeline.reconcile("cat.jpg")
    assert (settled.outcome, settled.removed) == ("refused", 6)
    assert stored() == ["manifest.json"]


def test_nonsense_overwritten_by_a_picture_is_a_picture(pipeline, upload, stored, manifest):
    upload("cat.jpg", NOT_AN_IMAGE)
    pipeline.reconcile("cat.jpg")
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert manifest().refusal is None


# Faults of S3.


@pytest.mark.parametrize("verb", ["get", "read", "head"])
def test_a_fault_of_the_originals_raises_and_the_next_event_makes_up_for_it(pipeline, upload, originals, stored, verb):
    upload("cat.jpg", picture())
    originals.fail(verb, Unavailable("the store does not answer now"), once=True)
    with pytest.raises(Unavailable):
        pipeline.reconcile("cat.jpg")
    pipeline.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]


@pytest.mark.parametrize("verb", ["get", "head", "put", "swap", "delete", "names"])
@pytest.mark.parametrize("step", range(3))
def test_a_fault_of_the_derivatives_raises_and_the_next_event_makes_up_for_it(
    pipeline, upload, derivatives, stored, body, find, verb, step
):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    upload("cat.jpg", picture(colour="gold"))
    calls = iter(range(100))

    def fail_later():
        if next(calls) == step:
            raise Unavailable("the store does not answer now")

    derivatives.on(verb, fail_later, once=False)
    failed = False
    try:
        pipeline.reconcile("cat.jpg")
    except Unavailable:
        failed = True
    assert failed == (next(calls) > step)
    pipeline.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)


# Others at work at the same time.

MOMENTS = ["after get", "after read", "head"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_original_overwritten_meanwhile_ends_in_pictures_of_the_new_one(
    pipeline, upload, originals, stored, body, manifest, moment
):
    upload("cat.jpg", picture(colour="tomato"))
    originals.on(moment, lambda: upload("cat.jpg", picture(colour="gold")))
    pipeline.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)
    assert manifest().etag == originals.store.head("cat.jpg").etag


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_original_removed_meanwhile_leaves_nothing(pipeline, upload, originals, stored, moment):
    upload("cat.jpg", picture())
    originals.on(moment, lambda: originals.store.delete(["cat.jpg"]))
    pipeline.reconcile("cat.jpg")
    assert stored() == []


@pytest.mark.parametrize("name", [*NAMES, "manifest.json"])
def test_an_original_overwritten_while_its_pictures_are_written_leaves_none_of_the_old(
    pipeline, upload, derivatives, stored, body, name
):
    upload("cat.jpg", picture(colour="tomato"))
    moment = "after put" if name == "manifest.json" else "after swap"
    derivatives.on(moment, lambda: upload("cat.jpg", picture(colour="gold")), key=f"cat.jpg/{name}")
    pipeline.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)


def test_an_original_that_keeps_changing_is_tried_again_later(pipeline, upload, originals):
    versions = iter(range(1, 200))
    upload("cat.jpg", picture())
    originals.on("after get", lambda: upload("cat.jpg", picture((100 + next(versions), 20))), once=False)
    with pytest.raises(Unavailable, match="keeps changing"):
        pipeline.reconcile("cat.jpg")
    originals.heal()
    assert pipeline.reconcile("cat.jpg").outcome == "made"


@on_every_store
def test_two_events_at_once_come_to_the_same(pipeline, upload, stored, manifest):
    upload("cat.jpg", picture())
    outcomes = at_once(2, lambda: pipeline.reconcile("cat.jpg").outcome)
    assert set(outcomes) <= {"made", "kept"}
    assert stored() == ["manifest.json", *NAMES]
    assert list(manifest().derivatives) == NAMES


def at_once(count, work):
    """What so many threads got that began together; an error counts as a result."""
    together, results = threading.Barrier(count, timeout=20), []

    def run():
        together.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# A derivative is wanted.


@on_every_store
def test_a_derivative_is_made_once_and_read_ever_after(find, upload, originals, counts):
    upload("cat.jpg", picture())
    first = find("cat.jpg/w=77.jpg")
    assert (first.hit, counts["rendered"]) == (False, 1)
    made = first.read()
    originals.forget()
    second = find("cat.jpg/w=77.jpg")
    assert (second.hit, counts["rendered"]) == (True, 1)
    assert originals.calls == []
    assert second.read() == made
    assert replace(first, hit=True, read=len) == replace(second, read=len)


def test_a_derivative_may_come_before_the_event_of_its_upload(pipeline, find, upload, stored, counts):
    upload("cat.jpg", picture())
    find("cat.jpg/w=60.jpg")
    assert pipeline.reconcile("cat.jpg").made == 4
    assert counts["rendered"] == 5
    assert stored() == ["manifest.json", *NAMES]
    assert find("cat.jpg/w=60.jpg").hit


def test_what_the_upload_made_is_not_made_by_a_request(pipeline, find, upload):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    assert all(find(f"cat.jpg/{name}").hit for name in NAMES)


def test_no_original_no_derivative(find, derivatives):
    with pytest.raises(NotFound):
        find("cat.jpg/w=77.jpg")
    assert derivatives.written == []


@pytest.mark.parametrize(("original", "limits", "error"), REFUSED)
def test_a_request_that_comes_before_the_event_writes_why_the_original_is_refused(
    pipeline, upload, originals, stored, manifest, original, limits, error
):
    pipeline = replace(pipeline, presets=replace(pipeline.presets, limits=limits))
    upload("cat.jpg", original)
    reasons = set()
    for name in ("w=77.jpg", "w=78.webp"):
        with pytest.raises(error) as raised:
            pipeline.find(Wanted(parse_path(f"cat.jpg/{name}")), Timing())
        reasons.add(str(raised.value))
    assert reasons == {str(manifest().refusal)}
    assert len(originals.called("read")) <= 1
    assert stored() == ["manifest.json"]
    assert pipeline.reconcile("cat.jpg").outcome == "kept"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_request_during_an_overwrite_answers_with_the_new_one(pipeline, find, upload, originals, moment):
    upload("cat.jpg", picture(colour="tomato"))
    originals.on(moment, lambda: upload("cat.jpg", picture(colour="gold")))
    assert near(colour_of(find("cat.jpg/w=77.jpg").read()), "gold")
    again = find("cat.jpg/w=77.jpg")
    assert again.hit
    assert near(colour_of(again.read()), "gold")


def test_a_request_whose_picture_was_stored_when_the_original_changed_takes_it_back(find, upload, derivatives, body):
    upload("cat.jpg", picture(colour="tomato"))
    derivatives.on("after swap", lambda: upload("cat.jpg", picture(colour="gold")))
    assert near(colour_of(find("cat.jpg/w=77.jpg").read()), "gold")
    assert near(colour_of(body("cat.jpg/w=77.jpg")), "gold")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_request_during_a_removal_is_not_found_and_leaves_nothing(find, upload, originals, stored, moment):
    upload("cat.jpg", picture())
    originals.on(moment, lambda: originals.store.delete(["cat.jpg"]))
    with pytest.raises(NotFound):
        find("cat.jpg/w=77.jpg")
    assert stored() == []


def test_a_request_that_read_nonsense_says_nothing_of_the_picture_that_came_meanwhile(
    pipeline, find, upload, originals, manifest
):
    upload("cat.jpg", NOT_AN_IMAGE)

    def overwritten():
        upload("cat.jpg", picture())
        pipeline.reconcile("cat.jpg")

    originals.on("after read", overwritten)
    assert size_of(find("cat.jpg/w=77.jpg").read()) == (77, 51)
    assert manifest().refusal is None
    assert list(manifest().derivatives) == NAMES


@on_every_store
def test_many_requests_for_one_derivative_get_the_same_bytes(pipeline, find, upload, stored):
    upload("cat.jpg", noise())
    answers = at_once(4, lambda: find("cat.jpg/w=77.jpg").read())
    assert len(answers) == 4
    assert len(set(answers)) == 1, answers
    assert stored() == ["w=77.jpg"]


@pytest.fixture
def busy(upload, originals, derivatives, presets):
    """A pipeline with one slot, which somebody holds until told to go on."""
    pipeline = Pipeline(
        originals,
        Derivatives(derivatives, ""),
        replace(presets, limits=Limits(waiting_seconds=1)),
        threading.BoundedSemaphore(1),
    )
    upload("cat.jpg", picture())
    began, go_on = threading.Event(), threading.Event()
    originals.on("read", lambda: (began.set(), go_on.wait(10)))
    worker = threading.Thread(target=lambda: pipeline.find(Wanted(parse_path("cat.jpg/w=77.jpg")), Timing()))
    worker.start()
    assert began.wait(10)
    yield pipeline, go_on
    go_on.set()
    worker.join()


def test_a_request_that_gets_no_turn_is_told_to_come_again(busy):
    pipeline, _ = busy
    with pytest.raises(Unavailable, match="too many"):
        pipeline.find(Wanted(parse_path("cat.jpg/w=78.jpg")), Timing())


def test_a_hit_needs_no_turn(busy):
    pipeline, _ = busy
    metadata = {"original-etag": "abc", "width": "1", "height": "1"}
    pipeline.derivatives.store.put("cat.jpg/w=79.jpg", b"there", "image/jpeg", "", metadata)
    assert pipeline.find(Wanted(parse_path("cat.jpg/w=79.jpg")), Timing()).hit


def test_a_request_that_waited_takes_what_was_made_meanwhile(busy, counts):
    pipeline, go_on = busy
    threading.Timer(0.2, go_on.set).start()
    timing = Timing()
    found = pipeline.find(Wanted(parse_path("cat.jpg/w=77.jpg")), timing)
    assert (found.hit, counts["rendered"]) == (True, 1)
    assert timing.stages["wait"] > 50


def test_a_turn_is_given_back_whatever_happens(pipeline, upload, find):
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


def test_the_stages_are_timed(pipeline, upload):
    upload("cat.jpg", picture())
    missed, hit = Timing(), Timing()
    pipeline.find(Wanted(parse_path("cat.jpg/w=77.jpg")), missed).read()
    pipeline.find(Wanted(parse_path("cat.jpg/w=77.jpg")), hit).read()
    assert list(hit.stages) == ["fetch", "read"]
    assert {"fetch", "original", "render", "store", "check"} <= set(missed.stages)
    assert all(milliseconds >= 0 for milliseconds in missed.stages.values())


# What is out of step.


@on_every_store
def test_out_of_step_are_the_new_the_changed_and_the_gone(pipeline, upload, originals, derivatives):
    for key in ("same.jpg", "same.jpg/manifest.json", "changed.jpg", "gone.jpg", "refused.txt"):
        upload(key, NOT_AN_IMAGE if key == "refused.txt" else picture())
        pipeline.reconcile(key)
    upload("changed.jpg", picture(colour="gold"))
    upload("new +é.jpg", picture())
    upload("folder/", b"")
    originals.store.delete(["gone.jpg"])
    found = list(out_of_step(originals, derivatives))
    assert sorted(found) == ["changed.jpg", "gone.jpg", "new +é.jpg"]
    for key in found:
        pipeline.reconcile(key)
    assert list(out_of_step(originals, derivatives)) == []


def test_a_watched_store_notes_what_is_done():
    store = Watched(MemoryStore())
    store.put("a", b"1")
    store.get("a").read()
    store.delete(["a"])
    assert store.calls == [("put", "a"), ("get", "a"), ("read", "a"), ("delete", "a")]
