"""What is written."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from .. import animation
from ..formats import NEGOTIATED, accepted, candidates, natural
from ..kinds import Several
from ..schema import Between, operation

if TYPE_CHECKING:
    from wand.image import Image

COMPRESSED_QUALITY = 45
"""What auto=compress takes for q where none is given."""


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


# ImageMagick's name of each format, and its encoder's options; bench/ has the times and sizes that chose them.
_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "jpg": ("jpeg", {}),
    "pjpg": ("pjpeg", {}),
    "png": ("png", {"png:compression-level": "5", "png:compression-filter": "5", "png:exclude-chunks": "date,time"}),
    "png8": ("png8", {"png:compression-level": "9", "png:compression-filter": "0", "png:exclude-chunks": "date,time"}),
    "webp": ("webp", {"webp:method": "4"}),
    "avif": ("avif", {"heic:speed": "6"}),
    "gif": ("gif", {}),
}
_ANIMATED = {"gif": animation.gif, "webp": animation.webp}


@operation
def encode(
    images: "list[Image]",
    form: str,
    delays: Sequence[int] = (),
    loop: int = 0,
    *,
    q: Annotated[int, Between(0, 100), "quality of jpg, pjpg, webp and avif"] = 75,
) -> bytes:
    """Sets the quality of formats that have one; AVIF's encoder gets two thirds of it, which looks about the same.

    Writes one image, or an animation's frames with their delays in milliseconds.
    """
    name, options = _ENCODERS[form]
    for image in images:
        image.compression_quality = max(1, round(q * 2 / 3) if form == "avif" else q)
        for option, value in options.items():
            image.options[option] = value
    return _ANIMATED[form](images, delays, loop) if len(images) > 1 else bytes(images[0].make_blob(name))
