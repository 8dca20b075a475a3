"""The two listings side by side: in one order, in one pass, in little memory, with keys that sort oddly."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.errors import MisconfiguredError
from chalicelib.flows.prerender import may_have_derivatives
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content, Object
from cli.operate.listing import folders, listed_originals

NAMES = ["w=3.jpg", "w=40.webp", "manifest.json", "fit=clip.png", "!", "😀.jpg"]
PIECES = ["a", "b.jpg", "!", "0", ".", "/", "é", "\ufffd", "😀", "\U0010ffff", " ", "w=3.jpg", "manifest.json"]
KEYS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
DERIVATIVES = st.builds("{}/{}".format, KEYS, st.sampled_from(NAMES))


def filled(keys):
    store = MemoryStore()
    for key in keys:
        store.put(key, Content(key.encode()))
    return store


def naive(originals, derivatives, prefix, after):
    """Key to whether it is there and the names of its folder, without any order or stream."""
    keys = {*originals, *(key.rpartition("/")[0] for key in derivatives)}
    asked = [key for key in keys if may_have_derivatives(key) and key.startswith(prefix) and key > after]
    return {key: (key in originals, {each for each in derivatives if each.rpartition("/")[0] == key}) for key in asked}


@given(st.sets(KEYS, max_size=12), st.sets(DERIVATIVES, max_size=20), st.just("") | KEYS, st.just("") | KEYS)
@example({"a", "a/w"}, {"a/w=3.jpg", "a/w/w=3.jpg"}, "a/w", "")
@example({"a", "a/b"}, {"a/w=3.jpg", "a/b/w=3.jpg", "a/!"}, "", "")
def test_both_listings_come_together_as_if_all_was_in_memory(originals, derivatives, prefix, after):
    found = list(listed_originals(filled(originals), filled(derivatives), prefix, after))
    told = {each.key: (each.original is not None, set(each.folder)) for each in found}
    assert told == naive(originals, derivatives, prefix, after)
    assert len(told) == len(found), "each key once"
    made = [each.key for each in folders(filled(derivatives), prefix, after)]
    assert sorted(made) == sorted(each.key for each in found if each.folder)
    ranks = [each.key.encode() + b"/\xff" for each in found]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("key", ["a", "a!", "a/b", "a/b.jpg", "a0", "é", "😀/\U0010ffff"])
def test_an_original_stands_with_its_own_folder_alone(key):
    others = ["a", "a!", "a/b", "a/b.jpg", "a0", "é", "😀/\U0010ffff"]
    derivatives = filled(f"{other}/{name}" for other in others for name in ("manifest.json", "w=3.jpg"))
    (standing,) = (each for each in listed_originals(filled(others), derivatives) if each.key == key)
    assert standing.original.key == key
    assert set(standing.pictures) == {f"{key}/w=3.jpg"}
    assert standing.has_manifest


def test_what_no_original_can_have_is_left_alone():
    derivatives = filled(["readme.txt", "manifest.json", "/x.jpg", "a//w=3.jpg"])
    assert list(listed_originals(filled(["folder/", "k" * 1020]), derivatives)) == []


def test_a_bucket_that_lists_in_another_order_is_refused():
    class Unordered(MemoryStore):
        def listing(self, prefix="", after=""):
            return reversed(list(super().listing(prefix, after)))

    store = Unordered()
    for key in "ab":
        store.put(key, Content(b""))
    with pytest.raises(MisconfiguredError, match="lists its keys in order"):
        list(listed_originals(store, MemoryStore()))


class Simulated(MemoryStore):
    """A listing that is made up while it is read."""

    def __init__(self, keys):
        super().__init__()
        self._keys = keys

    def listing(self, prefix="", after=""):
        moment = datetime.now(UTC)
        return (Object(key, "0" * 32, 1000, moment) for key in self._keys)


def test_memory_does_not_grow_with_the_buckets():
    count, names = 4000, ("manifest.json", *(f"w={width}.jpg" for width in range(100, 108)))
    originals = Simulated(f"photos/{number:09}.jpg" for number in range(count))
    derivatives = Simulated(f"photos/{number:09}.jpg/{name}" for number in range(count) for name in names)
    tracemalloc.start()
    assert sum(len(each.folder) for each in listed_originals(originals, derivatives)) == 9 * count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000, "36,000 objects held would be ten times that"
