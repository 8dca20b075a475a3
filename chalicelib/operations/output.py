"""The output format, and its quality."""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from ..formats import NEGOTIATED, accepted, candidates, natural
from ..parameters.kinds import Several
from ..parameters.schema import Between, operation

COMPRESSED_QUALITY = 45
"""The q of auto=compress if none is given."""


@operation
def choose(
    original: str,
    accept: str = "",
    ahead: Iterable[str] = NEGOTIATED,
    *,
    fm: Annotated[Literal["jpg", "pjpg", "png", "png8", "webp", "avif", "gif"] | None, "the format"] = None,
    auto: Annotated[tuple[str, ...], Several(("format", "compress"), repeats=True), "choices left to imgy"] = (),
) -> str:
    """Chooses the format."""
    form = fm or (_negotiated(original, accept, ahead) if "format" in auto else natural(original))
    return "png8" if "compress" in auto and form == "png" else form


def _negotiated(original: str, accept: str, ahead: Iterable[str]) -> str:
    offered = accepted(accept)
    *better, last = candidates(original, ahead)
    return next((form for form in better if form in offered), last)


@operation
def encode(
    write: Callable[[str, int], bytes],
    form: str,
    *,
    q: Annotated[int, Between(0, 100), "quality of jpg, pjpg, webp and avif"] = 75,
) -> bytes:
    """Sets the quality of formats that have one; the AVIF encoder gets two thirds of it, which looks about the same."""
    # `write` takes the format and a quality from 1 to 100.
    return write(form, max(1, round(q * 2 / 3) if form == "avif" else q))
