"""Many derivatives of one original at once, as long as there is time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from .derivatives import Kept
from .errors import Unavailable
from .transformation import Derivative

if TYPE_CHECKING:
    from .rendering import Rendered


def in_time(
    render: Callable[[Derivative], Rendered], left: Callable[[], float], seconds: float, derivative: Derivative
) -> Rendered:
    """Render, where so many seconds are left; raises Unavailable where they are not."""
    if left() < seconds:
        raise Unavailable("too little time is left for the next preset; the next event goes on from there")
    return render(derivative)


def side_by_side(
    pool: Callable[[int], Executor],
    render: Callable[[Derivative], Rendered],
    keep: Callable[[Derivative, Rendered], Kept],
    wanted: list[Derivative],
) -> list[Kept]:
    """Whole derivatives on two threads: ImageMagick's and libvips' work leaves Python's lock alone.

    Other threads store them, so that no core waits for S3.
    """
    with pool(2) as renderers, pool(8) as keepers:
        rendered = [renderers.submit(render, derivative) for derivative in wanted]
        try:
            return list(keepers.map(lambda derivative, picture: keep(derivative, picture.result()), wanted, rendered))
        finally:
            for picture in rendered:
                picture.cancel()
