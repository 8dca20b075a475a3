"""Parses plain decimal numbers, and writes them in their shortest spelling."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_NUMBER = re.compile(r"(-?)([0-9]{0,9})(?:\.([0-9]{0,6})[0-9]{0,24})?", re.ASCII)


def parse_integer(text: str) -> int:
    """A plain decimal integer; raises ValueError."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def parse_number(text: str) -> float:
    """A plain decimal number without exponent; six decimal places count. Raises ValueError."""
    match = _NUMBER.fullmatch(text)
    if not match or not (match[2] or match[3]):
        raise ValueError(text)
    return float(f"{match[1]}{match[2] or 0}.{match[3] or 0}")


def number_text(value: float) -> str:
    """The shortest spelling of a number at six decimals: 0.5, 2, 1.333333."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def parse_extent(text: str, least: int, most: int) -> int | float:
    """Pixels (an int) or a share of the original's pixels (a float above 0, at most 1); raises ValueError."""
    if "." not in text:
        pixels = parse_integer(text)
        if not least <= pixels <= most:
            raise ValueError(text)
        return pixels
    share = parse_number(text)
    if not 0 < share <= 1:
        raise ValueError(text)
    return share


def extent_text(value: int | float) -> str:
    """The inverse of `parse_extent`; the whole is written 1.0, because 1 is one pixel."""
    if isinstance(value, int):
        return str(value)
    return "1.0" if value == 1 else number_text(value)
