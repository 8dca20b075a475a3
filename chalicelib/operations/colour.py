"""The background behind the picture."""

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
    """Fills padding and transparent parts with a colour.

    Without it, both are transparent if the format has transparency, and white otherwise.
    """
    return replace(layout, background=bg)
