"""A derivative of several originals, as a watermark makes one. No operation asks for it yet; the flows carry it."""

from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from chalicelib.cdn import tag
from chalicelib.errors import NotFound
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.geometry import Size
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.presets import Presets
from chalicelib.rendered import Rendered
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content
from chalicelib.transformation import Derivative


class Marked(Derivative):
    """A derivative with a second original on top."""

    @property
    def originals(self):
        return self.original, "marks/logo.png"


@dataclass(frozen=True)
class Joined:
    """Renders the bodies of all sources, one after the other."""

    sources: list

    def render(self, derivative):
        return Rendered(b"+".join(source.body for source in self.sources), Size(1, 1))


@contextmanager
def join(sources, derivatives, limits, seconds):
    yield Joined(sources)


@pytest.fixture
def buckets():
    originals, derivatives = MemoryStore(), MemoryStore()
    originals.put("photos/cat.jpg", Content(b"cat"))
    originals.put("marks/logo.png", Content(b"logo"))
    return originals, derivatives


@pytest.fixture
def find(buckets):
    originals, derivatives = buckets
    flow = OnDemand(Prerender(originals, Derivatives(derivatives, ""), Presets(), prepare=join))
    return lambda: flow.find(Marked("photos/cat.jpg", {"w": 9}, "png"), Timing())


def test_it_is_made_from_all_of_them_and_read_ever_after(find, buckets):
    assert [(found.hit, found.read()) for found in (find(), find())] == [(False, b"cat+logo"), (True, b"cat+logo")]
    metadata = buckets[1].head("photos/cat.jpg/w=9.png").metadata
    etags = [buckets[0].head(key).etag for key in ("photos/cat.jpg", "marks/logo.png")]
    assert metadata["original-etag"] == ",".join(etags)
    assert {tag("marks/logo.png"), tag("marks/"), tag("photos/cat.jpg")} <= set(metadata["cache-tag"].split(","))


@pytest.mark.parametrize("key", ["photos/cat.jpg", "marks/logo.png"])
def test_when_one_of_them_changes_it_is_made_anew(find, buckets, key):
    find()
    buckets[0].put(key, Content(b"new"))
    assert (find().hit, find().hit) == (False, True)
    assert b"new" in find().read()


@pytest.mark.parametrize("key", ["photos/cat.jpg", "marks/logo.png"])
def test_when_one_of_them_is_gone_there_is_none(find, buckets, key):
    find()
    buckets[0].delete([key])
    with pytest.raises(NotFound):
        find()


def test_an_event_of_its_own_original_takes_it_for_one_of_that_original(find, buckets):
    find()
    originals, derivatives = buckets
    state = Derivatives(derivatives, "").state(originals.head("photos/cat.jpg"))
    assert (list(state.own), state.stale) == (["photos/cat.jpg/w=9.png"], [])
