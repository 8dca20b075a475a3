"""The formats read and written. A file's first bytes decide its format; its name only suggests the output format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import NotAnImage


@dataclass(frozen=True)
class Format:
    """A format that imgy writes; `name` is also the extension of its derivatives."""

    name: str
    content_type: str
    alpha: bool
    animated: bool
    quality: bool


WRITTEN = {
    entry.name: entry
    for entry in (
        Format("jpg", "image/jpeg", alpha=False, animated=False, quality=True),
        Format("pjpg", "image/jpeg", alpha=False, animated=False, quality=True),
        Format("png", "image/png", alpha=True, animated=False, quality=False),
        Format("png8", "image/png", alpha=True, animated=False, quality=False),
        Format("webp", "image/webp", alpha=True, animated=True, quality=True),
        Format("avif", "image/avif", alpha=True, animated=False, quality=True),
        Format("gif", "image/gif", alpha=True, animated=True, quality=False),
    )
}

NEGOTIATED = ("avif", "webp")
"""The formats that `auto=format` may choose by Accept, best first."""

_REFUSED = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")
"""The weight of a media type that an Accept header excludes (RFC 9110, 12.4.2)."""

BY_EXTENSION = {"png": "png", "webp": "webp", "avif": "avif", "gif": "gif", "svg": "png"}


def extension(key: str) -> str:
    """The lower-case extension of a key, without its dot; empty if it has none."""
    stem, dot, ending = key.rpartition("/")[2].rpartition(".")
    return ending.lower() if dot and stem else ""


def natural(key: str) -> str:
    """The default output format, by the key's extension; jpg for an unknown extension."""
    return BY_EXTENSION.get(extension(key), "jpg")


def accepted(accept: str) -> frozenset[str]:
    """The negotiated formats that an Accept header names; wildcards do not count, and q=0 excludes a format."""
    offers = (offer.lower().partition(";") for offer in accept.split(","))
    wanted = {media.strip() for media, _, weight in offers if not _REFUSED.fullmatch(weight)}
    return frozenset(name for name in NEGOTIATED if WRITTEN[name].content_type in wanted)


def candidates(original: str, ahead: Iterable[str]) -> tuple[str, ...]:
    """The formats that auto=format may choose for an original, best first; the last is one that every browser shows."""
    own = natural(original)
    # A still format would drop the frames of an animation, and only the name is known here.
    better = (form for form in NEGOTIATED if form in ahead and (WRITTEN[form].animated or not WRITTEN[own].animated))
    return *better, "jpg" if own in NEGOTIATED else own


_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_AVIF_BRANDS = (b"avif", b"avis")


READ = ("jpeg", "png", "gif", "webp", "avif", "tiff", "svg", "heic")


def sniff_or_refuse(original: bytes) -> str:
    """The format of an original by its first bytes; raises NotAnImage."""
    form = sniff(original[:4096])
    if form is None:
        raise NotAnImage(f"expected an image ({', '.join(READ)}), received something else")
    return form


def sniff(head: bytes) -> str | None:
    """The format of the first bytes (4096 are enough): jpeg, png, gif, webp, tiff, avif, heic, svg, or None."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"II*\0", b"MM\0*")):
        return "tiff"
    if head[4:8] == b"ftyp":
        return _sniff_heif(head)
    return "svg" if _is_svg(head) else None


def _sniff_heif(head: bytes) -> str | None:
    # ISO 14496-12: a box is its length, its type, the major brand, a version, then the compatible brands.
    box = head[8 : min(int.from_bytes(head[:4], "big"), 256)]
    brands = [box[:4], *(box[at : at + 4] for at in range(8, len(box), 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return "avif"
    return "heic" if any(brand in _HEIC_BRANDS for brand in brands) else None


def _is_svg(head: bytes) -> bool:
    text = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in text
