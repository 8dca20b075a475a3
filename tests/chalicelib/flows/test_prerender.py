"""The upload flow: what an upload, an overwrite and a removal leave in the buckets, and what they never do."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from chalicelib.errors import NotFound, Unavailable
from chalicelib.flows.on_demand import OnDemand
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.file import read_configuration
from chalicelib.storage.store import Content
from chalicelib.transformation import parse_path
from cli import ROOT
from cli.operate.audit import out_of_step
from support.originals import NOT_AN_IMAGE, animation, colour_of, near, picture, size_of
from support.pipeline import NAMES, on_every_store
from support.watched_store import tags_of

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

# An original arrived.


@on_every_store
def test_an_upload_makes_every_preset_in_every_format(prerender, upload, stored, body):
    upload("cat.jpg", picture((120, 80)))
    settled = prerender.reconcile("cat.jpg")
    assert (settled.outcome, settled.made) == ("made", 5)
    assert stored() == ["manifest.json", *NAMES]
    sizes = {name: size_of(body(f"cat.jpg/{name}")) for name in NAMES}
    assert sizes == dict(zip(NAMES, [(20, 13), (30, 30), (40, 27), (40, 27), (60, 40)], strict=True))
    formats = [Image.open(io.BytesIO(body(f"cat.jpg/{name}"))).format for name in NAMES]
    assert formats == ["JPEG", "PNG", "JPEG", "WEBP", "JPEG"]
    assert settled.written == sum(len(body(f"cat.jpg/{name}")) for name in NAMES)


@on_every_store
def test_each_derivative_says_what_it_is_and_what_it_was_made_from(prerender, upload, derivatives):
    etag = upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    found = {name: derivatives.store.head(f"cat.jpg/{name}") for name in [*NAMES, "manifest.json"]}
    types = ["image/jpeg", "image/png", "image/jpeg", "image/webp", "image/jpeg", "application/json"]
    assert [stored.content_type for stored in found.values()] == types
    assert {stored.metadata["original-etag"] for stored in found.values()} == {etag}


@pytest.mark.parametrize("backend", ["moto", "embedded"], indirect=True)
def test_each_derivative_carries_its_cache_control_on_s3(prerender, upload, s3, settings):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    said = {
        name: s3.head_object(Bucket="imgy-derivatives", Key=f"cat.jpg/{name}")["CacheControl"]
        for name in [*NAMES, "manifest.json"]
    }
    assert said == {**dict.fromkeys(NAMES, settings.cache_control), "manifest.json": "no-cache"}


@on_every_store
@pytest.mark.parametrize("key", KEYS)
def test_any_key_will_do(prerender, upload, originals, stored, key):
    upload(key, picture())
    assert prerender.reconcile(key).outcome == "made"
    assert len(stored(key)) >= 5
    assert "manifest.json" in stored(key)
    originals.store.delete([key])
    assert prerender.reconcile(key).outcome == "gone"
    assert stored(key) == []


def test_the_original_is_read_once_and_opened_once(prerender, upload, originals, counts):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    assert originals.called("get") == originals.called("read") == ["cat.jpg"]
    assert counts == {"opened": 1, "rendered": 5}


def test_the_manifest_is_written_last(prerender, upload, derivatives):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    *before, last = derivatives.written
    assert last == "cat.jpg/manifest.json"
    assert sorted(before) == [f"cat.jpg/{name}" for name in NAMES]


def test_the_originals_bucket_is_never_written_to(prerender, upload, originals):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    assert originals.called("put", "swap", "delete") == []


@on_every_store
def test_the_manifest_says_what_is_known(prerender, upload, manifest, body, derivatives):
    etag = upload("cat.jpg", picture((120, 80)))
    prerender.reconcile("cat.jpg")
    known = manifest()
    assert (known.etag, known.format, known.width, known.height, known.frames) == (etag, "jpeg", 120, 80, 1)
    assert known.length == len(picture((120, 80)))
    assert list(known.derivatives) == NAMES
    lengths = {name: entry["length"] for name, entry in known.derivatives.items()}
    assert lengths == {name: len(body(f"cat.jpg/{name}")) for name in NAMES}
    entry = known.derivatives["w=60.jpg"]
    assert (entry["width"], entry["height"]) == (60, 40)
    assert all(known.lists(name, derivatives.store.head(f"cat.jpg/{name}").etag) for name in NAMES)
    assert not known.lists("w=60.jpg", "another")
    assert not known.lists("w=61.jpg", entry["etag"])
    assert near(tuple(bytes.fromhex(known.colours[0])), "tomato", 30)
    assert near(tuple(bytes.fromhex(known.colours[1])), "navy", 40)
    assert known.placeholder.startswith("data:image/webp;base64,")
    assert len(known.placeholder) < 600
    assert known.refusal is None


def test_a_moving_original_is_described_by_all_its_frames(prerender, upload, manifest):
    upload("cat.gif", animation())
    prerender.reconcile("cat.gif")
    assert (manifest("cat.gif").frames, manifest("cat.gif").format) == (3, "gif")


@on_every_store
def test_the_same_event_again_does_nothing(prerender, upload, originals, derivatives, counts):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    for watched in (originals, derivatives):
        watched.forget()
    counts.update(opened=0, rendered=0)
    assert prerender.reconcile("cat.jpg").outcome == "unchanged"
    assert counts == {"opened": 0, "rendered": 0}
    assert originals.called("read") == []
    assert derivatives.called("put", "swap", "delete") == []


def test_the_same_bytes_again_do_nothing(prerender, upload, derivatives):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    derivatives.forget()
    upload("cat.jpg", picture())
    assert prerender.reconcile("cat.jpg").outcome == "unchanged"
    assert derivatives.written == []


def test_what_a_broken_off_upload_left_is_not_made_again(prerender, upload, derivatives, counts):
    upload("cat.jpg", picture())
    derivatives.on("put", lambda: (_ for _ in ()).throw(Unavailable("down")), key="cat.jpg/manifest.json")
    with pytest.raises(Unavailable):
        prerender.reconcile("cat.jpg")
    derivatives.store.delete(["cat.jpg/w=60.jpg"])
    derivatives.forget()
    counts.update(opened=0, rendered=0)
    assert prerender.reconcile("cat.jpg").made == 1
    assert derivatives.written == ["cat.jpg/w=60.jpg", "cat.jpg/manifest.json"]
    assert counts == {"opened": 1, "rendered": 1}


def test_a_manifest_that_cannot_be_read_is_written_anew(prerender, upload, derivatives, manifest):
    etag = upload("cat.jpg", picture())
    for nonsense in (b"", b"{", b"[]", b'{"etag": "x", "new": 1, "colours": []}', b"\xff"):
        derivatives.store.put("cat.jpg/manifest.json", Content(nonsense, "application/json"))
        assert prerender.reconcile("cat.jpg").outcome == "made"
        assert manifest().etag == etag


def test_a_changed_preset_makes_what_is_new_and_keeps_the_rest(prerender, upload, derivatives, stored):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    derivatives.forget()
    more = read_configuration("presets: {small: {w: 40, fm: jpg}, new: {w: 50, fm: png}}").presets
    settled = replace(prerender, presets=more).reconcile("cat.jpg")
    assert (settled.outcome, settled.made, settled.removed) == ("made", 1, 0)
    assert derivatives.written == ["cat.jpg/w=50.png", "cat.jpg/manifest.json"]
    assert set(NAMES) < set(stored())


def test_a_preset_for_some_originals_is_made_for_them_alone(prerender, upload, stored):
    only = read_configuration("presets: {logo: {only: ['logos/*'], w: 10, fm: png}}").presets
    for key in ("logos/a.png", "cat.jpg"):
        upload(key, picture())
        replace(prerender, presets=only).reconcile(key)
    assert stored("logos/a.png") == ["manifest.json", "w=10.png"]
    assert stored() == ["manifest.json"]


# An original was overwritten, or went.


@on_every_store
def test_an_overwritten_original_replaces_every_derivative(prerender, upload, stored, body, find, manifest):
    upload("cat.jpg", picture(colour="tomato"))
    prerender.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    etag = upload("cat.jpg", picture((100, 100), colour="gold"))
    settled = prerender.reconcile("cat.jpg")
    assert (settled.made, settled.removed) == (5, 1)
    assert stored() == ["manifest.json", *NAMES]
    assert all(near(colour_of(body(f"cat.jpg/{name}")), "gold") for name in NAMES)
    assert manifest().etag == etag
    assert size_of(find("cat.jpg/w=77.jpg").read()) == (77, 77)


@on_every_store
def test_a_removed_original_takes_everything_along(prerender, upload, originals, stored, find):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    find("cat.jpg/w=77.jpg")
    originals.store.delete(["cat.jpg"])
    settled = prerender.reconcile("cat.jpg")
    assert (settled.outcome, settled.removed) == ("gone", 7)
    assert stored() == []
    assert prerender.reconcile("cat.jpg").removed == 0


def test_the_manifest_of_a_removed_original_goes_last(prerender, upload, originals, derivatives):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    originals.store.delete(["cat.jpg"])
    prerender.reconcile("cat.jpg")
    assert derivatives.called("delete")[-1] == "cat.jpg/manifest.json"


def test_an_original_that_comes_back_has_everything_again(prerender, upload, originals, stored):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    originals.store.delete(["cat.jpg"])
    prerender.reconcile("cat.jpg")
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    assert stored() == ["manifest.json", *NAMES]


NEIGHBOURS = ["cat.jpg", "cat.jpg/x.png", "cat.jpg/manifest.json", "cat.jpg/w=5", "cat", "cat.jp", "cat.jpg.jpg", "c/a"]


@pytest.mark.slow
@on_every_store
@pytest.mark.parametrize("removed", NEIGHBOURS)
def test_originals_whose_keys_begin_alike_do_not_harm_each_other(prerender, upload, originals, derivatives, removed):
    for key in NEIGHBOURS:
        upload(key, picture())
        prerender.reconcile(key)
    before = {found.key: found.etag for found in derivatives.store.listing()}
    assert {f"{key}/manifest.json" for key in NEIGHBOURS} <= set(before)
    originals.store.delete([removed])
    prerender.reconcile(removed)
    after = {found.key: found.etag for found in derivatives.store.listing()}
    gone = {name for name in before if name.rpartition("/")[0] == removed}
    assert after == {name: etag for name, etag in before.items() if name not in gone}
    assert {prerender.reconcile(key).outcome for key in NEIGHBOURS if key != removed} == {"unchanged"}


@pytest.mark.parametrize("key", ["photos/", "", "/", "k" * 1011])
def test_what_cannot_have_derivatives_is_no_original(prerender, upload, derivatives, find, key):
    upload(key, picture())
    assert prerender.reconcile(key).outcome == "ignored"
    with pytest.raises(NotFound):
        OnDemand(prerender).find(replace(parse_path("cat.jpg/w=9.jpg"), original=key), Timing())
    assert derivatives.written == []


# Pictures that no preset names may expire.


@pytest.fixture
def expiring(prerender):
    return replace(prerender, derivatives=replace(prerender.derivatives, expire=True))


@pytest.fixture
def tags(derivatives, s3, stored):
    """The tags of what stands below an original, by name; what has none is left out."""

    def told(key="cat.jpg"):
        by_name = {name: tags_of(derivatives.store, s3, f"{key}/{name}") for name in stored(key)}
        return {name: tagged for name, tagged in by_name.items() if tagged}

    return told


def asked(prerender, name):
    return OnDemand(prerender).find(parse_path(f"cat.jpg/{name}"), Timing())


@on_every_store
def test_what_no_preset_names_is_tagged_to_expire_and_nothing_else(expiring, upload, tags, stored):
    upload("cat.jpg", picture((120, 80)))
    for name in ("w=60.jpg", "w=77.jpg"):
        asked(expiring, name)
    expiring.reconcile("cat.jpg")
    assert stored() == sorted(["manifest.json", *NAMES, "w=77.jpg"])
    assert tags() == {"w=77.jpg": {"imgy": "adhoc"}}
    assert "TagFilters: [{Key: imgy, Value: adhoc}]" in (ROOT / "deploy" / "foundation.yaml").read_text()


@on_every_store
def test_nothing_is_tagged_where_nothing_expires(prerender, upload, tags):
    upload("cat.jpg", picture((120, 80)))
    asked(prerender, "w=77.jpg")
    prerender.reconcile("cat.jpg")
    assert tags() == {}


@on_every_store
def test_what_a_preset_has_come_to_name_stays_and_is_not_made_again(expiring, upload, tags, counts, manifest):
    upload("cat.jpg", picture((120, 80)))
    before = replace(expiring, presets=read_configuration("presets: {small: {w: 20, fm: jpg}}").presets)
    before.reconcile("cat.jpg")
    asked(before, "w=40.jpg")
    assert tags() == {"w=40.jpg": {"imgy": "adhoc"}}
    counts.update(rendered=0)
    assert expiring.reconcile("cat.jpg").made == counts["rendered"] == len(NAMES) - 2
    assert tags() == {}
    assert list(manifest().derivatives) == NAMES
    assert expiring.reconcile("cat.jpg").outcome == "unchanged"


def test_what_was_made_for_somebody_meanwhile_stays_too(expiring, upload, derivatives, tags):
    upload("cat.jpg", picture((120, 80)))
    before = replace(expiring, presets=read_configuration("presets: {small: {w: 20, fm: jpg}}").presets)
    derivatives.on("swap", lambda: asked(before, "w=40.jpg"), key="cat.jpg/w=40.jpg")
    expiring.reconcile("cat.jpg")
    assert derivatives.called("untag") == ["cat.jpg/w=40.jpg"]
    assert tags() == {}


def test_what_has_expired_is_made_again_for_whoever_asks(expiring, upload, originals, derivatives, tags):
    upload("cat.jpg", picture((120, 80)))
    expiring.reconcile("cat.jpg")
    asked(expiring, "w=77.jpg")
    derivatives.store.delete(["cat.jpg/w=77.jpg"])
    assert list(out_of_step(originals, derivatives)) == []
    assert expiring.reconcile("cat.jpg").outcome == "unchanged"
    assert [asked(expiring, "w=77.jpg").hit for _ in range(2)] == [False, True]
    assert tags() == {"w=77.jpg": {"imgy": "adhoc"}}


# What is out of step.


@on_every_store
def test_out_of_step_are_the_new_the_changed_and_the_gone(prerender, upload, originals, derivatives):
    for key in ("same.jpg", "same.jpg/manifest.json", "changed.jpg", "gone.jpg", "refused.txt"):
        upload(key, NOT_AN_IMAGE if key == "refused.txt" else picture())
        prerender.reconcile(key)
    upload("changed.jpg", picture(colour="gold"))
    upload("new +é.jpg", picture())
    upload("folder/", b"")
    originals.store.delete(["gone.jpg"])
    found = list(out_of_step(originals, derivatives))
    assert sorted(found) == ["changed.jpg", "gone.jpg", "new +é.jpg"]
    for key in found:
        prerender.reconcile(key)
    assert list(out_of_step(originals, derivatives)) == []
