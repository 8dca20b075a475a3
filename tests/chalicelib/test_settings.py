"""Settings: what the environment says, and what holds where it says nothing."""

import os
import subprocess
import sys

import pytest

from chalicelib.errors import MisconfiguredError
from chalicelib.settings import Settings
from cli import ROOT


def test_an_empty_environment_gives_the_defaults():
    assert Settings.of({}) == Settings()


def test_each_setting_is_read_from_its_variable():
    read = Settings.of(
        {
            "IMGY_ORIGINALS": "ours",
            "IMGY_DERIVATIVES": "theirs",
            "IMGY_CACHE_CONTROL": "no-cache",
            "IMGY_RESPONSE_BYTES": "1000",
            "IMGY_NONSENSE": "ignored",
            "ORIGINALS": "ignored",
        }
    )
    assert (read.originals, read.derivatives, read.cache_control) == ("ours", "theirs", "no-cache")
    assert read.response_bytes == 1000


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("https://a.example", ("https://a.example",)),
        (" https://a.example , https://b.example,", ("https://a.example", "https://b.example")),
        ("", ()),
    ],
)
def test_origins_stand_with_commas_between(text, origins):
    assert Settings.of({"IMGY_ORIGINS": text}).origins == origins


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "1.5", "4_500_000", "4 MB", "٣"])
def test_a_size_that_is_no_number_is_said_in_a_sentence(text):
    with pytest.raises(MisconfiguredError) as raised:
        Settings.of({"IMGY_RESPONSE_BYTES": text})
    assert str(raised.value) == f"expected a number of bytes above 0 for IMGY_RESPONSE_BYTES, received '{text}'"


@pytest.mark.parametrize(("megabytes", "renderers"), [(128, 1), (1769, 1), (2600, 1), (2700, 2), (3008, 2), (10240, 2)])
def test_on_lambda_as_many_are_rendered_at_once_as_its_memory_has_processors(megabytes, renderers):
    assert Settings.of({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": f"{megabytes}"}).renderers == renderers


@pytest.mark.parametrize(("processors", "renderers"), [({0}, 1), ({3}, 1), ({0, 1}, 2), (set(range(8)), 2)])
def test_elsewhere_as_many_as_there_are_processors_that_it_may_use(monkeypatch, processors, renderers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: processors, raising=False)
    assert Settings.of({"IMGY_RENDERERS": "7"}).renderers == Settings().renderers == renderers


@pytest.mark.parametrize(("counted", "renderers"), [(None, 1), (1, 1), (8, 2)])
def test_where_no_processors_are_assigned_all_of_them_are_counted(monkeypatch, counted, renderers):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert Settings.of({}).renderers == renderers


def test_days_are_a_number():
    assert Settings.of({"IMGY_EXPIRE_DAYS": "30"}).expire_days == 30
    with pytest.raises(MisconfiguredError, match="expected a number of days, 0 for never, for IMGY_EXPIRE_DAYS"):
        Settings.of({"IMGY_EXPIRE_DAYS": "a month"})


def test_the_app_takes_its_settings_from_the_environment():
    run = subprocess.run(
        [sys.executable, "-c", "import app; print(app.settings.originals, app.settings.origins)"],
        env={"IMGY_ORIGINALS": "ours", "IMGY_ORIGINS": "https://a.example", "AWS_DEFAULT_REGION": "us-east-1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.stdout.split(None, 1) == ["ours", "('https://a.example',)\n"], run.stderr
