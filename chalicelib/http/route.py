"""The HTTP route: from a key, a query and an Accept header to the response with the picture."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from ..access.signatures import SIGNING, Keys, Signature
from ..errors import ParameterError
from ..flows.on_demand import OnDemand, Picture
from ..monitoring.timing import Timing
from ..presets.configuration import Configuration
from ..presets.presets import PictureRequest
from ..settings import ACCESS_HEADER, SIGNED, Settings
from ..transformation import parse_path
from .responses import Response, own_path, picture_response, redirect, unchanged

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
IGNORED = ("ixlib",)
"""Parameters with which imgix's client libraries identify themselves; they have no effect."""


@dataclass(frozen=True)
class Request:
    """An HTTP request: `key` still percent-encoded, `query` decoded, `headers` by lower-case name."""

    method: str
    key: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


def _no_keys() -> Keys:
    return {}


@dataclass(frozen=True)
class Route:
    """The route of pictures; `url_of` signs a URL that reads a derivative's key directly from S3."""

    on_demand: OnDemand
    configuration: Configuration
    settings: Settings
    url_of: Callable[[str], str]
    keys: Callable[[], Keys] = field(default=_no_keys)
    clock: Callable[[], float] = field(default=time.time)

    def respond(self, request: Request, timing: Timing) -> tuple[Response, PictureRequest]:
        """Respond to a request; returns the response and the parsed request. Raises ImgyError."""
        wanted, by_path = self.understand(request)
        picture = self.on_demand.find(wanted.derivative, timing)
        if self._too_large(picture, request):
            # A request by the derivative's own path is redirected to S3, so redirects cannot loop. A signed request is,
            # too: the derivative's own path has no signature, so access to it may be refused.
            straight = by_path or wanted.signed
            location = self.url_of(wanted.derivative.key) if straight else own_path(wanted, request.key)
            return redirect(location, picture, wanted), wanted
        return picture_response(picture, wanted, request.headers, request.method == "HEAD", self.settings), wanted

    def _too_large(self, picture: Picture, request: Request) -> bool:
        carried = request.method == "GET" and not unchanged(picture, request.headers)
        return carried and picture.length > self.settings.response_bytes

    def understand(self, request: Request) -> tuple[PictureRequest, bool]:
        """The parsed request, and whether it uses the derivative's own path; raises ParameterError or Forbidden."""
        key = _key(request.key)
        given = [(name, text) for name, texts in request.query.items() for text in texts]
        self._measure([pair for pair in given if pair[0] not in IGNORED])
        signature = self._signature(request, given)
        signed = self._signed(signature, request, key, given)
        pairs = [(name, text) for name, text in given if name not in (*IGNORED, *SIGNING)]
        derivative = parse_path(key)
        if derivative and pairs:
            raise ParameterError("expected no query beside a derivative's own path, received one")
        if derivative:
            wanted = PictureRequest(self.configuration.admit(derivative, signed))
        else:
            wanted = self.configuration.request(key, pairs, request.headers.get("accept", ""), signed)
        by_us = signature.given and not self._verified(request)
        max_age = signature.good_for(self.clock()) if by_us else None
        return replace(wanted, max_age=max_age, signed=signed), derivative is not None

    def _signature(self, request: Request, pairs: list[tuple[str, str]]) -> Signature:
        """The query's signature; raises ParameterError if there is one and this stage has no keys."""
        unsigned = not (self.settings.keys or self._verified(request))
        if unsigned and any(name in SIGNING for name, _ in pairs):
            raise ParameterError("expected a URL without a signature, as this stage has no signing keys")
        return Signature.of(pairs)

    def _verified(self, request: Request) -> bool:
        """Whether CloudFront has verified a signature, which it does before it reads its cache.

        CloudFront removes ACCESS_HEADER from every request, and sets it only after verifying a signature. We trust it
        because only CloudFront knows the origin secret.
        """
        return bool(self.settings.origin_secret) and request.headers.get(ACCESS_HEADER) == SIGNED

    def _signed(self, signature: Signature, request: Request, key: str, pairs: list[tuple[str, str]]) -> bool:
        """Whether the request is signed; raises Forbidden for a wrong signature."""
        if self._verified(request) or not signature.given:
            return self._verified(request)
        covered = [pair for pair in pairs if pair[0] not in ("s", "sig")]
        meant = [pair for pair in covered if pair[0] not in IGNORED]
        signature.verify(self.keys(), f"/{request.key}", key, covered if signature.s else meant, self.clock())
        return True

    def _measure(self, pairs: list[tuple[str, str]]) -> None:
        most = self.configuration.limits.query_bytes
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
