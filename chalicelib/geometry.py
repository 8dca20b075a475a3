"""Layouts: which region of an original is shown, and how large. Decided in pixels before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Matrix = tuple[int, int, int, int]

# EXIF's orientations as matrices (a b / c d): each maps a stored pixel's offset from the centre to its offset in the
# upright picture, x to the right and y down (Exif 2.32, tag 0x0112).
_TURNS: dict[int, Matrix] = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, -1, 1, 0),
    7: (0, -1, -1, 0),
    8: (0, 1, -1, 0),
}
_ORIENTATIONS = {matrix: orientation for orientation, matrix in _TURNS.items()}


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def turned(self) -> Size:
        return Size(self.height, self.width)

    def covers(self, other: Size) -> bool:
        return self.width >= other.width and self.height >= other.height


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, which may be fractional."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class SmartCrop:
    """A crop that depends on the pixels: of all windows of this size in the region, the one that scores most."""

    by: Literal["entropy", "edges"]
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The region of the original that is shown, its size, and the canvas and background behind it.

    `turn` is an EXIF orientation, applied to the upright original; `region` is a part of the turned original.
    """

    original: Size
    exif: int
    region: Box
    size: Size
    turn: int = 1
    smart_crop: SmartCrop | None = None
    canvas: Size | None = None
    extend: Literal["background", "edge"] = "background"
    background: str | None = None

    @classmethod
    def of(cls, original: Size, exif: int) -> Layout:
        """The whole upright original, untouched; `exif` is the orientation in which it was stored."""
        return cls(original, exif, Box(0, 0, original.width, original.height), original)

    @property
    def shown(self) -> Size:
        """The size of the turned original."""
        return self.original.turned if self.sideways else self.original

    @property
    def sideways(self) -> bool:
        return _TURNS[self.turn][0] == 0

    @property
    def output(self) -> Size:
        return self.canvas or self.size

    def overriding(self, orientation: int) -> Layout:
        """The layout if the original had been stored with this EXIF orientation instead of its own."""
        a, c, b, d = _TURNS[self.exif]  # the transpose of an orthogonal matrix is its inverse
        p, q, r, s = _TURNS[orientation]
        turn = _ORIENTATIONS[(p * a + q * c, p * b + q * d, r * a + s * c, r * b + s * d)]
        turned = replace(self, turn=turn)
        return replace(turned, region=Box(0, 0, turned.shown.width, turned.shown.height), size=turned.shown)

    def with_crop_at(self, x: float, y: float) -> Layout:
        """Place the smart crop's window: 0 is the region's left or top end, 1 its right or bottom end."""
        if not self.smart_crop:
            return self
        left = self.region.x + x * (self.region.width - self.smart_crop.width)
        top = self.region.y + y * (self.region.height - self.smart_crop.height)
        return replace(self, region=Box(left, top, self.smart_crop.width, self.smart_crop.height), smart_crop=None)

    def unturned(self) -> Layout:
        """The layout without its turn: the same pixels, in the coordinates of the upright original."""
        if self.turn == 1:
            return self
        size = self.size.turned if self.sideways else self.size
        crop = self.smart_crop
        if crop and self.sideways:
            crop = SmartCrop(crop.by, crop.height, crop.width)
        return replace(self, turn=1, region=self._upright(self.region), size=size, smart_crop=crop)

    def _upright(self, box: Box) -> Box:
        a, c, b, d = _TURNS[self.turn]
        x, y = box.x + box.width / 2 - self.shown.width / 2, box.y + box.height / 2 - self.shown.height / 2
        width, height = (box.height, box.width) if self.sideways else (box.width, box.height)
        centre_x, centre_y = a * x + b * y + self.original.width / 2, c * x + d * y + self.original.height / 2
        return Box(centre_x - width / 2, centre_y - height / 2, width, height)


def pixels(length: float) -> int:
    """A length rounded to whole pixels, never less than one."""
    return max(1, int(length + 0.5))
