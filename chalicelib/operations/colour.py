"""What the picture stands on."""

from dataclasses import replace
from typing import Annotated

from ..geometry import Layout
from ..parameters.kinds import Colour
from ..parameters.schema import operation


@operation
def background(
    layout: Layout,
    *,
    bg: Annotated[str | None, Colour(), "colour behind padding and transparency"] = None,
) -> Layout:
    """Colours what the picture leaves free: padding and transparent parts.

    Without it both are transparent where the format has transparency, and white where not.
    """
    return replace(layout, background=bg)
