"""Signs URLs and verifies them: with imgix's signature (`s`), or with our own (`sig`).

`s` covers the spelling of a URL, `sig` its meaning: it stays valid for every spelling of the same request.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5, sha256
from urllib.parse import quote, urlencode

from ..errors import Forbidden, MisconfiguredError, ParameterError
from ..transformation import canonical_text, parse

Pairs = list[tuple[str, str]]
Keys = Mapping[str, str]
"""Secrets by their ids. All are valid, so a new one can be added before the old one is removed."""

SIGNING = ("s", "sig", "expires")
"""The query parameters that belong to the signature, not to the picture."""

WRONG = "the signature does not fit this URL"
EXPIRED = "this URL has expired"

LIFETIME = 300
"""Seconds for which fetched keys are used."""

_ID, _SECRET = re.compile(r"[a-z0-9-]{1,32}"), re.compile(r"[!-~]{16,256}")
_SECONDS = re.compile(r"[0-9]{1,12}")


def read_keys(text: str) -> Keys:
    """Keys from JSON, `{"k1": "secret"}`; raises MisconfiguredError, which never quotes the text."""
    try:
        keys = json.loads(text)
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not keys or not all(_is_key(name, secret) for name, secret in keys.items()):
        raise MisconfiguredError(
            "expected keys as a JSON object of ids (a-z, 0-9 and -) and secrets (16 to 256 printable ASCII characters)"
        )
    return keys


def _is_key(name: str, secret: object) -> bool:
    return bool(_ID.fullmatch(name) and isinstance(secret, str) and _SECRET.fullmatch(secret))


def sign(key: str, pairs: Pairs, key_id: str, secret: str) -> str:
    """The `sig` of a query of an original, or of a derivative's own path; raises ParameterError as `signed_path`."""
    return f"{key_id}.{_mac(secret, _text(key, pairs))}"


def signed_path(key: str, parameters: Mapping[str, str], key_id: str, secret: str, expires: int | None = None) -> str:
    """The path and query of a signed URL of an original or of a derivative's own path; `expires` is in Unix seconds.

    Raises ParameterError for unknown parameters and invalid values.
    """
    pairs = [*parameters.items(), *_end(expires)]
    return f"/{quote(key)}?{urlencode([*pairs, ('sig', sign(key, pairs, key_id, secret))])}"


def imgix_path(key: str, parameters: Mapping[str, str], secret: str, expires: int | None = None) -> str:
    """As `signed_path`, with imgix's signature: the secret is imgix's token."""
    query = urlencode([*parameters.items(), *_end(expires)], quote_via=quote)
    path = f"/{quote(key)}"
    return f"{path}?{query}{'&' if query else ''}s={_imgix(secret, path, query)}"


def _end(expires: int | None) -> Pairs:
    return [] if expires is None else [("expires", str(expires))]


@dataclass(frozen=True)
class Signature:
    """The signature of a query, if it has one, and the time when it expires."""

    s: str = ""
    sig: str = ""
    expires: str = ""

    @classmethod
    def of(cls, pairs: Pairs) -> Signature:
        """Read it from a query; raises Forbidden if it is malformed or if a signature's parameter is repeated."""
        given = [pair for pair in pairs if pair[0] in SIGNING]
        names = [name for name, _ in given]
        if len(names) > len({*names}) or {"s", "sig"} <= {*names}:
            raise Forbidden(WRONG)
        found = cls(**dict(given))
        if found.expires and not (found.given and _SECONDS.fullmatch(found.expires)):
            raise Forbidden(WRONG)
        return found

    @property
    def given(self) -> bool:
        """Whether the query has a signature."""
        return bool(self.s or self.sig)

    def good_for(self, now: float) -> int:
        """For how many seconds a cache may keep the response: not past `expires`, nor past the lifetime of keys."""
        return max(0, min(LIFETIME, int(self.expires or 10**12) - int(now)))

    def verify(self, keys: Keys, path: str, key: str, pairs: Pairs, now: float) -> None:
        """Raise Forbidden if it does not fit the request or has expired.

        `path` is as spelled, `key` decoded, `pairs` the rest of the query, `now` in Unix seconds.
        """
        right = self._fits_spelling(keys, path, pairs) if self.s else self._fits_meaning(keys, key, pairs)
        if not right:
            raise Forbidden(WRONG)
        if self.expires and int(self.expires) < now:
            raise Forbidden(EXPIRED)

    def _fits_spelling(self, keys: Keys, path: str, pairs: Pairs) -> bool:
        # A gateway does not pass on how the query was spelled. imgix's clients encode it in one of these two ways.
        spelled = {urlencode(pairs, quote_via=quote, safe=safe) for safe in ("", "!'()*")}
        offered = [_imgix(secret, path, query) for secret in keys.values() for query in spelled]
        return sum(_same(self.s, right) for right in offered) > 0

    def _fits_meaning(self, keys: Keys, key: str, pairs: Pairs) -> bool:
        name, _, mac = self.sig.partition(".")
        try:
            right = _mac(keys[name], _text(key, pairs))
        except (KeyError, ParameterError):  # an invalid parameter was never signed
            return False
        return _same(mac, right)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _imgix(token: str, path: str, query: str) -> str:
    return md5(f"{token}{path}{'?' if query else ''}{query}".encode(), usedforsecurity=False).hexdigest()


def _mac(secret: str, text: str) -> str:
    return urlsafe_b64encode(hmac.digest(secret.encode(), text.encode(), sha256)).decode().rstrip("=")


def _text(key: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The text that `sig` covers: key, preset's name, canonical text of the other parameters, and `expires`."""
    given = list(pairs)
    presets, ends = ([f"{name}={text}" for name, text in given if name == which] for which in ("preset", "expires"))
    values = parse(pair for pair in given if pair[0] not in ("preset", "expires"))
    return f"/{key}?" + "&".join([*presets, *([canonical_text(values)] if values else []), *ends])
