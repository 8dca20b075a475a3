"""Makes Wand's image from raw pixels: turns the picture, and puts it on its background and canvas."""

from __future__ import annotations

from collections.abc import Callable

from ..decoding.pixels import Pixels
from ..geometry import Layout, Size
from .magick import Color, Image

_TURNS: dict[int, Callable[[Image], object]] = {
    1: lambda image: None,
    2: lambda image: image.flop(),
    3: lambda image: image.rotate(180),
    4: lambda image: image.flip(),
    5: lambda image: image.transpose(),
    6: lambda image: image.rotate(90),
    7: lambda image: image.transverse(),
    8: lambda image: image.rotate(270),
}


def arrange(pixels: Pixels, layout: Layout, opaque: bool = False) -> Image:
    """Turn the picture, put it on its background, and pad it to its canvas."""
    image: Image = Image.from_array(pixels)
    _TURNS[layout.turn](image)
    image.background_color = _colour(layout.background or ("ffffff" if opaque else "00ffffff"))
    if opaque or layout.background:
        _put_on_background(image)
    if layout.canvas:
        _pad(image, layout.canvas, layout.extend)
    image.reset_coords()
    return image


def flatten(image: Image) -> None:
    """Put the picture on white, for a format without transparency."""
    image.background_color = _colour("ffffff")
    _put_on_background(image)


def _colour(hexadecimal: str) -> Color:
    """Wand's colour of rrggbb or aarrggbb; Wand itself writes alpha last."""
    return Color(f"#{hexadecimal[-6:]}{hexadecimal[:-6] or 'ff'}")


def _put_on_background(image: Image) -> None:
    if image.alpha_channel:
        # The background may be translucent; its alpha is then part of the result.
        with Image(width=image.width, height=image.height, background=image.background_color) as ground:
            ground.composite(image, operator="over")
            image.composite(ground, operator="copy")
        if image.background_color.alpha == 1:
            image.alpha_channel = "off"


def _pad(image: Image, canvas: Size, extend: str) -> None:
    left, top = (canvas.width - image.width) // 2, (canvas.height - image.height) // 2
    transparent = image.alpha_channel or (extend == "background" and image.background_color.alpha < 1)
    if extend == "edge":
        image.virtual_pixel = "edge"
        image.artifacts["distort:viewport"] = f"{canvas.width}x{canvas.height}-{left}-{top}"
        image.distort("scale_rotate_translate", (0,))
    else:
        image.alpha_channel = "on" if transparent else "off"
        image.compose = "copy"
        image.extent(canvas.width, canvas.height, -left, -top)
    if not transparent:  # distort adds an alpha channel, and so does ImageMagick 7's extent
        image.alpha_channel = "off"
