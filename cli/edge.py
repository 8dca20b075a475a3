"""The function that CloudFront runs for each request, written from the operations' declarations and presets.yaml."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from calmjs.parse import es5
from calmjs.parse.unparsers.es5 import minify_print

from chalicelib import operations
from chalicelib.formats import BY_EXTENSION, NEGOTIATED, WRITTEN
from chalicelib.kinds import Kind
from chalicelib.operations.output import COMPRESSED_QUALITY
from chalicelib.presetfile import load_presets
from chalicelib.presets import Presets
from chalicelib.route import IGNORED
from chalicelib.schema import Needs, Parameter, Values
from chalicelib.transformation import CHOICES, KEY_BYTES, NOTHING

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "edge" / "viewer-request.js"
FUNCTION = ROOT / "edge" / "function.js"
TEMPLATE = ROOT / "edge" / "template.yaml"
MOST_BYTES = 10_240
"""How large a function CloudFront takes."""

API = "api"
"""The origin's id, in the template, to which the function sends what it does not understand."""

_IMPORT = "import cf from 'cloudfront';"
_HANDLER = f"function handler(event){{return answer(event,function(){{cf.selectRequestOriginById('{API}');}});}}"
_STUB = "var chosen=null;var cf={selectRequestOriginById:function(id){chosen=id;}};"
_ANSWERED = "function answered(event){chosen=null;var request=handler(event);return {request:request,origin:chosen};}"

_FOR_PEOPLE = {"good", "bad", "control", "expected"}


def write_function(presets: Presets, path: Path = FUNCTION) -> int:
    """Write the function and return its length in bytes; raises SystemExit where CloudFront would not take it."""
    text = function(presets)
    length = len(text.encode())
    if length > MOST_BYTES:
        raise SystemExit(
            f"imgy: CloudFront takes a function of {MOST_BYTES} bytes, this is one of {length}: too many presets"
        )
    path.write_text(text, "utf-8")
    return length


def shipped_presets() -> Presets:
    """The presets of presets.yaml as they stand."""
    return load_presets(ROOT / "presets.yaml")


def function(presets: Presets) -> str:
    """The whole function: its table, then its source without what only people need."""
    whole = f"var TABLE={json.dumps(table(presets), separators=(',', ':'))};{SOURCE.read_text('utf-8')}"
    closed = minify_print(es5(f"var answer=(function(){{{whole};return answer;}}());"), obfuscate=True)
    written = "// Written by `make edge` from edge/viewer-request.js and presets.yaml."
    return "\n".join([_IMPORT, written, closed, _HANDLER, ""])


def under_node(function: str) -> str:
    """A script of the function for node: its `answered(event)` is the request and the origin chosen for it, or null."""
    return function.replace(_IMPORT, _STUB) + _ANSWERED


def table(presets: Presets) -> dict[str, Any]:
    """What the function needs to know, in JSON's types: what several parameters share stands once."""
    parameters = operations.PARAMETERS.values()
    kinds = list({parameter.kind.expected: _kind(parameter.kind) for parameter in parameters}.values())
    needs = list({parameter.needs: _needs(parameter.needs) for parameter in parameters if parameter.needs}.values())
    return {
        "ignored": IGNORED,
        "keyBytes": KEY_BYTES,
        "queryBytes": presets.limits.query_bytes,
        "kinds": kinds,
        "needs": needs,
        "parameters": [_row(parameter, kinds, needs) for parameter in parameters],
        "aliases": operations.ALIASES,
        "choices": CHOICES,
        "nothing": NOTHING,
        "compressed": str(COMPRESSED_QUALITY),
        "written": {form.name: _true(animated=form.animated, quality=form.quality) for form in WRITTEN.values()},
        "ahead": [form for form in NEGOTIATED if form in presets.formats],
        "negotiated": {form: WRITTEN[form].content_type for form in NEGOTIATED},
        "extensions": BY_EXTENSION,
        "defaults": _texts(presets.defaults),
        "presets": {preset.name: _texts(preset.bare) for preset in presets.presets.values()},
    }


def _row(parameter: Parameter, kinds: list[dict[str, Any]], needs: list[dict[str, Any]]) -> list[Any]:
    default = [] if parameter.default in (None, ()) else [parameter.kind.text(parameter.default)]
    needed = needs.index(_needs(parameter.needs)) if parameter.needs else -1
    return [parameter.name, kinds.index(_kind(parameter.kind)), needed, *default]


def _kind(kind: Kind) -> dict[str, Any]:
    limits = {name: value for name, value in asdict(kind).items() if name not in _FOR_PEOPLE}  # type: ignore[call-overload]
    return {"name": type(kind).__name__, **limits}


def _needs(needs: Needs) -> dict[str, Any]:
    return {"names": needs.names, "values": needs.values}


def _texts(values: Values) -> Mapping[str, str]:
    return {name: operations.PARAMETERS[name].kind.text(value) for name, value in values.items()}


def _true(**flags: bool) -> dict[str, int]:
    return {name: 1 for name, flag in flags.items() if flag}
