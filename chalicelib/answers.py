"""What HTTP answers say: status, headers and body of a picture, of an error, of a redirection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from .cachetags import HEADER, tags
from .errors import ImgyError, Unavailable
from .pipeline import Picture
from .presets import Wanted
from .settings import Settings
from .timing import Timing

METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Answer:
    """An HTTP response, before it takes any gateway's shape."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def picture_answer(
    picture: Picture, wanted: Wanted, asked: Mapping[str, str], head: bool, settings: Settings
) -> Answer:
    """The picture, or 304 where the caller has it; `asked` are the request's headers by lower-case name."""
    headers = {
        "Cache-Control": settings.cache_control if wanted.kept is None else f"public, max-age={wanted.kept}",
        "ETag": f'"{picture.etag}"',
        **({"Last-Modified": picture.modified} if picture.modified else {}),
        "X-Cache": "HIT" if picture.hit else "MISS",
        HEADER: tags(wanted.derivative.original),
        **({"Vary": "Accept"} if wanted.varies else {}),
    }
    if unchanged(picture, asked):
        return Answer(304, headers)
    described = {**headers, "Content-Type": picture.content_type, "Content-Length": str(picture.length)}
    return Answer(200, described, b"" if head else picture.read())


def unchanged(picture: Picture, asked: Mapping[str, str]) -> bool:
    """Whether If-None-Match names the picture's ETag, or, without it, its date is not after If-Modified-Since's.

    RFC 9110, 13.1.
    """
    tags = asked.get("if-none-match")
    if tags is None:
        return _as_old_as(picture.modified, asked.get("if-modified-since", ""))
    offered = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    return "*" in offered or any(tag.strip('"') == picture.etag for tag in offered)


def _as_old_as(modified: str, since: str) -> bool:
    from email.utils import parsedate_to_datetime

    if not (modified and since):
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):
        return False


def elsewhere(location: str, picture: Picture, wanted: Wanted) -> Answer:
    """A redirection that no cache keeps, as the place it names may soon be gone."""
    cached = "HIT" if picture.hit else "MISS"
    varying = {"Vary": "Accept"} if wanted.varies else {}
    return Answer(302, {"Location": location, "Cache-Control": "no-store", "X-Cache": cached, **varying})


def own_path(wanted: Wanted, asked: str) -> str:
    """The way from the percent-encoded path that was asked for to the derivative's own path.

    It is relative, as a stage's prefix may stand before both, and starts at the last slash that was not encoded.
    """
    return quote(f"./{unquote(asked.rpartition('/')[2])}/{wanted.derivative.name}", safe="/=,:~")


def error_answer(error: ImgyError) -> Answer:
    """An error as JSON: one sentence, kept by caches as long as its class says."""
    kept = f"public, max-age={error.kept}" if error.kept else "no-store"
    headers = {"Cache-Control": kept}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    return json_answer(error.status, {"error": str(error)}, headers)


def json_answer(status: int, content: object, headers: Mapping[str, str]) -> Answer:
    """Anything as JSON."""
    body = json.dumps(content, indent=2).encode() + b"\n"
    return Answer(status, {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}, body)


def preflight() -> Answer:
    """The answer to a browser that asks before it asks."""
    allowed = ", ".join(METHODS)
    return Answer(204, {"Allow": allowed, "Access-Control-Allow-Methods": allowed, "Access-Control-Max-Age": "86400"})


def completed(answer: Answer, asked: Mapping[str, str], settings: Settings, timing: Timing) -> Answer:
    """The answer with what every answer carries. Only what settings name is written, nothing from a request."""
    stages = ", ".join(f"{stage};dur={milliseconds:.1f}" for stage, milliseconds in timing.stages.items())
    shared = {
        "X-Content-Type-Options": "nosniff",
        **({"Server-Timing": stages} if stages else {}),
        **_cors(asked.get("origin", ""), settings.origins),
    }
    vary = ", ".join(headers["Vary"] for headers in (answer.headers, shared) if "Vary" in headers)
    return replace(answer, headers={**shared, **answer.headers, **({"Vary": vary} if vary else {})})


def _cors(origin: str, origins: tuple[str, ...]) -> dict[str, str]:
    exposed = {"Access-Control-Expose-Headers": "ETag, Content-Length, Server-Timing, X-Cache"}
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*", **exposed}
    named = next((known for known in origins if known == origin), None)
    return {"Access-Control-Allow-Origin": named, "Vary": "Origin", **exposed} if named else {"Vary": "Origin"}
