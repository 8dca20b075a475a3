"""What CloudFront is told to invalidate: what is stale, before anything says that it is gone, in few tags."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from chalicelib.cdn import HEADER, METADATA, Invalidations, covering, tag, tags
from chalicelib.errors import Unavailable
from support.aws_events import Web
from support.originals import NOT_AN_IMAGE, picture

KEYS = st.lists(st.text("ab/é *", min_size=1, max_size=6), min_size=1, max_size=60, unique=True)


@pytest.fixture
def forgotten():
    return []


@pytest.fixture
def prerender(prerender, forgotten):
    return replace(prerender, invalidate=forgotten.append)


def test_a_new_original_is_nothing_to_forget(prerender, upload, forgotten):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    prerender.reconcile("cat.jpg")
    assert forgotten == []


@pytest.mark.parametrize("body", [picture(colour="navy"), NOT_AN_IMAGE], ids=["another picture", "no picture"])
def test_what_is_replaced_is_forgotten_once(prerender, upload, forgotten, body):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    upload("cat.jpg", body)
    prerender.reconcile("cat.jpg")
    prerender.reconcile("cat.jpg")
    assert forgotten == ["cat.jpg"]


def test_what_is_removed_is_forgotten_once(prerender, upload, originals, forgotten):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    originals.store.delete(["cat.jpg"])
    prerender.reconcile("cat.jpg")
    prerender.reconcile("cat.jpg")
    assert forgotten == ["cat.jpg"]


@pytest.mark.parametrize("gone", [False, True], ids=["replaced", "removed"])
def test_a_message_that_fails_is_sent_by_the_next_event(prerender, upload, originals, forgotten, gone):
    upload("cat.jpg", picture())
    prerender.reconcile("cat.jpg")
    if gone:
        originals.store.delete(["cat.jpg"])
    else:
        upload("cat.jpg", picture(colour="navy"))

    def failing(key):
        raise Unavailable("no queue")

    with pytest.raises(Unavailable):
        replace(prerender, invalidate=failing).reconcile("cat.jpg")
    prerender.reconcile("cat.jpg")
    assert forgotten == ["cat.jpg"]


@mock_aws
def test_a_request_while_the_edge_cannot_be_told_is_told_to_come_again(configure, settings, prerender, upload):
    """There is no such queue, which is how any fault of SQS looks."""
    app = configure(replace(settings, invalidations="imgy-nowhere"))
    web = Web(configure(app.settings, replace(prerender, invalidate=app.invalidate)).app)
    upload("cat.jpg", picture())
    assert web.get("cat.jpg", "w=20").status == 200
    upload("cat.jpg", picture(colour="navy"))
    assert web.get("cat.jpg", "w=20").status == 503


@given(KEYS, st.integers(1, 9))
def test_every_picture_has_a_tag_of_what_covers_it(keys, most):
    covered = covering(keys, most)
    assert len(covered) <= most
    named = {tag(prefix) for prefix in covered}
    assert all(named & set(tags(key).split(",")) for key in keys)


@given(KEYS)
def test_as_long_as_they_are_few_nothing_else_is_forgotten(keys):
    assert covering(keys, len(keys)) == set(keys)


def test_the_deepest_folder_is_gathered_first():
    keys = ["x.jpg", "a/y.jpg", *(f"a/b/{number}.jpg" for number in range(20))]
    assert covering(keys, 15) == {"a/b/", "a/y.jpg", "x.jpg"}
    assert covering(keys, 1) == {""}


def test_a_key_of_many_folders_stays_within_what_cloudfront_and_s3_take():
    key = "a/" * 500 + "b.jpg"
    assert len(tags(key).split(",")) <= 50
    assert len(tags(key)) < 1000
    (folder,) = covering([key, key + "c"], 1)
    assert folder == "a/" * 15
    assert tag(folder) in tags(key).split(",")


@pytest.mark.parametrize("path", ["/photos/c t.jpg?w=20", "/photos/c t.jpg/w=30.jpg"])
def test_every_answer_with_a_picture_and_every_stored_one_says_its_tags(web, upload, derivatives, path):
    upload("photos/c t.jpg", picture())
    answer = web.ask(path)
    assert answer.headers[HEADER] == tags("photos/c t.jpg")
    stored = [derivatives.store.head(key) for key in derivatives.store.names("photos/c t.jpg/")]
    assert [found.metadata[METADATA] for found in stored if "=" in found.key] == [tags("photos/c t.jpg")]


def test_cloudfront_is_asked_once(monkeypatch):
    asked = []

    class Client:
        def create_invalidation(self, **request):
            asked.append(request)

    assert Invalidations(Client(), "E1").create(["a.jpg", "b.jpg", "a.jpg"]) == 2
    assert asked[0]["DistributionId"] == "E1"
    items = sorted(f"#{tag(key)}" for key in ("a.jpg", "b.jpg"))
    assert asked[0]["InvalidationBatch"]["Paths"] == {"Quantity": 2, "Items": items}
