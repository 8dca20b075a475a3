"""Formats the figures as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich import box
from rich.table import Table

from bench.measuring import Spread

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Row:
    """One comparison: the texts of a row in the table of times."""

    what: str
    against: str
    figure: str
    must: str
    ours: str
    theirs: str
    peak: str
    their_peak: str


def times(rows: Iterable[Row]) -> Table:
    """The table of times, ratios first, since only they are reliable on a machine with other load."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("what", "against"):
        table.add_column(heading, no_wrap=True)
    for heading in ("imgy / other (min–max)", "must be", "imgy", "other", "peak MB", "other's"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown = ""
    for row in rows:
        what, shown = "" if row.what == shown else row.what, row.what
        table.add_row(what, row.against, row.figure, row.must, row.ours, row.theirs, row.peak, row.their_peak)
    return table


def ratio_text(spread: Spread) -> str:
    """A ratio with its range."""
    return f"{spread.median:.2f} ({spread.low:.2f}–{spread.high:.2f})"


def excess_text(spread: Spread) -> str:
    """A difference in seconds as milliseconds, with its range."""
    median, low, high = (1000 * seconds for seconds in (spread.median, spread.low, spread.high))
    return f"{median:+.1f} ms ({low:+.1f}–{high:+.1f})"


def must_text(figure: float, most: float | None, unit: str = "") -> str:
    """The bound, and whether it is reached."""
    if most is None:
        return ""
    return f"≤ {most:g}{unit} {'reached' if figure <= most else 'MISSED'}"


def seconds_text(seconds: float) -> str:
    """Seconds, or milliseconds if they are short."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.3f} s"


def megabytes_text(size: int) -> str:
    """Bytes in MB."""
    return f"{size / MEGABYTE:.0f}"


@dataclass(frozen=True)
class Made:
    """A picture by one contender: its size in bytes, and its SSIM if it shows the whole original."""

    length: int
    likeness: float | None


def pictures(made: Mapping[str, Mapping[str, Mapping[str, Made]]], contenders: Iterable[str]) -> Table:
    """The table of bytes and SSIM, by case, picture and contender."""
    table, names = Table(box=box.SIMPLE, pad_edge=False), list(contenders)
    table.add_column("picture", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for what, by_picture in made.items():
        table.add_row(f"[bold]{what}[/]")
        for picture, by_contender in by_picture.items():
            table.add_row(f"  {picture}", *(_made_text(by_contender.get(name)) for name in names))
    return table


def _made_text(made: Made | None) -> str:
    if made is None:
        return ""
    return f"{made.length:,} bytes  " + (f"{made.likeness:.4f}" if made.likeness is not None else "      ")
