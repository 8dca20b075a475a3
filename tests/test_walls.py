"""The walls that rendering stands behind: proven at its start, and each proof notices when its wall is down."""

import pytest
from drawn import picture

from chalicelib import rendering, walls
from chalicelib.errors import MisconfiguredError

PNG = picture(form="PNG")


def test_they_stand():
    assert walls.proven() == list(walls._WALLS)
    assert len(walls._WALLS) == 7


@pytest.mark.parametrize("wall", walls._WALLS)
def test_one_that_is_down_is_named(monkeypatch, wall):
    monkeypatch.setitem(walls._WALLS, wall, lambda: "it is down")
    with pytest.raises(MisconfiguredError, match=f"{wall}: it is down"):
        walls.proven()


def test_of_a_wall_that_the_system_does_not_have_nothing_is_said(monkeypatch):
    *others, _last = walls._WALLS
    monkeypatch.setattr(walls, "confine", lambda: False)
    assert walls.proven() == others


def test_a_proof_that_fails_or_ends_the_process_is_no_proof(monkeypatch):
    name = next(iter(walls._WALLS))
    monkeypatch.setitem(walls._WALLS, name, lambda: 1 / 0)
    with pytest.raises(MisconfiguredError, match="ZeroDivisionError"):
        walls.proven()
    monkeypatch.setitem(walls._WALLS, name, lambda: walls.os._exit(7))
    with pytest.raises(MisconfiguredError, match=r"ended the process \(7\)"):
        walls.proven()


def test_another_version_is_noticed(monkeypatch):
    monkeypatch.setattr(walls, "VERSIONS", {**rendering.VERSIONS, "libvips": "8.1.0"})
    assert "found 8.1.0" in walls._versions()
    monkeypatch.setattr(walls, "VERSIONS", {**rendering.VERSIONS, "imagemagick": "6.0"})
    monkeypatch.setenv("MAGICK_HOME", "/opt")
    assert "found 6.0" in walls._versions()


@pytest.mark.parametrize("name", ["disk", "map"])
def test_nothing_of_a_picture_comes_to_the_disk(name):
    assert rendering.limits[name] == 0


@pytest.mark.parametrize(("name", "value"), [("memory", 2**40), ("disk", 1), ("thread", 2), ("width", 10**6)])
def test_another_limit_is_noticed(monkeypatch, name, value):
    before = rendering.limits[name]
    assert walls._limits() == ""
    monkeypatch.setattr(walls, "effective", {**rendering.limits, name: value})
    assert walls._limits() == f"expected {before} for ImageMagick's {name}, found {value}"


def test_the_version_that_is_proven_is_the_one_that_is_built():
    from conftest import ROOT

    script = (ROOT / "deploy" / "imagemagick.sh").read_text()
    assert f"VERSION={walls.PACKAGED.replace('-', '.')}+" in script
