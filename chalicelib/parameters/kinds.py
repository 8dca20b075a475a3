"""The kinds of values: each parses a text, writes the canonical text, and describes what it expects.

`parse` raises ValueError for an invalid text; `text` is its inverse. `good` are valid texts at the limits, `bad`
are invalid texts just outside them: the tests of every parameter use both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .colour_names import NAMED
from .numbers import extent_text, number_text, parse_extent, parse_integer, parse_number


class Kind(Protocol):
    """The interface of a kind of value."""

    @property
    def expected(self) -> str: ...
    @property
    def good(self) -> Sequence[str]: ...
    @property
    def bad(self) -> Sequence[str]: ...
    @property
    def control(self) -> dict[str, Any]:
        """The form control for it: {"type": "number" | "choice" | "several" | "colour" | "text", ...}."""

    def parse(self, text: str) -> Any: ...
    def text(self, value: Any) -> str: ...


@dataclass(frozen=True)
class Integer:
    low: int
    high: int

    @property
    def expected(self) -> str:
        return f"integer from {self.low} to {self.high}"

    @property
    def good(self) -> Sequence[str]:
        return str(self.low), str(self.high)

    @property
    def bad(self) -> Sequence[str]:
        return str(self.low - 1), str(self.high + 1), "abc", "", "1.5", "1e2", " 1", "١"

    @property
    def control(self) -> dict[str, Any]:
        return {"type": "number", "min": self.low, "max": self.high, "step": 1}

    def parse(self, text: str) -> int:
        value = parse_integer(text)
        if not self.low <= value <= self.high:
            raise ValueError(text)
        return value

    def text(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class Number:
    low: float
    high: float

    @property
    def expected(self) -> str:
        return f"number from {number_text(self.low)} to {number_text(self.high)}"

    @property
    def good(self) -> Sequence[str]:
        return number_text(self.low), number_text(self.high), number_text((self.low + self.high) / 2)

    @property
    def bad(self) -> Sequence[str]:
        return number_text(self.low - 0.01), number_text(self.high + 0.01), "abc", "", ".", "1e0", "nan", "inf"

    @property
    def control(self) -> dict[str, Any]:
        return {"type": "number", "min": self.low, "max": self.high, "step": "any"}

    def parse(self, text: str) -> float:
        value = parse_number(text)
        if not self.low <= value <= self.high:
            raise ValueError(text)
        return value

    def text(self, value: float) -> str:
        return number_text(value)


@dataclass(frozen=True)
class Length:
    """Pixels as an integer, or a share of the original's as a number with a decimal point."""

    most: int

    @property
    def expected(self) -> str:
        return f"integer from 1 to {self.most}, or a share of the original from 0.000001 to 1.0"

    @property
    def good(self) -> Sequence[str]:
        return "1", str(self.most), "0.5", "0.000001", "1.0"

    @property
    def bad(self) -> Sequence[str]:
        return "0", str(self.most + 1), "1.000001", "-1", "0.0", "abc", ""

    @property
    def control(self) -> dict[str, Any]:
        return {"type": "number", "min": 0, "max": self.most, "step": "any"}

    def parse(self, text: str) -> int | float:
        return parse_extent(text, 1, self.most)

    def text(self, value: int | float) -> str:
        return extent_text(value)


@dataclass(frozen=True)
class OneOf:
    options: tuple[str, ...]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.options)

    @property
    def good(self) -> Sequence[str]:
        return self.options

    @property
    def bad(self) -> Sequence[str]:
        return "", "nonsense", self.options[0].upper() + "x"

    @property
    def control(self) -> dict[str, Any]:
        return {"type": "choice", "options": list(self.options)}

    def parse(self, text: str) -> str:
        if text not in self.options:
            raise ValueError(text)
        return text

    def text(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Several:
    """One or more of the options, separated by commas; of each group in `apart`, only one is allowed.

    With `repeats`, a query may repeat the parameter for each option.
    """

    options: tuple[str, ...]
    apart: tuple[tuple[str, ...], ...] = ()
    repeats: bool = False

    @property
    def expected(self) -> str:
        rule = "".join(f", not more than one of {'/'.join(group)}" for group in self.apart)
        return "one or more of " + ", ".join(self.options) + rule

    @property
    def good(self) -> Sequence[str]:
        return self.options

    @property
    def bad(self) -> Sequence[str]:
        doubled = f"{self.options[0]},{self.options[0]}"
        return ("", "nonsense", doubled, f"{self.options[0]},", *(",".join(group[:2]) for group in self.apart))

    @property
    def control(self) -> dict[str, Any]:
        return {"type": "several", "options": list(self.options)}

    def parse(self, text: str) -> tuple[str, ...]:
        chosen = text.split(",")
        clash = any(sum(entry in group for entry in chosen) > 1 for group in self.apart)
        if clash or len(set(chosen)) < len(chosen) or not set(chosen) <= set(self.options):
            raise ValueError(text)
        return tuple(option for option in self.options if option in chosen)

    def text(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


@dataclass(frozen=True)
class Colour:
    """rgb, argb, rrggbb, aarrggbb or a CSS name; the value is rrggbb, or aarrggbb if it is not opaque."""

    expected: str = "colour as RGB, ARGB, RRGGBB, AARRGGBB or a CSS name"
    good: Sequence[str] = ("fff", "8fff", "336699", "80336699", "tomato")
    bad: Sequence[str] = ("", "#fff", "ff", "fffff", "ggg", "nonsense", "rgb(0,0,0)")
    control: dict[str, Any] = field(default_factory=lambda: {"type": "colour"}, hash=False)

    def parse(self, text: str) -> str:
        digits = NAMED.get(text.lower(), text.lower())
        if not re.fullmatch(r"[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}", digits):
            raise ValueError(text)
        if len(digits) < 6:
            digits = "".join(digit * 2 for digit in digits)
        return digits[2:] if len(digits) == 8 and digits.startswith("ff") else digits

    def text(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Ratio:
    """width:height, each a number above 0; the value keeps both, as written."""

    expected: str = "ratio as width:height, each above 0 and at most 10000"
    good: Sequence[str] = ("1:1", "16:9", "1.91:1", "10000:1")
    bad: Sequence[str] = ("", "16", "16:0", "0:9", "-1:1", "a:b", "1:2:3", "10001:1", "16/9")
    control: dict[str, Any] = field(default_factory=lambda: {"type": "text", "example": "16:9"}, hash=False)

    def parse(self, text: str) -> tuple[float, float]:
        width, height = (parse_number(part) for part in text.split(":"))
        if not (0 < width <= 10000 and 0 < height <= 10000):
            raise ValueError(text)
        return width, height

    def text(self, value: tuple[float, float]) -> str:
        return ":".join(number_text(part) for part in value)


@dataclass(frozen=True)
class Region:
    """x,y,width,height on the original, in pixels or shares; x and y also by name, width and height also as full."""

    most: int = 1_000_000
    across: tuple[str, ...] = ("left", "center", "right")
    down: tuple[str, ...] = ("top", "middle", "bottom")

    @property
    def expected(self) -> str:
        x, y = "/".join(self.across), "/".join(self.down)
        return (
            f"x,y,width,height in pixels or shares from 0.0 to 1.0 (x also {x}, y also {y}, width and height also full)"
        )

    @property
    def good(self) -> Sequence[str]:
        return "0,0,1,1", "10,20,300,200", "center,middle,0.5,0.5", "right,bottom,100,1.0", "0.25,0.25,full,full"

    @property
    def bad(self) -> Sequence[str]:
        return "", "1,2,3", "1,2,3,4,5", "-1,0,10,10", "0,0,0,10", "top,left,1,1", "0,0,a,b", "1.5,0,10,10"

    @property
    def control(self) -> dict[str, Any]:
        return {"type": "text", "example": self.good[1]}

    def parse(self, text: str) -> tuple[int | float | str, ...]:
        x, y, width, height = text.split(",")
        return (
            x if x in self.across else self._offset(x),
            y if y in self.down else self._offset(y),
            *(1.0 if part == "full" else parse_extent(part, 1, self.most) for part in (width, height)),
        )

    def _offset(self, text: str) -> int | float:
        return 0 if "." in text and parse_number(text) == 0 else parse_extent(text, 0, self.most)

    def text(self, value: tuple[int | float | str, ...]) -> str:
        return ",".join(part if isinstance(part, str) else extent_text(part) for part in value)
