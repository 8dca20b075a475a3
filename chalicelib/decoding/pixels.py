"""The results of decoding: raw pixels, in colour for rendering, in grey for a smart crop."""

from __future__ import annotations

from dataclasses import dataclass

from ..geometry import Size


@dataclass(frozen=True)
class Pixels:
    """Raw 8-bit RGB or RGBA, row by row. NumPy's array interface hands it to Wand."""

    size: Size
    bands: int
    raw: bytes

    @property
    def __array_interface__(self) -> dict[str, object]:
        return {"shape": (self.size.height, self.size.width, self.bands), "typestr": "|u1", "version": 3}

    def tobytes(self) -> bytes:
        return self.raw


@dataclass(frozen=True)
class Grey:
    """8-bit grey levels, row by row; a few thousand are enough."""

    width: int
    height: int
    levels: bytes

    @property
    def columns(self) -> list[bytes]:
        return [self.levels[x :: self.width] for x in range(self.width)]

    @property
    def rows(self) -> list[bytes]:
        return [self.levels[y * self.width : (y + 1) * self.width] for y in range(self.height)]
