"""What the picture stands on."""

from dataclasses import replace
from typing import Annotated

from ..geometry import Layout
from ..kinds import Colour
from ..schema import operation


@operation
def background(
    layout: Layout,
    *,
    bg: Annotated[str | None, Colour(), "colour behind padding, rotated corners and transparency"] = None,
) -> Layout:
    """Colours what the picture leaves free: padding, the corners of a rotation, transparent parts.

    Without it padding and corners are white, and transparency is kept where the format has it, white where not.
    """
    return replace(layout, background=bg)
