"""`python -m cli url`: signs a URL, to write a page, to try a key, or to see why a URL is refused."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category

from chalicelib.access.signatures import SIGNING, Keys, Pairs, imgix_path, sign, signed_path
from chalicelib.errors import ImgyError, ParameterError
from chalicelib.http.route import IGNORED
from chalicelib.presets.configuration import Configuration
from chalicelib.text import UNWRITABLE
from chalicelib.transformation import Derivative, parse_path

_LATEST = 10**12
"""A Unix time from here on has more digits than `expires` may have."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class UrlRequest:
    """A URL to sign: the original's key, `parameters` as NAME=VALUE, and how to sign it."""

    key: str
    parameters: Sequence[str]
    key_id: str = ""
    expires: str = ""
    imgix: bool = False


def signed_url(
    request: UrlRequest, keys: Keys, base: str, configuration: Configuration, now: float | None = None
) -> str:
    """The signed URL; the newest key is the default. Raises SystemExit for a URL that would be refused."""
    name = request.key_id or [*keys][-1]
    if name not in keys:
        raise SystemExit(f"imgy: there is no key {name}; the keys are: {', '.join(keys)}")
    until = _until(request.expires, time.time() if now is None else now) if request.expires else None
    given, key = _given(request.parameters), request.key.lstrip("/")
    try:
        _derivative(key, [*given.items()], configuration, signed=True)
    except ImgyError as error:
        raise SystemExit(f"imgy: {error}") from None
    if request.imgix:
        path = imgix_path(key, given, keys[name], until)
    else:
        path = signed_path(key, given, name, keys[name], until)
    return base.rstrip("/") + path


def missing_signature(key: str, pairs: Pairs, keys: Keys, configuration: Configuration) -> str:
    """The `sig=` that a URL needs; empty if it needs none, or would be refused even with one."""
    unsigned = [pair for pair in pairs if pair[0] not in IGNORED]
    derivative = _derivative_or_none(key, unsigned, configuration, signed=True)
    if not keys or derivative is None or _derivative_or_none(key, unsigned, configuration, signed=False) == derivative:
        return ""
    return f"sig={sign(key, unsigned, *[*keys.items()][-1])}"


def _derivative_or_none(key: str, pairs: Pairs, configuration: Configuration, signed: bool) -> Derivative | None:
    try:
        return _derivative(key, pairs, configuration, signed)
    except ImgyError:
        return None


def _derivative(key: str, pairs: Pairs, configuration: Configuration, signed: bool) -> Derivative:
    """The derivative that the route would return. Raises ParameterError or Forbidden if the route would refuse."""
    if not key or any(category(letter) in UNWRITABLE for letter in key):
        raise ParameterError("expected a non-empty key without control characters")
    derivative = parse_path(key)
    if derivative is None:
        return configuration.request(key, pairs, "", signed).derivative
    if pairs:
        raise ParameterError("expected no parameters with a derivative's own path")
    return configuration.admit(derivative, signed)


def _given(parameters: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for parameter in parameters:
        name, equals, text = parameter.partition("=")
        if not equals or name in SIGNING or name in given:
            raise SystemExit(f"imgy: expected each parameter once, as NAME=VALUE, received '{parameter}'")
        given[name] = text
    return given


def _until(text: str, now: float) -> int:
    until = int(now) + _seconds(text)
    if until >= _LATEST:
        raise SystemExit(f"imgy: expected a shorter time for --expires, received '{text}'")
    return until


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", text)
    if not match:
        raise SystemExit(f"imgy: expected a time like 90s, 15m, 6h or 30d for --expires, received '{text}'")
    return int(match[1]) * _UNITS[match[2]]
