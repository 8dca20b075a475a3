"""What one hostile input is, and what may come of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SHOWN, TOO_LARGE, NOT_AN_IMAGE, DAMAGED = (200,), (413,), (415,), (422,)
SHOWN_OR_NOT = (200, 422)
REFUSED = (413, 415, 422)
IN_TIME = (200, 302, 413, 422, 503)
"""Whatever comes, as long as it comes in time: 503 is the deadline."""


@dataclass(frozen=True)
class Bait:
    """What nobody may reach: a file with a word and a picture of a colour that no other holds, and a server."""

    folder: Path
    url: str
    word: str = "canary-5b1f0c77e2"
    colour: tuple[int, int, int] = (254, 1, 253)

    @property
    def text(self) -> Path:
        return self.folder / "canary.txt"

    @property
    def picture(self) -> Path:
        return self.folder / "canary.png"


@dataclass(frozen=True)
class Case:
    """An original, the key it comes by, and which answers may follow; slow ones are tried by `make hostile` alone."""

    name: str
    may: tuple[int, ...]
    draw: Callable[[Bait], bytes] = field(repr=False)
    key: str = "cat.jpg"
    slow: bool = False


@dataclass(frozen=True)
class Asked:
    """A request's target as it is sent, and which answers may follow."""

    name: str
    may: tuple[int, ...]
    target: str = field(repr=False)
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
