"""The walls that rendering stands behind: proven at its start, and each proof notices when its wall is down."""

import os

import pytest

from chalicelib.errors import MisconfiguredError
from chalicelib.rendering import magick
from chalicelib.sandbox import self_test
from chalicelib.sandbox.confinement import NOT_HERE, STANDS
from support.originals import picture

PNG = picture(form="PNG")


def test_they_stand():
    results = self_test.run(os.getppid())
    assert list(results) == [*self_test._TESTS, *self_test._confined_tests(0)]
    uncertain = {"a worker does not read the app's environment", "a worker does not read the app's memory"}
    assert {name for name, result in results.items() if result != STANDS} <= uncertain


@pytest.mark.parametrize("wall", self_test._TESTS)
def test_one_that_is_down_is_named(monkeypatch, wall):
    monkeypatch.setitem(self_test._TESTS, wall, lambda: "it is down")
    with pytest.raises(MisconfiguredError, match=f"{wall}: it is down"):
        self_test.run(os.getppid())


def test_a_protection_that_the_system_does_not_have_is_named(monkeypatch):
    monkeypatch.setattr(self_test, "confine", lambda: False)
    results = self_test.run(os.getppid())
    assert {results[name] for name in self_test._TESTS} == {STANDS}
    assert {results[name] for name in self_test._confined_tests(0)} == {NOT_HERE}


def test_a_filter_that_lets_a_call_through_is_a_mistake(monkeypatch):
    monkeypatch.setattr(self_test, "confine", lambda: True)
    with pytest.raises(MisconfiguredError, match="a worker opens no connection: a worker could do it"):
        self_test.run(os.getppid())


def test_a_proof_that_fails_or_ends_the_process_is_no_proof(monkeypatch):
    name = next(iter(self_test._TESTS))
    monkeypatch.setitem(self_test._TESTS, name, lambda: 1 / 0)
    with pytest.raises(MisconfiguredError, match="ZeroDivisionError"):
        self_test.run(os.getppid())
    monkeypatch.setitem(self_test._TESTS, name, lambda: self_test.os._exit(7))
    with pytest.raises(MisconfiguredError, match=r"ended the process \(7\)"):
        self_test.run(os.getppid())


def test_another_version_is_noticed(monkeypatch):
    monkeypatch.setattr(self_test, "VERSIONS", {**magick.VERSIONS, "libvips": "8.1.0"})
    assert "found 8.1.0" in self_test._versions()
    monkeypatch.setattr(self_test, "VERSIONS", {**magick.VERSIONS, "imagemagick": "6.0"})
    monkeypatch.setenv("MAGICK_HOME", "/opt")
    assert "found 6.0" in self_test._versions()


@pytest.mark.parametrize("name", ["disk", "map"])
def test_nothing_of_a_picture_comes_to_the_disk(name):
    assert magick.limits[name] == 0


@pytest.mark.parametrize(("name", "value"), [("memory", 2**40), ("disk", 1), ("thread", 2), ("width", 10**6)])
def test_another_limit_is_noticed(monkeypatch, name, value):
    before = magick.limits[name]
    assert self_test._limits() == ""
    monkeypatch.setattr(self_test, "effective", {**magick.limits, name: value})
    assert self_test._limits() == f"expected {before} for ImageMagick's {name}, found {value}"


def test_the_version_that_is_proven_is_the_one_that_is_built():
    from cli import ROOT

    script = (ROOT / "deploy" / "imagemagick.sh").read_text()
    assert f"VERSION={self_test.PACKAGED.replace('-', '.')}+" in script
