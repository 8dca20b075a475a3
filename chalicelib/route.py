"""The HTTP route: from a key, a query and an Accept header to the answer with the picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from .answers import Answer, elsewhere, own_path, picture_answer, unchanged
from .errors import ParameterError
from .pipeline import Picture, Pipeline
from .presets import Wanted
from .settings import Settings
from .timing import Timing
from .transformation import parse_path

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
IGNORED = ("ixlib",)
"""What imgix's client libraries add to say who they are; it changes nothing."""


@dataclass(frozen=True)
class Request:
    """What was asked: `key` still percent-encoded, `query` decoded, `headers` by lower-case name."""

    method: str
    key: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    """Answers requests for pictures; `url_of` signs a URL that reads a derivative's key straight from S3."""

    pipeline: Pipeline
    settings: Settings
    url_of: Callable[[str], str]

    def answer(self, request: Request, timing: Timing) -> tuple[Answer, Wanted]:
        """The answer, and what was understood of the request; raises ImgyError."""
        wanted, by_path = self.understand(request)
        picture = self.pipeline.find(wanted, timing)
        if self._too_large(picture, request):
            # The path form redirects to S3 itself, never to itself: no request can go around in a circle.
            location = self.url_of(wanted.derivative.key) if by_path else own_path(wanted, request.key)
            return elsewhere(location, picture, wanted), wanted
        return picture_answer(picture, wanted, request.headers, request.method == "HEAD", self.settings), wanted

    def _too_large(self, picture: Picture, request: Request) -> bool:
        carried = request.method == "GET" and not unchanged(picture, request.headers)
        return carried and picture.length > self.settings.response_bytes

    def understand(self, request: Request) -> tuple[Wanted, bool]:
        """What is wanted, and whether by the derivative's own path; raises ParameterError or Forbidden."""
        key = _key(request.key)
        pairs = [(name, text) for name, texts in request.query.items() if name not in IGNORED for text in texts]
        self._measure(pairs)
        presets, derivative = self.pipeline.presets, parse_path(key)
        if derivative is None:
            return presets.wanted(key, pairs, request.headers.get("accept", "")), False
        if pairs:
            raise ParameterError("expected no query beside a derivative's own path, received one")
        presets.admit(derivative)
        return Wanted(derivative), True

    def _measure(self, pairs: list[tuple[str, str]]) -> None:
        most = self.pipeline.presets.limits.query_bytes
        received = sum(len(f"{name}={text}&".encode()) for name, text in pairs)
        if received > most:
            raise ParameterError(f"expected a query of at most {most} bytes, received {received}")


def _key(encoded: str) -> str:
    try:
        key = unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        raise ParameterError("expected a path in UTF-8, received other bytes") from None
    if _CONTROL.search(key):
        raise ParameterError("expected a path without control characters, received some")
    return key
