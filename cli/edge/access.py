"""What the edge knows of access: mode and sentences in the function; keys, presets and what they open in its store.

A function has room for few presets, the store for all.
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
"""What the store's items are called: that of all keys by id, and before the name of a preset, or of a derivative."""

MOST_NAME, MOST_BYTES = 512, 1024
"""The longest name and value that the store takes (Amazon CloudFront Developer Guide, "Quotas on key value stores")."""

ANY = "@"
"""What stands for one character in a pattern; encodeURIComponent leaves none such in a text."""

_TOKEN = re.compile(r"\[!?+\]?+[^\]]*\]|.", re.DOTALL)
_UNESCAPED = "!'()*-._~"
"""What encodeURIComponent leaves as it is beside letters and digits (ECMA-262)."""


def access(configuration: Configuration) -> dict[str, Any]:
    """What the function knows of who may ask."""
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
    """What the store holds, as JSON by name; raises SystemExit for what it does not take."""
    presets, access = configuration.presets, configuration.access
    named = {f"{PRESET}{preset.name}": texts(preset.alone) for preset in presets.presets.values()}
    opening = open_derivatives(presets) if refusal_text(configuration) and access.opens_named else {}
    opens = {f"{OPEN}{name}": rows for name, rows in opening.items()}
    written = {name: _written(name, value) for name, value in {**named, **opens}.items()}
    return {**written, **items_of_keys(keys)}


def items_of_keys(keys: Keys) -> dict[str, str]:
    """The part of it that the keys are."""
    return {KEYS: _written(KEYS, dict(keys))} if keys else {}


def _written(name: str, value: object) -> str:
    text = json.dumps(value, separators=(",", ":"))
    for what, received, most in (("name", len(name.encode()), MOST_NAME), ("value", len(text), MOST_BYTES)):
        if received > most:
            raise SystemExit(
                f"imgy: CloudFront's store takes a {what} of {most} bytes, that of {name[:80]} has {received}: "
                "fewer or shorter keys, globs or values fit"
            )
    return text


def refusal_text(configuration: Configuration) -> str:
    """The sentence that refuses a picture which is not open; empty where every picture is."""
    try:
        configuration.admit(Derivative("", {}, ""))
    except Forbidden as refusal:
        return str(refusal)
    return ""


def open_derivatives(presets: Presets) -> dict[str, list[list[Any]]]:
    """By each name that a derivative of a preset may have: what chooses its format, and a pattern of the keys."""
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
    """Values as a query would spell them."""
    return {name: operations.PARAMETERS[name].kind.text(value) for name, value in values.items()}


def pattern(glob: str) -> str:
    """A regular expression that finds in a percent-encoded key what `fnmatchcase` finds in the key."""
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
    """A class of characters by trying each one, so that it is Python's by construction."""
    every = _every()
    members = re.findall(translate(token)[: -len(r"\Z")], every)
    if not members:
        return "(?!)"
    if len(members) <= len(every) / 2:
        return f"(?:{'|'.join(map(_letter, members))})"
    others = sorted({*every}.difference(members))
    return f"(?!{'|'.join(map(_letter, others))}){ANY}" if others else ANY
