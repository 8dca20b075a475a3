"""What `chalice deploy` checks when it is typed by hand: one sentence for each thing that is missing."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from chalicelib.settings import Settings
from cli import ROOT
from cli.deploy import functions, preflight
from cli.deploy.preflight import check, is_typed

OWN = Settings(originals="photos", derivatives="pictures")


class Buckets:
    """An S3 client that knows the status of each bucket."""

    def __init__(self, **statuses):
        self.statuses, self.asked = {"photos": 200, "pictures": 200, **statuses}, []

    def head_bucket(self, **names):
        self.asked.append(names["Bucket"])
        if (status := self.statuses[names["Bucket"]]) != 200:
            raise ClientError({"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Head")


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """A checkout in which all is well."""
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text('{"IMGY_ORIGINALS": "photos"}')
    library = tmp_path / "library.so"
    library.touch()
    monkeypatch.setattr(preflight, "ROOT", tmp_path)
    monkeypatch.setattr(functions, "_LIBRARY", library)
    monkeypatch.setattr(functions, "PYTHON", (3, 11))
    monkeypatch.setenv("PIP_NO_DEPS", "")  # what the check sets is undone after the test
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return tmp_path


def test_what_is_ready_is_deployed_without_further_dependencies(ready):
    s3 = Buckets()
    check(OWN, s3, deploy=True)
    assert s3.asked == ["photos", "pictures"]
    assert preflight.os.environ["PIP_NO_DEPS"] == "1"


def test_a_package_needs_no_buckets(ready):
    s3 = Buckets(photos=404)
    check(OWN, s3, deploy=False)
    assert s3.asked == []


def test_an_old_python_is_named(ready, monkeypatch):
    monkeypatch.setattr(functions, "PYTHON", (9, 9))
    with pytest.raises(SystemExit, match=r"expected Python 9\.9 or newer"):
        check(OWN, Buckets(), deploy=True)


def test_a_missing_imagemagick_is_named_unless_functions_run_here(ready, monkeypatch):
    monkeypatch.setattr(functions, "_LIBRARY", ready / "none")
    with pytest.raises(SystemExit, match="build it: make imagemagick"):
        check(OWN, Buckets(), deploy=True)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    check(OWN, Buckets(), deploy=True)


@pytest.mark.parametrize("name", ["imgy-originals", "imgy-derivatives"])
@pytest.mark.parametrize("text", ['{{"IMGY_ORIGINALS": "{}"}}', '{{"Resource": "arn:*:s3:::{}/*"}}'])
def test_the_name_of_an_example_is_said_wherever_it_stands(ready, name, text):
    (ready / ".chalice" / "route.json").write_text(text.format(name))
    with pytest.raises(SystemExit, match=f"sed -i s/{name}/YOUR-BUCKET/"):
        check(OWN, Buckets(), deploy=True)


def test_one_bucket_for_both_is_refused(ready):
    with pytest.raises(SystemExit, match="expected two buckets, received one"):
        check(Settings(originals="photos", derivatives="photos"), Buckets(), deploy=True)


def test_a_bucket_that_is_not_there_or_not_yours_is_named(ready):
    with pytest.raises(SystemExit, match="bucket pictures does not exist; create it: aws s3 mb s3://pictures"):
        check(OWN, Buckets(pictures=404), deploy=True)
    with pytest.raises(SystemExit, match="bucket photos cannot be used with these credentials"):
        check(OWN, Buckets(photos=403), deploy=True)


def test_missing_credentials_are_a_sentence(ready):
    class Nobody:
        def head_bucket(self, **names):
            raise NoCredentialsError

    with pytest.raises(SystemExit, match="Unable to locate credentials"):
        check(OWN, Nobody(), deploy=True)


def test_only_a_command_that_makes_a_package_in_this_checkout_is_checked():
    assert is_typed(["chalice", "deploy", "--stage", "dev"], ROOT)
    assert is_typed(["chalice", "package", "out"], ROOT)
    assert not is_typed(["chalice", "delete"], ROOT)
    assert not is_typed(["chalice", "deploy"], Path("/elsewhere"))
