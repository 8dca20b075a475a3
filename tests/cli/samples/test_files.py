"""The sample pictures: what each is for is true of it."""

import io

import boto3
import pytest
from moto import mock_aws
from PIL import Image, ImageStat

from cli.samples.files import FOLDER, SAMPLES, first_samples, sample

ORIENTATION = 0x0112


def opened(name):
    return Image.open(io.BytesIO(sample(f"samples/{name}")))


def test_each_file_is_a_sample_and_together_they_are_small():
    assert {f"samples/{path.name}" for path in FOLDER.iterdir()} == set(SAMPLES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 1_500_000


@pytest.mark.parametrize(("key", "content_type"), SAMPLES.items())
def test_each_has_the_content_type_of_its_format(key, content_type):
    assert Image.MIME[opened(key.removeprefix("samples/")).format] == content_type


def test_landscape_and_portrait_are_what_they_are_called():
    landscape, portrait = opened("landscape.jpg"), opened("portrait.jpg")
    assert (landscape.format, landscape.size) == ("JPEG", (2400, 1600))
    assert (portrait.format, portrait.size) == ("JPEG", (1400, 2000))


def test_the_transparent_one_is_clear_around_and_solid_within():
    picture = opened("transparent.png")
    alpha = picture.getchannel("A")
    assert (picture.format, picture.mode) == ("PNG", "RGBA")
    assert [alpha.getpixel(place) for place in ((5, 5), (995, 5), (5, 1295), (500, 450))] == [0, 0, 0, 255]
    assert any(alpha.histogram()[1:255])


def test_the_animated_one_moves_without_end():
    picture = opened("animated.gif")
    assert (picture.format, picture.n_frames, picture.info["loop"], picture.info["duration"]) == ("GIF", 24, 0, 80)
    first = picture.convert("RGB")
    picture.seek(12)
    assert first.tobytes() != picture.convert("RGB").tobytes()


def test_the_sideways_one_is_upright_once_turned():
    picture = opened("sideways.jpg")
    assert (picture.size, picture.getexif()[ORIENTATION]) == ((1600, 1200), 6)
    upright = picture.transpose(Image.Transpose.ROTATE_270)
    sky, ground = upright.crop((0, 0, 1200, 200)), upright.crop((0, 1500, 1200, 1600))
    assert ImageStat.Stat(sky).mean[2] > 150 > 80 > ImageStat.Stat(ground).mean[2]


@pytest.fixture
def s3(monkeypatch):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="originals")
        yield client


def keys(s3):
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket="originals").get("Contents", [])}


def test_a_first_start_uploads_them_with_their_types(s3, tmp_path):
    first_samples(s3, "originals", tmp_path / "marker")
    assert keys(s3) == set(SAMPLES)
    assert s3.head_object(Bucket="originals", Key="samples/transparent.png")["ContentType"] == "image/png"


def test_samples_that_were_removed_do_not_come_back(s3, tmp_path):
    first_samples(s3, "originals", tmp_path / "marker")
    for key in keys(s3):
        s3.delete_object(Bucket="originals", Key=key)
    first_samples(s3, "originals", tmp_path / "marker")
    assert keys(s3) == set()


def test_a_bucket_that_is_in_use_gets_none(s3, tmp_path):
    s3.put_object(Bucket="originals", Key="mine.jpg", Body=b"mine")
    first_samples(s3, "originals", tmp_path / "marker")
    assert keys(s3) == {"mine.jpg"}
