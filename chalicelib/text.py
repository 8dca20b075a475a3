"""How strangers' text, and long lists, are shown in a log line or an error."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

UNWRITABLE = ("Cc", "Cs")
"""Unicode's categories of what no key may hold: control characters, and halves of surrogate pairs."""


def in_line(text: str) -> str:
    """A text on a single line: whatever cannot be printed becomes a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shortened(text: str, most: int = 60) -> str:
    """A text as an error may quote it: printable, and at most `most` characters long."""
    printable = in_line(text)
    return printable if len(printable) <= most else printable[:most] + "..."


def some_of(names: Collection[str], most: int = 20) -> str:
    """The first names, and how many others there are."""
    others = len(names) - most
    return ", ".join(islice(names, most)) + (f" and {others} others" if others > 0 else "")
