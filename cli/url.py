"""`python -m cli url`: a signed URL, for whoever writes a page, tries a key, or looks why one is refused."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.errors import ParameterError
from chalicelib.signing import SIGNING, Keys, imgix_path, signed_path

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Asked:
    """What is to be signed: an original's key, `parameters` as NAME=VALUE, and how."""

    key: str
    parameters: Sequence[str]
    key_id: str = ""
    expires: str = ""
    imgix: bool = False


def signed_url(asked: Asked, keys: Keys, base: str, now: float | None = None) -> str:
    """The URL, signed with the newest key unless one is named; raises SystemExit for what cannot be asked for."""
    name = asked.key_id or [*keys][-1]
    if name not in keys:
        raise SystemExit(f"imgy: there is no key {name}; there are: {', '.join(keys)}")
    until = int(time.time() if now is None else now) + _seconds(asked.expires) if asked.expires else None
    given, key = _given(asked.parameters), asked.key.lstrip("/")
    try:
        signed_path(key, given, name, keys[name])  # checks the parameters, which imgix's way would not
        made = (
            imgix_path(key, given, keys[name], until)
            if asked.imgix
            else signed_path(key, given, name, keys[name], until)
        )
    except ParameterError as error:
        raise SystemExit(f"imgy: {error}") from None
    return base.rstrip("/") + made


def _given(parameters: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for parameter in parameters:
        name, equals, text = parameter.partition("=")
        if not equals or name in SIGNING or name in given:
            raise SystemExit(f"imgy: expected each parameter once, as NAME=VALUE, received '{parameter}'")
        given[name] = text
    return given


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", text)
    if not match:
        raise SystemExit(f"imgy: expected a time like 90s, 15m, 6h or 30d for --expires, received '{text}'")
    return int(match[1]) * _UNITS[match[2]]
