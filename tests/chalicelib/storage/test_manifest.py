"""The manifest: what is known of one original, as it is written and read, and where it stands."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import REFUSALS, Damaged, NotAnImage, TooLarge
from chalicelib.storage.manifest import Manifest, manifest_key, original_of

KNOWN = Manifest(
    etag="abc",
    length=1000,
    format="jpeg",
    width=120,
    height=80,
    colours=("ff6347", "000080"),
    placeholder="data:image/webp;base64,AAAA",
    derivatives={"w=30.jpg": {"width": 30, "height": 20, "length": 400}},
)


def test_what_is_written_is_read():
    assert Manifest.from_json(KNOWN.to_json()) == KNOWN


def test_it_is_plain_json_that_others_may_read():
    assert json.loads(KNOWN.to_json()) == {
        "etag": "abc",
        "length": 1000,
        "format": "jpeg",
        "width": 120,
        "height": 80,
        "frames": 1,
        "colours": ["ff6347", "000080"],
        "placeholder": "data:image/webp;base64,AAAA",
        "derivatives": {"w=30.jpg": {"width": 30, "height": 20, "length": 400}},
        "refused": {},
    }


@pytest.mark.parametrize("error", [TooLarge, NotAnImage, Damaged])
def test_a_refusal_comes_back_as_the_error_it_was(error):
    read = Manifest.from_json(Manifest.refusing("abc", 1000, error("expected something else")).to_json())
    assert (read.etag, read.length, read.derivatives) == ("abc", 1000, {})
    assert type(read.refusal) is error
    assert str(read.refusal) == "expected something else"
    assert read.refused["status"] == error.status


def test_an_original_that_is_not_refused_has_no_refusal():
    assert KNOWN.refusal is None


def test_there_is_a_refusal_for_each_status_and_none_twice():
    assert {status: error.status for status, error in REFUSALS.items()} == {413: 413, 415: 415, 422: 422}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"1",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        b'{"etag": "a"}',
        b'{"etag": "a", "colours": 1}',
        json.dumps({**json.loads(KNOWN.to_json()), "of another version": 1}).encode(),
    ],
)
def test_what_is_no_manifest_is_none(text):
    assert Manifest.from_json(text) is None


@pytest.mark.parametrize("refused", [{"status": 999, "reason": "x"}, {"status": 415}, {"reason": "x"}, "text", 1, [1]])
def test_a_refusal_that_is_none_of_ours_is_no_manifest(refused):
    assert Manifest.from_json(json.dumps({**json.loads(KNOWN.to_json()), "refused": refused}).encode()) is None


@given(st.text(min_size=1))
def test_the_original_of_a_manifests_key_is_the_one_it_was_made_for(key):
    assert original_of(manifest_key(key)) == key


@pytest.mark.parametrize("key", ["", "manifest.json", "/manifest.json", "cat.jpg/w=1.jpg", "cat.jpg/xmanifest.json"])
def test_another_key_is_no_manifests(key):
    assert original_of(key) is None


def test_manifests_are_values():
    assert replace(KNOWN) == KNOWN
    assert replace(KNOWN, etag="other") != KNOWN
