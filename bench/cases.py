"""The cases of the bench: the original, the pictures, the flow, the contenders, and the required ratios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.operations.output import encode
from chalicelib.presets.file import read_configuration
from chalicelib.transformation import Derivative, parse_path
from cli import ROOT

LARGE, SEQUENTIAL, SMALL, MOVING = ORIGINALS = "large.jpg", "sequential.jpg", "small.jpg", "moving.gif"
"""A photo of 18 MP (the real one is a progressive JPEG), as a sequential JPEG and at 6 MP, too; and an animation."""

ORIGIN = "origin.txt"
"""A file beside them with the source of the photo."""

WIDTHS = """
formats: [webp]
defaults: {q: 75}
presets:
  photo: {widths: [320, 640, 960, 1280, 1920], auto: format}
"""
SHIPPED = (ROOT / "presets.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Case:
    """A comparison: either the upload flow with `presets` (as YAML text), or the picture `name` on demand.

    `most` is the largest allowed ratio to each contender, None if there is no limit.
    """

    what: str
    original: str
    most: Mapping[str, float | None]
    presets: str = ""
    name: str = ""

    @property
    def derivatives(self) -> list[Derivative]:
        """The pictures to make."""
        if self.presets:
            return list(read_configuration(self.presets).presets.derivatives(self.original).values())
        return [_parsed(f"{self.original}/{self.name}")]

    def task(self, originals: Path, kept: Path) -> dict[str, Any]:
        """The task of a contender: the original, the pictures to make, and the folder for them."""
        return {
            "original": str(originals / self.original),
            "presets": self.presets,
            "pictures": [asdict(Picture.of(derivative)) for derivative in self.derivatives],
            "kept": str(kept),
        }


@dataclass(frozen=True)
class Picture:
    """A derivative as every contender understands it: sides in pixels, None if not given, and a quality of 1 to 100."""

    name: str
    format: str
    quality: int
    width: int | None = None
    height: int | None = None
    crop: str = field(default="", metadata={"meaning": "empty for the whole picture, else centre or entropy"})

    @classmethod
    def of(cls, derivative: Derivative) -> Picture:
        values = derivative.values
        crop = (values.get("crop") or ("centre",))[0] if values.get("fit") == "crop" else ""
        return cls(derivative.name, derivative.format, _quality(derivative), values.get("w"), values.get("h"), crop)


def _quality(derivative: Derivative) -> int:
    def asked(form: str, quality: int) -> int:
        return quality

    return int(encode(asked, derivative.format, values=derivative.values))


def _parsed(path: str) -> Derivative:
    derivative = parse_path(path)
    assert derivative, f"{path} names no derivative"
    return derivative


CASES = (
    Case("upload 18 MP: 5 widths, JPEG and WebP", LARGE, {"sharp": 0.4, "plain": None}, presets=WIDTHS),
    Case("on demand 18 MP: a JPEG 720 wide", LARGE, {"plain": 0.6, "sharp": 1.2}, name="w=720.jpg"),
    Case("on demand 18 MP, sequential: JPEG 720", SEQUENTIAL, {"plain": None, "sharp": None}, name="w=720.jpg"),
    Case("upload 6 MP: 5 widths, JPEG and WebP", SMALL, {"sharp": None, "plain": None}, presets=WIDTHS),
    Case("upload 6 MP: the presets as shipped", SMALL, {"sharp": None}, presets=SHIPPED),
    Case("on demand 6 MP: a JPEG 720 wide", SMALL, {"plain": None, "sharp": None}, name="w=720.jpg"),
    Case("on demand 6 MP: a WebP 720 wide", SMALL, {"plain": None, "sharp": None}, name="w=720.webp"),
    Case("on demand 6 MP: an AVIF 720 wide", SMALL, {"plain": None, "sharp": None}, name="w=720.avif"),
    Case("on demand 6 MP: a PNG 720 wide", SMALL, {"plain": None, "sharp": None}, name="w=720.png"),
    Case("on demand, 24 frames: a GIF 200 wide", MOVING, {"plain": None, "sharp": None}, name="w=200.gif"),
    Case("on demand, 24 frames: a WebP 200 wide", MOVING, {"plain": None, "sharp": None}, name="w=200.webp"),
)
