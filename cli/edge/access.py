"""Access rules at the edge.

The function contains the access mode and its error messages. The store contains keys, presets and the derivatives that
the presets open, since the function has room for few presets.
"""

import json
import re
from collections.abc import Mapping
from fnmatch import translate
from functools import cache
from sys import maxunicode
from typing import Any
from urllib.parse import quote

from chalicelib import operations
from chalicelib.access.signatures import EXPIRED, SIGNING, WRONG, Keys
from chalicelib.errors import Forbidden
from chalicelib.formats import BY_EXTENSION
from chalicelib.parameters.schema import Values
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.presets import Presets
from chalicelib.settings import ACCESS_HEADER, SIGNED
from chalicelib.transformation import CHOICES, Derivative, merged

KEYS, PRESET, OPEN = "keys", "preset/", "open/"
"""Names of the store's items: that of the keys, and the prefixes of presets' and derivatives' names."""

MOST_NAME, MOST_BYTES = 512, 1024
"""The longest name and value in bytes (Amazon CloudFront Developer Guide, "Quotas on key value stores")."""

ANY = "@"
"""One character in a pattern. encodeURIComponent escapes it, so no encoded key contains it."""

_TOKEN = re.compile(r"\[!?+\]?+[^\]]*\]|.", re.DOTALL)
_UNESCAPED = "!'()*-._~"
"""The characters, beside letters and digits, that encodeURIComponent does not escape (ECMA-262)."""


def access(configuration: Configuration) -> dict[str, Any]:
    """The access constants of the function."""
    return {
        "ACCESS_HEADER": ACCESS_HEADER,
        "SIGNED": SIGNED,
        "SIGNING": SIGNING,
        "WRONG": WRONG,
        "EXPIRED": EXPIRED,
        "CLOSED": refusal_text(configuration),
        "SIGNATURE_OPENS": int(configuration.access.mode == "signed"),
        "OPENS": int(configuration.access.opens_named),
        "KEYS": KEYS,
        "PRESET": PRESET,
        "OPEN": OPEN,
    }


def items(configuration: Configuration, keys: Keys) -> dict[str, str]:
    """The store's items as JSON, by name. Raises SystemExit for an item that is too large for the store."""
    presets, access = configuration.presets, configuration.access
    named = {f"{PRESET}{preset.name}": texts(preset.alone) for preset in presets.presets.values()}
    opening = open_derivatives(presets) if refusal_text(configuration) and access.opens_named else {}
    opens = {f"{OPEN}{name}": rows for name, rows in opening.items()}
    written = {name: _written(name, value) for name, value in {**named, **opens}.items()}
    return {**written, **items_of_keys(keys)}


def items_of_keys(keys: Keys) -> dict[str, str]:
    """The store's item with the keys; empty if there are none."""
    return {KEYS: _written(KEYS, dict(keys))} if keys else {}


def _written(name: str, value: object) -> str:
    text = json.dumps(value, separators=(",", ":"))
    for what, received, most in (("name", len(name.encode()), MOST_NAME), ("value", len(text), MOST_BYTES)):
        if received > most:
            raise SystemExit(
                f"imgy: expected a {what} of at most {most} bytes for CloudFront's store, but that of {name[:80]} has "
                f"{received}; use fewer or shorter keys, globs or values"
            )
    return text


def refusal_text(configuration: Configuration) -> str:
    """The error message for a picture that needs a signature or a preset; empty if every picture is open."""
    try:
        configuration.admit(Derivative("", {}, ""))
    except Forbidden as refusal:
        return str(refusal)
    return ""


def open_derivatives(presets: Presets) -> dict[str, list[list[Any]]]:
    """For each derivative name of a preset: the parameters that choose its format, and a pattern of keys."""
    found: dict[str, list[list[Any]]] = {}
    for preset in presets.presets.values():
        chosen = texts(
            {name: value for name, value in merged(presets.defaults, preset.alone).items() if name in CHOICES}
        )
        row = [chosen, *(["|".join(map(pattern, preset.only))] if preset.only else [])]
        originals = ["a", *(f"a.{extension}" for extension in BY_EXTENSION)]
        for name in {derivative.name for original in originals for derivative in presets.of(preset, original)}:
            found.setdefault(name, []).append(row)
    return {name: [row for at, row in enumerate(rows) if row not in rows[:at]] for name, rows in found.items()}


def texts(values: Values) -> Mapping[str, str]:
    """Values as they are written in a query."""
    return {name: operations.PARAMETERS[name].kind.text(value) for name, value in values.items()}


def pattern(glob: str) -> str:
    """A regular expression that matches a percent-encoded key if `fnmatchcase` matches the key."""
    return "".join(_token(token) for token in _TOKEN.findall(glob))


def _token(token: str) -> str:
    if token in ("*", "?"):
        return {"*": f"{ANY}*", "?": ANY}[token]
    return _class(token) if len(token) > 1 else _letter(token)


def _letter(letter: str) -> str:
    return re.sub(r"[.*()]", r"\\\g<0>", quote(letter, safe=_UNESCAPED))


@cache
def _every() -> str:
    return "".join(chr(code) for code in range(maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)


@cache
def _class(token: str) -> str:
    """A character class, made by trying every character, so that it equals Python's."""
    every = _every()
    members = re.findall(translate(token)[: -len(r"\Z")], every)
    if not members:
        return "(?!)"
    if len(members) <= len(every) / 2:
        return f"(?:{'|'.join(map(_letter, members))})"
    others = sorted({*every}.difference(members))
    return f"(?!{'|'.join(map(_letter, others))}){ANY}" if others else ANY
