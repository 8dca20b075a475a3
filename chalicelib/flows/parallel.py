"""Renders the derivatives of one original in parallel, as long as time is left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from ..errors import Unavailable
from ..storage.derivatives import Stored
from ..transformation import Derivative

if TYPE_CHECKING:
    from ..rendered import Rendered


def render_in_time(
    render: Callable[[Derivative], Rendered], left: Callable[[], float], seconds: float, derivative: Derivative
) -> Rendered:
    """Render if at least `seconds` are left; raises Unavailable if not."""
    if left() < seconds:
        raise Unavailable("too little time is left for the next preset; the next event goes on from there")
    return render(derivative)


def render_all(
    pool: Callable[[], Executor],
    render: Callable[[Derivative], Rendered],
    put: Callable[[Derivative, Rendered], Stored],
    wanted: list[Derivative],
) -> list[Stored]:
    """Render each derivative on one of the pool's threads: ImageMagick and libvips release Python's lock.

    Each is stored before its thread begins the next, so a process that dies loses at most one for each thread.
    """
    with pool() as renderers:
        begun = [renderers.submit(lambda one: put(one, render(one)), derivative) for derivative in wanted]
        try:
            return [picture.result() for picture in begun]
        finally:
            for picture in begun:
                picture.cancel()
