"""Transformations: parsed from a query or a path, written as canonical text and derivative key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ParameterError
from .formats import NEGOTIATED, WRITTEN
from .operations import ALIASES, PARAMETERS
from .operations.output import COMPRESSED_QUALITY, choose
from .parameters.schema import Parameter, Values
from .text import shortened

NOTHING = f"fit={PARAMETERS['fit'].default}"
"""The canonical text of a transformation without parameters: a key needs a name."""

KEY_BYTES = 1024
"""The longest key that S3 takes, in bytes of UTF-8."""

CHOICES = tuple(parameter.name for parameter in choose.parameters)
_SAFE = re.compile(r"[^A-Za-z0-9._:-]")
_PATH_FORM = re.compile(r"([a-z0-9-]+)=[^/]*\.([a-z0-9]+)")


def parse(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Check name and text pairs, and return their values, defaults kept; raises ParameterError for the first mistake.

    Which mistake is the first does not depend on the order of the pairs.
    """
    texts: dict[str, list[str]] = {}
    for written, text in pairs:
        texts.setdefault(ALIASES.get(written, written), []).append(text)
    for unknown in sorted(texts.keys() - PARAMETERS.keys()):
        raise ParameterError(f"expected a parameter that docs/operations.md lists, received '{shortened(unknown)}'")
    return {name: _one(PARAMETERS[name], texts[name]) for name in PARAMETERS if name in texts}


def _one(parameter: Parameter, texts: list[str]) -> Any:
    if len(texts) > 1 and not getattr(parameter.kind, "repeats", False):
        raise ParameterError(f"expected one value for {parameter.name}, received {len(texts)}")
    return parameter.parse(",".join(texts))


def merged(defaults: Values, *layers: Values) -> dict[str, Any]:
    """Merge layers of values, later ones over earlier ones, and drop defaults; raises ParameterError.

    auto=compress sets q if no layer above `defaults` does.
    """
    together = {name: value for layer in (defaults, *layers) for name, value in layer.items()}
    if "compress" in together.get("auto", ()) and not any("q" in layer for layer in layers):
        together["q"] = COMPRESSED_QUALITY
    ordered = [name for name in PARAMETERS if name in together]
    chosen = {name: together[name] for name in ordered if together[name] != PARAMETERS[name].default}
    for name in chosen:
        needs = PARAMETERS[name].needs
        if needs and not needs.met(together):
            raise ParameterError(f"expected {needs.expected} beside {name}, received {name} without it")
    return chosen


@dataclass(frozen=True)
class Derivative:
    """A picture made from an original. `values` has neither `fm` nor `auto`: `format` is what they resolve to."""

    original: str
    values: Mapping[str, Any]
    format: str

    @property
    def text(self) -> str:
        """The canonical text, without the format."""
        return canonical_text(self.values)

    @property
    def name(self) -> str:
        """The last segment of its key."""
        return f"{self.text}.{self.format}"

    @property
    def key(self) -> str:
        """Its key in the derivatives bucket, and the path of its URL."""
        return f"{self.original}/{self.name}"

    @property
    def originals(self) -> tuple[str, ...]:
        """The keys of all originals that it is made from, its own first."""
        return (self.original,)

    @property
    def storable(self) -> bool:
        """Whether S3 takes its key."""
        return len(self.key.encode()) <= KEY_BYTES


def negotiates(values: Values) -> bool:
    """Whether the format depends on the Accept header."""
    return "format" in values.get("auto", ()) and "fm" not in values


def resolve_format(original: str, values: Values, accept: str = "", ahead: Iterable[str] = NEGOTIATED) -> Derivative:
    """Resolve `fm` and `auto` for an original and an Accept header; auto=format chooses among `ahead`."""
    form = choose(original, accept, ahead, values=values)
    rest = {name: value for name, value in values.items() if name not in CHOICES}
    if not WRITTEN[form].quality:
        rest.pop("q", None)
    return Derivative(original, rest, form)


def canonical_text(values: Values) -> str:
    """The canonical text: parameters in pipeline order, reserved characters as ~XX for each of their UTF-8 bytes."""
    ordered = [name for name in PARAMETERS if name in values]
    return ",".join(f"{name}={_escaped(PARAMETERS[name].kind.text(values[name]))}" for name in ordered) or NOTHING


def parse_path(path: str) -> Derivative | None:
    """The derivative that a path names, None if it names an original; raises ParameterError for an invalid one."""
    original, _, name = path.rpartition("/")
    match = _PATH_FORM.fullmatch(name)
    if not (original and match and match[1] in PARAMETERS and match[2] in WRITTEN):
        return None
    text = name[: -len(match[2]) - 1]
    values = merged({}, parse(_pair(part) for part in text.split(",")))
    if any(name in values for name in CHOICES):
        raise ParameterError(
            f"expected the format as the path's extension, received a parameter {' or '.join(CHOICES)}"
        )
    return Derivative(original, resolve_format(original, {**values, "fm": match[2]}).values, match[2])


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, _unescaped(value)


def _escaped(text: str) -> str:
    return _SAFE.sub(lambda match: "".join(f"~{byte:02X}" for byte in match[0].encode()), text)


def _unescaped(text: str) -> str:
    return re.sub(
        r"(?:~[0-9A-F]{2})+", lambda match: bytes.fromhex(match[0].replace("~", "")).decode(errors="replace"), text
    )
