"""Runs the bench: each case with its contenders, then hits and imports, then the comparison of the pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from bench.cases import SMALL, Case, Picture
from bench.contender import Contender, contending
from bench.hits import APP, BOTO3, HIT, READ, hits, imports
from bench.likeness import likeness
from bench.measuring import Spread, Turns, excess, interleaved, ratio
from bench.tables import Made, Row, excess_text, megabytes_text, must_text, ratio_text, seconds_text

IMGY, PLAIN, SHARP = "imgy", "plain", "sharp"
INSIDE = "inside"
PYTHON = {IMGY: [sys.executable, "-m", "bench.imgy"], PLAIN: [sys.executable, "-m", "bench.plain"]}
HITS_A_REPETITION = 20
WORKER_TURNS = 8
HIT_MOST_MILLISECONDS = 5.0
WORKER_MOST_MILLISECONDS = 10.0
IMPORT_MOST_MILLISECONDS = 150.0


@dataclass
class Bench:
    """A run of the bench: folders of the originals and the pictures, repetitions, and commands of the contenders.

    `done` is called after each round; `versions` are those that the contenders print.
    """

    originals: Path
    kept: Path
    repetitions: int
    commands: Mapping[str, Sequence[str]]
    done: Callable[[], object] = lambda: None
    versions: dict[str, str] = field(default_factory=dict)

    def rounds(self, cases: Sequence[Case]) -> int:
        """The number of rounds."""
        demands = sum(bool(case.name) for case in cases)
        return self.repetitions * (len(cases) + WORKER_TURNS * demands + HITS_A_REPETITION + 1)

    def rows(self, case: Case) -> list[Row]:
        """The rows of one case, one for each available contender."""
        names = [IMGY, *(name for name in case.most if name in self.commands)]
        with ExitStack() as stack:
            contenders = [stack.enter_context(self._contending(name, case)) for name in names]
            turns = interleaved(contenders, self.repetitions, self.done)
        self.versions |= {contender.name: contender.versions for contender in contenders}
        return [_row(case, turns, contenders[0], other) for other in contenders[1:]]

    def _contending(self, name: str, case: Case) -> AbstractContextManager[Contender]:
        folder = self._folder(case, name)
        folder.mkdir(parents=True)
        return contending(name, self.commands[name], case.task(self.originals, folder))

    def _folder(self, case: Case, name: str) -> Path:
        return self.kept / case.what.replace(":", "") / name

    def worker_row(self, case: Case) -> Row:
        """The cost of rendering in a worker process, for the picture of a case."""
        task, command = case.task(self.originals, self.kept), self.commands[IMGY]
        with (
            contending(IMGY, command, task) as other,
            contending(INSIDE, command, {**task, "inside": True}) as this,
        ):
            turns = interleaved([other, this], WORKER_TURNS * self.repetitions, self.done)
        spread = excess(turns, IMGY, INSIDE)
        must = must_text(1000 * spread.median, WORKER_MOST_MILLISECONDS, " ms")
        ours, theirs = (seconds_text(Spread.of(turns[name]).median) for name in (IMGY, INSIDE))
        peaks = megabytes_text(other.peak), megabytes_text(this.peak)
        return Row(
            f"the worker's part of {case.what.removeprefix('on demand').lstrip(', ')}",
            INSIDE,
            excess_text(spread),
            must,
            ours,
            theirs,
            *peaks,
        )

    def hit_row(self) -> Row:
        """The row of a hit against reading the same object."""
        turns, peak, other = hits(self.originals / SMALL, self.kept, HITS_A_REPETITION * self.repetitions, self.done)
        spread = excess(turns, HIT, READ)
        must = must_text(1000 * spread.median, HIT_MOST_MILLISECONDS, " ms")
        ours, theirs = (seconds_text(Spread.of(turns[name]).median) for name in (HIT, READ))
        what = "a hit: JPEG 720 wide"
        return Row(what, "S3", excess_text(spread), must, ours, theirs, megabytes_text(peak), megabytes_text(other))

    def import_row(self) -> Row:
        """The row of importing the app in a new process against importing boto3."""
        turns = imports(self.repetitions, self.done)
        spread = excess(turns, APP, BOTO3)
        must = must_text(1000 * spread.median, IMPORT_MOST_MILLISECONDS, " ms")
        ours, theirs = (seconds_text(Spread.of(turns[name]).median) for name in (APP, BOTO3))
        return Row("cold start: import app", "boto3", excess_text(spread), must, ours, theirs, "", "")

    def made(self, case: Case) -> dict[str, dict[str, Made]]:
        """Size and likeness of the contenders' pictures, by picture and contender."""
        with Image.open(self.originals / case.original) as opened:
            original = opened.convert("RGB")
        return {
            picture.name: {
                name: _made((self._folder(case, name) / picture.name).read_bytes(), picture, original)
                for name in (IMGY, *case.most)
                if name in self.commands
            }
            for picture in map(Picture.of, case.derivatives)
        }


def _row(case: Case, turns: Turns, ours: Contender, other: Contender) -> Row:
    spread = ratio(turns, ours.name, other.name)
    seconds = [seconds_text(Spread.of(turns[contender.name]).median) for contender in (ours, other)]
    peaks = [megabytes_text(contender.peak) for contender in (ours, other)]
    return Row(
        case.what, other.name, ratio_text(spread), must_text(spread.median, case.most[other.name]), *seconds, *peaks
    )


def _made(body: bytes, picture: Picture, original: Image.Image) -> Made:
    return Made(len(body), None if picture.crop else likeness(body, original))
