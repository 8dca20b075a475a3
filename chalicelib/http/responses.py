"""HTTP responses: status, headers and body of a picture, an error, a redirect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from ..cdn import HEADER, tags
from ..errors import ImgyError, Unavailable
from ..flows.on_demand import Picture
from ..monitoring.timing import Timing
from ..presets.presets import PictureRequest
from ..settings import Settings

METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Response:
    """An HTTP response, independent of any gateway."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def picture_response(
    picture: Picture, request: PictureRequest, asked: Mapping[str, str], head: bool, settings: Settings
) -> Response:
    """The picture, or 304 if the caller already has it; `asked` has the request's headers by lower-case name."""
    headers = {
        "Cache-Control": settings.cache_control if request.max_age is None else f"public, max-age={request.max_age}",
        "ETag": f'"{picture.etag}"',
        **({"Last-Modified": picture.modified} if picture.modified else {}),
        "X-Cache": "HIT" if picture.hit else "MISS",
        HEADER: tags(*request.derivative.originals),
        **({"Vary": "Accept"} if request.varies else {}),
    }
    if unchanged(picture, asked):
        return Response(304, headers)
    described = {**headers, "Content-Type": picture.content_type, "Content-Length": str(picture.length)}
    return Response(200, described, b"" if head else picture.read())


def unchanged(picture: Picture, asked: Mapping[str, str]) -> bool:
    """Whether the client has this picture, by If-None-Match or, without that header, by If-Modified-Since.

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


def redirect(location: str, picture: Picture, request: PictureRequest) -> Response:
    """A redirect that no cache keeps, because its location may soon be invalid."""
    cached = "HIT" if picture.hit else "MISS"
    varying = {"Vary": "Accept"} if request.varies else {}
    return Response(302, {"Location": location, "Cache-Control": "no-store", "X-Cache": cached, **varying})


def own_path(request: PictureRequest, asked: str) -> str:
    """The URL of the derivative's own path, relative to the percent-encoded path of the request.

    The URL is relative because API Gateway may put a stage's name before the path of the request.
    """
    return quote(f"./{unquote(asked.rpartition('/')[2])}/{request.derivative.name}", safe="/=,:~")


def error_response(error: ImgyError) -> Response:
    """An error as JSON: one sentence, cached for the error's `max_age`."""
    cached = f"public, max-age={error.max_age}" if error.max_age else "no-store"
    headers = {"Cache-Control": cached}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    return json_response(error.status, {"error": str(error)}, headers)


def json_response(status: int, content: object, headers: Mapping[str, str]) -> Response:
    """A response with JSON."""
    body = json.dumps(content, indent=2).encode() + b"\n"
    return Response(status, {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}, body)


def preflight() -> Response:
    """The response to a CORS preflight request."""
    allowed = ", ".join(METHODS)
    return Response(204, {"Allow": allowed, "Access-Control-Allow-Methods": allowed, "Access-Control-Max-Age": "86400"})


def with_common_headers(response: Response, asked: Mapping[str, str], settings: Settings, timing: Timing) -> Response:
    """The response with the headers that every response carries. No value from a request goes into a header."""
    stages = ", ".join(f"{stage};dur={milliseconds:.1f}" for stage, milliseconds in timing.stages.items())
    shared = {
        "X-Content-Type-Options": "nosniff",
        **({"Server-Timing": stages} if stages else {}),
        **_cors(asked.get("origin", ""), settings.origins),
    }
    vary = ", ".join(headers["Vary"] for headers in (response.headers, shared) if "Vary" in headers)
    return replace(response, headers={**shared, **response.headers, **({"Vary": vary} if vary else {})})


def _cors(origin: str, origins: tuple[str, ...]) -> dict[str, str]:
    exposed = {"Access-Control-Expose-Headers": "ETag, Content-Length, Server-Timing, X-Cache"}
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*", **exposed}
    named = next((known for known in origins if known == origin), None)
    return {"Access-Control-Allow-Origin": named, "Vary": "Origin", **exposed} if named else {"Vary": "Origin"}
