"""What CloudFront is told to forget: what is stale, before anything says that it is gone, in few paths."""

from dataclasses import replace
from fnmatch import fnmatchcase
from urllib.parse import quote

import pytest
from drawn import NOT_AN_IMAGE, picture
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Unavailable
from chalicelib.invalidation import MOST_PATHS, Invalidations, wildcards

KEYS = st.lists(st.text("ab/é *", min_size=1, max_size=6), min_size=1, max_size=60, unique=True)


@pytest.fixture
def forgotten():
    return []


@pytest.fixture
def pipeline(pipeline, forgotten):
    return replace(pipeline, forget=forgotten.append)


def test_a_new_original_is_nothing_to_forget(pipeline, upload, forgotten):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    pipeline.reconcile("cat.jpg")
    assert forgotten == []


@pytest.mark.parametrize("body", [picture(colour="navy"), NOT_AN_IMAGE], ids=["another picture", "no picture"])
def test_what_is_replaced_is_forgotten_once(pipeline, upload, forgotten, body):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    upload("cat.jpg", body)
    pipeline.reconcile("cat.jpg")
    pipeline.reconcile("cat.jpg")
    assert forgotten == ["cat.jpg"]


def test_what_is_removed_is_forgotten_once(pipeline, upload, originals, forgotten):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    originals.store.delete(["cat.jpg"])
    pipeline.reconcile("cat.jpg")
    pipeline.reconcile("cat.jpg")
    assert forgotten == ["cat.jpg"]


@pytest.mark.parametrize("gone", [False, True], ids=["replaced", "removed"])
def test_a_message_that_fails_is_sent_by_the_next_event(pipeline, upload, originals, forgotten, gone):
    upload("cat.jpg", picture())
    pipeline.reconcile("cat.jpg")
    if gone:
        originals.store.delete(["cat.jpg"])
    else:
        upload("cat.jpg", picture(colour="navy"))

    def failing(key):
        raise Unavailable("no queue")

    with pytest.raises(Unavailable):
        replace(pipeline, forget=failing).reconcile("cat.jpg")
    pipeline.reconcile("cat.jpg")
    assert forgotten == ["cat.jpg"]


@given(KEYS)
def test_every_picture_is_covered_by_few_paths(keys):
    paths = wildcards(keys)
    assert len(paths) <= MOST_PATHS
    patterns = [path.replace("[", "[[]") for path in paths]
    for key in keys:
        for url in (f"/{quote(key)}", f"/{quote(key)}?w=9", f"/{quote(key)}/w=9.jpg"):
            assert any(fnmatchcase(url, pattern) for pattern in patterns), (url, paths)


def test_as_long_as_they_are_few_nothing_else_is_forgotten():
    keys = [f"a/{number}.jpg" for number in range(MOST_PATHS)]
    assert wildcards(keys) == sorted(f"/{key}*" for key in keys)


def test_the_deepest_folder_is_gathered_first():
    assert wildcards(["x.jpg", "a/y.jpg", *(f"a/b/{number}.jpg" for number in range(20))]) == [
        "/a/b/*",
        "/a/y.jpg*",
        "/x.jpg*",
    ]


def test_cloudfront_is_asked_once(monkeypatch):
    asked = []

    class Client:
        def create_invalidation(self, **request):
            asked.append(request)

    assert Invalidations(Client(), "E1").forget(["a.jpg", "b.jpg", "a.jpg"]) == 2
    assert asked[0]["DistributionId"] == "E1"
    assert asked[0]["InvalidationBatch"]["Paths"] == {"Quantity": 2, "Items": ["/a.jpg*", "/b.jpg*"]}
