"""The bench: the logic of its table, and the whole of it on tiny pictures. Nothing is timed here."""

import io

import pytest
from PIL import Image
from rich.console import Console

from bench.__main__ import measure
from bench.cases import CASES, LARGE, MOVING, ORIGIN, SMALL, Case, Picture
from bench.contender import contending
from bench.likeness import likeness
from bench.measuring import Spread, excess, ratio
from bench.rounds import PYTHON, Bench
from bench.sharp import NoSharp, sharp
from bench.tables import excess_text, must_text, ratio_text, seconds_text
from support.originals import animation, picture

pytestmark = pytest.mark.slow

TURNS = {"imgy": [1.0, 4.0, 3.0], "sharp": [2.0, 4.0, 12.0]}


def test_a_ratio_compares_each_turn_with_the_one_beside_it():
    assert ratio(TURNS, "imgy", "sharp") == Spread(0.5, 0.25, 1.0)
    assert excess(TURNS, "imgy", "sharp") == Spread(-1.0, -9.0, 0.0)


def test_figures_show_their_noise_and_whether_they_reach_what_they_must():
    assert ratio_text(Spread(0.5, 0.25, 1.0)) == "0.50 (0.25–1.00)"
    assert excess_text(Spread(0.002, -0.001, 0.0104)) == "+2.0 ms (-1.0–+10.4)"
    assert must_text(0.4, 0.4) == "≤ 0.4 reached"
    assert must_text(5.1, 5.0, " ms") == "≤ 5 ms MISSED"
    assert must_text(3.0, None) == ""
    assert [seconds_text(seconds) for seconds in (0.0034, 0.21, 2.5)] == ["3.4 ms", "0.210 s", "2.50 s"]


def test_every_contender_is_told_the_same_pictures():
    widths, single = CASES[0], CASES[1]
    told = [Picture.of(derivative) for derivative in widths.derivatives]
    assert sorted({picture.width for picture in told}) == [320, 640, 960, 1280, 1920]
    assert sorted({picture.format for picture in told}) == ["jpg", "webp"]
    assert len(told) == 10
    assert [Picture.of(derivative) for derivative in single.derivatives] == [Picture("w=720.jpg", "jpg", 75, 720)]
    crops = [Picture.of(derivative).crop for case in CASES for derivative in case.derivatives]
    assert {"", "centre", "entropy"} == set(crops)


def test_likeness_is_1_for_the_same_picture_and_less_for_a_worse_one():
    grain = Image.effect_noise((80, 60), 90).convert("RGB")

    def encoded(**options):
        file = io.BytesIO()
        grain.save(file, **options)
        return file.getvalue()

    worse, better = (likeness(encoded(format="JPEG", quality=quality), grain) for quality in (10, 90))
    assert likeness(encoded(format="PNG"), grain) == pytest.approx(1.0)
    assert worse < better < 1.0


def test_without_npm_sharp_is_left_out_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSharp, match="npm was not found"):
        sharp(tmp_path)


def test_a_contender_that_ends_is_named():
    with (
        pytest.raises(SystemExit, match="bench: broken ended with 3"),
        contending("broken", ["sh", "-c", "exit 3"], {}),
    ):
        pass


def test_the_bench_runs_from_end_to_end(tmp_path):
    (tmp_path / LARGE).write_bytes(picture((320, 200)))
    (tmp_path / SMALL).write_bytes(picture((160, 100)))
    (tmp_path / MOVING).write_bytes(animation())
    (tmp_path / ORIGIN).write_text("drawn for a test")
    cases = [
        Case(
            "upload",
            LARGE,
            {"plain": None},
            presets="formats: [webp]\npresets: {set: {widths: [20, 60], auto: format}}",
        ),
        Case("demand", SMALL, {"plain": 0.0, "sharp": None}, name="w=72.jpg"),
        Case("moving", MOVING, {"plain": 1000.0}, name="w=20.gif"),
    ]
    console = Console(file=io.StringIO(), width=160)
    measure(Bench(tmp_path, tmp_path / "kept", 1, PYTHON), cases, console)
    printed = console.file.getvalue()
    assert "photo: drawn for a test" in printed

    def line_of(start):
        return next(line for line in printed.splitlines() if line.strip().startswith(start))

    assert "≤ 0 MISSED" in line_of("demand")
    assert "≤ 1000 reached" in line_of("moving")
    assert " ms" in line_of("a hit")
    assert "boto3" in line_of("cold start")
    for name in ("w=20.webp", "w=60.jpg", "w=72.jpg", "w=20.gif"):
        assert line_of(name).count(" bytes") == 2, line_of(name)
