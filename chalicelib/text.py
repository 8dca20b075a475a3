"""Shows untrusted text and long lists in log lines and errors."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

UNWRITABLE = ("Cc", "Cs")
"""Unicode categories that no key may contain: control characters and surrogates."""


def in_line(text: str) -> str:
    """A text on a single line: each unprintable character becomes a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shortened(text: str, most: int = 60) -> str:
    """A text for an error to quote: printable, and cut after `most` characters."""
    printable = in_line(text)
    return printable if len(printable) <= most else printable[:most] + "..."


def some_of(names: Collection[str], most: int = 20) -> str:
    """The first names, and how many others there are."""
    others = len(names) - most
    return ", ".join(islice(names, most)) + (f" and {others} others" if others > 0 else "")
