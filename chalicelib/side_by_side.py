"""Many derivatives of one original at once, as long as there is time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from .derivatives import Kept
from .errors import Unavailable
from .transformation import Derivative

if TYPE_CHECKING:
    from .rendered import Rendered


def in_time(
    render: Callable[[Derivative], Rendered], left: Callable[[], float], seconds: float, derivative: Derivative
) -> Rendered:
    """Render, where so many seconds are left; raises Unavailable where they are not."""
    if left() < seconds:
        raise Unavailable("too little time is left for the next preset; the next event goes on from there")
    return render(derivative)


def side_by_side(
    pool: Callable[[], Executor],
    render: Callable[[Derivative], Rendered],
    keep: Callable[[Derivative, Rendered], Kept],
    wanted: list[Derivative],
) -> list[Kept]:
    """Whole derivatives on the pool's threads: ImageMagick's and libvips' work leaves Python's lock alone.

    Each is stored before the next is begun, so that a process that ends loses one for each thread at the most.
    """
    with pool() as renderers:
        begun = [renderers.submit(lambda one: keep(one, render(one)), derivative) for derivative in wanted]
        try:
            return [picture.result() for picture in begun]
        finally:
            for picture in begun:
                picture.cancel()
