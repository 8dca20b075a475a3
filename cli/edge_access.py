"""What the edge function knows of access: the mode, its sentences, and what presets.yaml names, globs and all."""

import re
from fnmatch import translate
from functools import cache
from sys import maxunicode
from typing import Any
from urllib.parse import quote

from chalicelib import operations
from chalicelib.errors import Forbidden
from chalicelib.presets import Preset, Presets
from chalicelib.schema import Values
from chalicelib.settings import ACCESS_HEADER, SIGNED
from chalicelib.signing import EXPIRED, SIGNING, WRONG
from chalicelib.transformation import CHOICES, Derivative, canonical_text, merged

ITEM = "keys"
"""What the key-value store holds: one item, every key by its id, as JSON."""

ANY = "@"
"""What stands for one character in a pattern; encodeURIComponent leaves none such in a text."""

_TOKEN = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)
_UNESCAPED = "!'()*-._~"
"""What encodeURIComponent leaves as it is beside letters and digits (ECMA-262)."""


def access(presets: Presets) -> dict[str, Any]:
    """What the function knows of who may ask."""
    return {
        "ACCESS_HEADER": ACCESS_HEADER,
        "SIGNED": SIGNED,
        "SIGNING": SIGNING,
        "WRONG": WRONG,
        "EXPIRED": EXPIRED,
        "CLOSED": closed(presets),
        "SIGNATURE_OPENS": int(presets.access == "signed"),
        "OPENED": [] if presets.sign_presets and presets.access == "signed" else opened(presets),
    }


def closed(presets: Presets) -> str:
    """What is said of a picture that is not open; empty where every one is."""
    try:
        presets.admitted(Derivative("", {}, ""))
    except Forbidden as refusal:
        return str(refusal)
    return ""


def opened(presets: Presets) -> list[list[Any]]:
    """A row for each picture that presets.yaml names: its canonical text, what chooses its format, and a pattern."""
    rows = [_row(presets, preset, variant) for preset in presets.presets.values() for variant in preset.variants]
    return [row for at, row in enumerate(rows) if row not in rows[:at]]


def _row(presets: Presets, preset: Preset, variant: Values) -> list[Any]:
    values = merged(presets.defaults, variant)
    chosen = {name: operations.PARAMETERS[name].kind.text(values[name]) for name in CHOICES if name in values}
    text = canonical_text({name: value for name, value in values.items() if name not in CHOICES})
    return [text, chosen, *(["|".join(map(pattern, preset.only))] if preset.only else [])]


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
