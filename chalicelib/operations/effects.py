"""Changes to the pixels themselves."""

import math
from typing import TYPE_CHECKING, Annotated, Literal

from ..parameters.schema import Between, operation

if TYPE_CHECKING:
    from wand.image import Image


@operation
def flip(
    image: "Image",
    *,
    flip: Annotated[Literal["h", "v", "hv"] | None, "axis: horizontal, vertical, both"] = None,
) -> None:
    """Mirrors the picture."""
    if flip and "h" in flip:
        image.flop()
    if flip and "v" in flip:
        image.flip()


@operation
def rotate(
    image: "Image",
    *,
    rot: Annotated[float, Between(0, 359), "degrees, counter-clockwise"] = 0,
) -> None:
    """Rotates the picture, and enlarges it until it fills its frame again: to straighten a horizon."""
    turn = math.radians(rot)
    across, down = abs(math.cos(turn)), abs(math.sin(turn))
    zoom = across + down * max(image.width / image.height, image.height / image.width)
    opaque = not image.alpha_channel
    image.virtual_pixel = "edge"
    image.distort("scale_rotate_translate", (zoom, -rot))
    if opaque:  # distort adds an alpha channel
        image.alpha_channel = "off"


@operation
def sharpen(
    image: "Image",
    *,
    sharp: Annotated[float, Between(0, 100), "strength"] = 0,
) -> None:
    """Sharpens with an unsharp mask with a sigma of 1 pixel; sharp=20 is an amount of 1.0."""
    image.unsharp_mask(radius=0, sigma=1, amount=sharp / 20, threshold=0)


@operation
def blur(
    image: "Image",
    *,
    blur: Annotated[int, Between(0, 2000), "strength: ten times the standard deviation in pixels"] = 0,
) -> None:
    """Blurs with a Gaussian filter."""
    width, height = image.size
    sigma = min(blur / 10, max(width, height))
    # A wide Gaussian filter looks the same on a smaller picture, in a fraction of the time.
    shrink = max(1.0, sigma / 4)
    if shrink > 1:
        image.resize(max(1, round(width / shrink)), max(1, round(height / shrink)), "triangle")
    image.blur(radius=0, sigma=sigma / shrink)
    if shrink > 1:
        image.resize(width, height, "triangle")
