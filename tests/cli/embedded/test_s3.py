"""The embedded S3 keeps what it answered. Of what a kill cut short, half-written derivatives go, originals stay."""

import hashlib
import json
import os
import shutil
import socket

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from cli.embedded.environment import DERIVATIVES, ORIGINALS
from cli.embedded.recovery import METADATA_SUFFIX, remove_torn_writes
from cli.embedded.s3 import embedded_s3

KEYS = ["plain.jpg", "deep/er/ä +%.jpg", "doubled//slash.jpg"]


def client(port):
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
        config=Config(s3={"addressing_style": "path"}),
    )


def started(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return embedded_s3(port, folder), client(port)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder in which both buckets hold every key."""
    folder = tmp_path_factory.mktemp("s3")
    running, s3 = started(folder)
    with running:
        for bucket in (ORIGINALS, DERIVATIVES):
            s3.create_bucket(Bucket=bucket)
            for key in KEYS:
                s3.put_object(Bucket=bucket, Key=key, Body=b"old", ContentType="image/jpeg", Metadata={"kept": "yes"})
    return folder


def files(folder, bucket):
    """The file of each object's bytes."""
    found = (folder / "s3").glob(f"*/{bucket}/**/*")
    return [file for file in found if file.is_file() and not file.name.endswith(METADATA_SUFFIX)]


def beside(file):
    return file.with_name(file.name + METADATA_SUFFIX)


def cut_short(file):
    """As a kill leaves it between the new bytes and what is known of them."""
    file.write_bytes(b"newer")
    later = beside(file).stat().st_mtime_ns + 1_000_000
    os.utime(file, ns=(later, later))


def without_sidecar(file):
    beside(file).unlink()


def with_half_a_sidecar(file):
    beside(file).write_text(beside(file).read_text()[:20])


def snapshot(folder):
    return {file: file.read_bytes() for file in (folder / "s3").rglob("*") if file.is_file()}


@pytest.fixture
def folder(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "data")


def test_what_is_whole_stays_as_it_is(folder):
    before = snapshot(folder)
    remove_torn_writes(folder / "s3")
    assert len(files(folder, ORIGINALS)) == len(files(folder, DERIVATIVES)) == len(KEYS)
    assert snapshot(folder) == before


def test_where_nothing_was_stored_there_is_nothing_to_do(tmp_path):
    remove_torn_writes(tmp_path / "s3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [cut_short, without_sidecar, with_half_a_sidecar])
def test_half_written_derivatives_go(folder, damage):
    for file in files(folder, DERIVATIVES):
        damage(file)
    remove_torn_writes(folder / "s3")
    running, s3 = started(folder)
    with running:
        assert "Contents" not in s3.list_objects_v2(Bucket=DERIVATIVES)
        assert s3.list_objects_v2(Bucket=ORIGINALS)["KeyCount"] == len(KEYS)


def test_half_overwritten_originals_are_what_their_bytes_are(folder):
    for file in files(folder, ORIGINALS):
        cut_short(file)
    running, s3 = started(folder)
    with running:
        found = {entry["Key"]: entry["ETag"] for entry in s3.list_objects_v2(Bucket=ORIGINALS)["Contents"]}
        assert found == dict.fromkeys(KEYS, f'"{hashlib.md5(b"newer").hexdigest()}"')
        for key in KEYS:
            original = s3.get_object(Bucket=ORIGINALS, Key=key)
            assert (original["Body"].read(), original["ContentLength"]) == (b"newer", 5)
            assert (original["ContentType"], original["Metadata"]) == ("image/jpeg", {"kept": "yes"})


def test_originals_without_what_was_known_of_them_stay(folder):
    plain, *_ = sorted(files(folder, ORIGINALS), key=lambda file: len(file.parts) * 1000 + len(file.name))
    with_half_a_sidecar(plain)
    remove_torn_writes(folder / "s3")
    running, s3 = started(folder)
    with running:
        assert {entry["Key"] for entry in s3.list_objects_v2(Bucket=ORIGINALS)["Contents"]} == set(KEYS)
        assert s3.get_object(Bucket=ORIGINALS, Key="plain.jpg")["Body"].read() == b"old"


def test_unfinished_files_go(folder):
    file = files(folder, ORIGINALS)[0]
    unfinished = file.with_name(file.name + ".tmp")
    unfinished.write_bytes(b"ne")
    remove_torn_writes(folder / "s3")
    assert not unfinished.exists()
    assert json.loads(beside(file).read_text())["size"] == 3


def test_what_cannot_be_written_is_not_said_to_be_stored(folder):
    running, s3 = started(folder)
    with running as embedded:
        s3.put_object(Bucket=ORIGINALS, Key="before.jpg", Body=b"before")
        (place,) = (folder / "s3").glob(f"*/{ORIGINALS}/.ministack-keys")
        shutil.rmtree(place)
        place.write_text("a file where a folder should be")
        with pytest.raises(BotoCoreError):
            s3.put_object(Bucket=ORIGINALS, Key="after//.jpg", Body=b"after")
        embedded.process.wait(5)
        with pytest.raises(SystemExit, match=r"the embedded S3 ended \(write failed: .*start it again"):
            embedded.assert_running()
