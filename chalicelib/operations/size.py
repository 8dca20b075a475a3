"""The part of the original that is shown, and its size."""

from dataclasses import replace
from typing import Annotated, Literal

from ..geometry import Box, Layout, Size, SmartCrop, pixels
from ..parameters.kinds import Length, OneOf, Ratio, Region, Several
from ..parameters.schema import Alias, Between, Needs, operation

MOST = 8192
"""The largest value in pixels of w, h and their bounds."""

_PIXELS_OR_SHARE = "pixels, or as a share of the original's"
_DEGREES = {"0": 1, "90": 6, "180": 3, "270": 8}


@operation
def orient(
    layout: Layout,
    *,
    orient: Annotated[
        str | None,
        OneOf(("0", *map(str, range(1, 9)), "90", "180", "270")),
        Alias("or"),
        "EXIF orientation 1 to 8, or degrees; 0 keeps the pixels as stored",
    ] = None,
) -> Layout:
    """Turns the picture by this EXIF orientation instead of its own."""
    return layout if orient is None else layout.overriding(_DEGREES.get(orient) or int(orient))


@operation
def cut(
    layout: Layout,
    *,
    rect: Annotated[tuple[int | float | str, ...] | None, Region(), "the region, before any resizing"] = None,
) -> Layout:
    """Crops the original to a region; all later steps see only this region."""
    if rect is None:
        return layout
    whole = layout.region
    width, height = _extent(rect[2], whole.width), _extent(rect[3], whole.height)
    x, y = _offset(rect[0], whole.width, width), _offset(rect[1], whole.height, height)
    left, top = min(x, whole.width - 1), min(y, whole.height - 1)
    region = Box(left, top, min(width, whole.width - left), min(height, whole.height - top))
    return replace(layout, region=region, size=Size(pixels(region.width), pixels(region.height)))


def _extent(part: int | float | str, whole: float) -> float:
    return part * whole if isinstance(part, float) else min(float(part), whole)


def _offset(part: int | float | str, whole: float, extent: float) -> float:
    named = {"left": 0.0, "top": 0.0, "center": 0.5, "middle": 0.5, "right": 1.0, "bottom": 1.0}
    return named[part] * (whole - extent) if isinstance(part, str) else _extent(part, whole)


_CROPS = Needs(("fit",), ("crop", "min"))
_BOUNDS = Needs(("fit",), ("crop",))
_RATIO = Needs(("fit",), ("crop", "fill"))
_FOCAL = Needs(("crop",), ("focalpoint",))
_ALONE = ("focalpoint", "entropy", "edges")
_Fit = Literal["clip", "crop", "fill", "fillmax", "max", "min", "scale", "clamp"]
_Crop = Several(
    ("top", "bottom", "left", "right", *_ALONE), apart=(("top", "bottom", *_ALONE), ("left", "right", *_ALONE))
)
_Bound = Between(1, MOST)


@operation
def resize(
    layout: Layout,
    *,
    w: Annotated[int | float | None, Length(MOST), Alias("width"), f"width in {_PIXELS_OR_SHARE}"] = None,
    h: Annotated[int | float | None, Length(MOST), Alias("height"), f"height in {_PIXELS_OR_SHARE}"] = None,
    fit: Annotated[_Fit, Alias("f"), "how the picture is fitted to w and h"] = "clip",
    crop: Annotated[tuple[str, ...], _Crop, _CROPS, "which part a crop keeps, by default the centre"] = (),
    fp_x: Annotated[float, Between(0, 1), _FOCAL, "focal point from the left, as a share of the width"] = 0.5,
    fp_y: Annotated[float, Between(0, 1), _FOCAL, "focal point from the top, as a share of the height"] = 0.5,
    fp_z: Annotated[float, Between(1, 100), _FOCAL, "zoom on the focal point"] = 1,
    ar: Annotated[tuple[float, float] | None, Ratio(), _RATIO, "aspect ratio of the output"] = None,
    dpr: Annotated[float, Between(0.01, 5), Needs(("w", "h")), "device pixels for each pixel of w and h"] = 1,
    max_w: Annotated[int | None, _Bound, Alias("max-width"), _BOUNDS, "maximum width of the output"] = None,
    max_h: Annotated[int | None, _Bound, Alias("max-height"), _BOUNDS, "maximum height of the output"] = None,
    min_w: Annotated[int | None, _Bound, Alias("min-width"), _BOUNDS, "minimum width of the output"] = None,
    min_h: Annotated[int | None, _Bound, Alias("min-height"), _BOUNDS, "minimum height of the output"] = None,
) -> Layout:
    """Resizes the picture to a width and a height; if one is missing, it follows from the aspect ratio.

    fit=clip and fit=max show the whole picture within w and h, and never enlarge it. fit=crop fills both and cuts
    off the rest; fit=min does the same, and never enlarges. fit=scale distorts. fit=fill, fit=fillmax (which never
    enlarges) and fit=clamp fit the whole picture and pad it: the first two with the background, the last with its edge
    pixels.
    """
    region = layout.region
    width, height = _box(region, w, h, ar[0] / ar[1] if ar else None, dpr)
    width, height = _bounded(width, min_w, max_w, dpr), _bounded(height, min_h, max_h, dpr)
    if fit == "scale":
        return replace(layout, size=Size(pixels(width), pixels(height)))
    if fit in ("crop", "min"):
        shrink = min(1.0, region.width / width, region.height / height) if fit == "min" else 1.0
        return _cropped(layout, width * shrink, height * shrink, crop, (fp_x, fp_y, fp_z))
    enlarge, pad = fit in ("fill", "clamp"), fit in ("fill", "fillmax", "clamp")
    return _within(layout, width, height, enlarge=enlarge, pad=pad, edge=fit == "clamp")


def _box(region: Box, w: float | None, h: float | None, ratio: float | None, dpr: float) -> tuple[float, float]:
    """Width and height in device pixels, from w, h and a ratio of width to height."""
    width = None if w is None else _asked(w, region.width) * dpr
    height = None if h is None else _asked(h, region.height) * dpr
    if ratio and (width is None) == (height is None):
        return _largest(ratio, width or region.width, height or region.height)
    ratio = ratio or region.width / region.height
    if width is None and height is None:
        return region.width, region.height
    return width or (height or 1) * ratio, height or (width or 1) / ratio


def _asked(asked: float, whole: float) -> float:
    return asked if isinstance(asked, int) else asked * whole


def _largest(ratio: float, width: float, height: float) -> tuple[float, float]:
    """The largest box of a ratio within a width and a height."""
    return min(width, height * ratio), min(height, width / ratio)


def _bounded(length: float, least: int | None, most: int | None, dpr: float) -> float:
    length = min(length, most * dpr) if most else length
    return max(length, least * dpr) if least else length


def _within(layout: Layout, width: float, height: float, *, enlarge: bool, pad: bool, edge: bool) -> Layout:
    region = layout.region
    scale = min(width / region.width, height / region.height)
    scale = scale if enlarge else min(scale, 1.0)
    size = Size(pixels(region.width * scale), pixels(region.height * scale))
    canvas = Size(max(size.width, pixels(width)), max(size.height, pixels(height))) if pad else None
    return replace(layout, size=size, canvas=canvas, extend="edge" if edge else "background")


def _cropped(
    layout: Layout, width: float, height: float, crop: tuple[str, ...], focus: tuple[float, float, float]
) -> Layout:
    region, size = layout.region, Size(pixels(width), pixels(height))
    x, y, zoom = focus
    across, down = (length / zoom for length in _largest(size.width / size.height, region.width, region.height))
    for by in ("entropy", "edges"):
        if by in crop:
            return replace(layout, size=size, smart_crop=SmartCrop(by, across, down))
    if "focalpoint" in crop:
        place = _around(x, across / region.width), _around(y, down / region.height)
    else:
        place = _aligned(crop, "left", "right"), _aligned(crop, "top", "bottom")
    return replace(layout, size=size, smart_crop=SmartCrop("edges", across, down)).with_crop_at(*place)


def _around(centre: float, share: float) -> float:
    """The position, from 0 to 1, of a window with its middle at `centre`; `share` is its part of the whole length."""
    return 0.5 if share >= 1 else min(1.0, max(0.0, (centre - share / 2) / (1 - share)))


def _aligned(crop: tuple[str, ...], low: str, high: str) -> float:
    return 0.0 if low in crop else 1.0 if high in crop else 0.5
