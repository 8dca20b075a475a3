"""Compares a picture with the original scaled by Pillow, so that no contender is faster through worse quality."""

from __future__ import annotations

import io

import pyvips  # type: ignore[import-untyped]
from PIL import Image

_SIGMA = 1.5
_STABLE = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def likeness(picture: bytes, original: Image.Image) -> float:
    """SSIM of the first frame in grey to the whole original scaled with Pillow's Lanczos filter; 1.0 is equal."""
    with Image.open(io.BytesIO(picture)) as made:
        scaled = original.resize(made.size, Image.Resampling.LANCZOS)
        return ssim(_grey(made), _grey(scaled))


def _grey(image: Image.Image) -> pyvips.Image:
    return pyvips.Image.new_from_memory(image.convert("L").tobytes(), *image.size, 1, "uchar").cast("float")


def ssim(one: pyvips.Image, other: pyvips.Image) -> float:
    """The mean structural similarity of two grey pictures of the same size (Wang, Bovik, Sheikh, Simoncelli 2004)."""

    def blurred(image: pyvips.Image) -> pyvips.Image:
        return image.gaussblur(_SIGMA, precision="float")

    mean, other_mean = blurred(one), blurred(other)
    variance, other_variance = blurred(one * one) - mean * mean, blurred(other * other) - other_mean * other_mean
    covariance = blurred(one * other) - mean * other_mean
    above = (2 * mean * other_mean + _STABLE[0]) * (2 * covariance + _STABLE[1])
    below = (mean * mean + other_mean * other_mean + _STABLE[0]) * (variance + other_variance + _STABLE[1])
    return float((above / below).avg())
