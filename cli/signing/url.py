"""`python -m cli url`: a signed URL, for whoever writes a page, tries a key, or looks why one is refused."""

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
"""What `expires` has too many digits for."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Asked:
    """What is to be signed: an original's key, `parameters` as NAME=VALUE, and how."""

    key: str
    parameters: Sequence[str]
    key_id: str = ""
    expires: str = ""
    imgix: bool = False


def signed_url(asked: Asked, keys: Keys, base: str, configuration: Configuration, now: float | None = None) -> str:
    """The URL, signed with the newest key unless one is named; raises SystemExit for what would be refused."""
    name = asked.key_id or [*keys][-1]
    if name not in keys:
        raise SystemExit(f"imgy: there is no key {name}; there are: {', '.join(keys)}")
    until = _until(asked.expires, time.time() if now is None else now) if asked.expires else None
    given, key = _given(asked.parameters), asked.key.lstrip("/")
    try:
        _answered(key, [*given.items()], configuration, signed=True)
    except ImgyError as error:
        raise SystemExit(f"imgy: {error}") from None
    by_imgix = asked.imgix
    made = imgix_path(key, given, keys[name], until) if by_imgix else signed_path(key, given, name, keys[name], until)
    return base.rstrip("/") + made


def lacking(key: str, pairs: Pairs, keys: Keys, configuration: Configuration) -> str:
    """The `sig=` that a URL lacks to be answered; empty where it lacks none, or would be refused all the same."""
    asked = [pair for pair in pairs if pair[0] not in IGNORED]
    answered = _answered_or_none(key, asked, configuration, signed=True)
    if not keys or answered is None or _answered_or_none(key, asked, configuration, signed=False) == answered:
        return ""
    return f"sig={sign(key, asked, *[*keys.items()][-1])}"


def _answered_or_none(key: str, pairs: Pairs, configuration: Configuration, signed: bool) -> Derivative | None:
    try:
        return _answered(key, pairs, configuration, signed)
    except ImgyError:
        return None


def _answered(key: str, pairs: Pairs, configuration: Configuration, signed: bool) -> Derivative:
    """What the route answers, signed or not; raises ParameterError or Forbidden for what it would refuse."""
    if not key or any(category(letter) in UNWRITABLE for letter in key):
        raise ParameterError("expected a key without control characters, and not an empty one")
    derivative = parse_path(key)
    if derivative is None:
        return configuration.request(key, pairs, "", signed).derivative
    if pairs:
        raise ParameterError("expected no parameter beside a derivative's own path, received one")
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
