"""Writes the function that CloudFront runs for each request, from the operations' declarations and presets.yaml."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chalicelib import operations
from chalicelib.formats import BY_EXTENSION, NEGOTIATED, WRITTEN
from chalicelib.http.route import IGNORED
from chalicelib.operations.output import COMPRESSED_QUALITY
from chalicelib.parameters.kinds import Kind
from chalicelib.parameters.schema import Needs, Parameter
from chalicelib.presets.configuration import Configuration
from chalicelib.transformation import CHOICES, KEY_BYTES, NOTHING
from cli import ROOT
from cli.edge.access import KEYS, access, texts
from cli.edge.minify import minified

SOURCE = ROOT / "edge" / "viewer-request.js"
OPEN, ACCESS = (ROOT / "edge" / name for name in ("open.js", "access.js"))
FUNCTION = ROOT / "edge" / "function.js"
TEMPLATE = ROOT / "edge" / "template.yaml"
MOST_BYTES = 10_240
"""The largest function that CloudFront accepts."""

API = "api"
"""Id of the API's origin in the template. The function sends it every request that it cannot resolve itself."""

_IMPORT = "import cf from 'cloudfront';"
_HANDLER = f"function handler(event){{return answer(event,function(){{cf.selectRequestOriginById('{API}');}});}}"
_GUARDED_IMPORT = f"{_IMPORT}\nimport crypto from 'crypto';\nconst store=cf.kvs();"
# Not in edge/access.js: the minifier's grammar has no `await`.
_GUARDED_HANDLER = (
    "async function handler(event){const read={};for(;;){"
    f"const made=access(event,function(){{cf.selectRequestOriginById('{API}');}},read),item=made.item;"
    "if(!item)return made;"
    "try{read[item]=await store.get(item,{format:'json'});}"
    f"catch(missing){{read[item]=null;if(item==='{KEYS}')console.log(String(missing));}}}}}}"
)

_WRITTEN = "// Written by `make edge` from {} and presets.yaml."

# CloudFront's API for functions, imitated for node.
_STUB = """
console.log = console.error;
var chosen = null;
var cf = {
    selectRequestOriginById: function (id) { chosen = id; },
    kvs: function () {
        return { get: async function (name) {
            if (!Object.hasOwn(stored, name)) throw new Error('KeyNotFound');
            return JSON.parse(stored[name]);
        } };
    }
};
"""
_ANSWERED = """
async function answered(event) {
    var spelled = event.request.rawQueryString;
    event.request.rawQueryString = function () { return spelled; };
    chosen = null;
    var made = await handler(event);
    return made.statusCode ? { response: made, origin: null } : { request: made, origin: chosen };
}
"""

_FOR_PEOPLE = {"good", "bad", "control", "expected"}


def write_function(configuration: Configuration, path: Path = FUNCTION) -> int:
    """Write the function and return its length in bytes. Raises SystemExit if it is too large for CloudFront."""
    text = function(configuration)
    path.write_text(text, "utf-8")
    return len(text.encode())


def needs_store(configuration: Configuration, keyed: bool) -> bool:
    """Whether a stage needs the store, and a function that reads it; `keyed`: the stage has keys.

    It needs one if access is restricted, or if the presets do not fit into the function.
    """
    return keyed or configuration.access.mode != "open" or len(_open(configuration).encode()) > MOST_BYTES


def function(configuration: Configuration, keyed: bool = False) -> str:
    """The whole function: its constants, then its minified source, with access rules and store if needed.

    Raises SystemExit if it is too large for CloudFront.
    """
    guarded = needs_store(configuration, keyed)
    text = "\n".join(
        [*((_GUARDED_IMPORT, _guarded(configuration)) if guarded else (_IMPORT, _open(configuration))), ""]
    )
    length = len(text.encode())
    if length > MOST_BYTES:
        raise SystemExit(f"imgy: expected a function of at most {MOST_BYTES} bytes for CloudFront, received {length}")
    return text


def _open(configuration: Configuration) -> str:
    presets = configuration.presets
    named = {preset.name: texts(preset.alone) for preset in presets.presets.values()}
    closed = _closed("answer", {**table(configuration), "PRESETS": named}, "return answer;", SOURCE, OPEN)
    return "\n".join([_WRITTEN.format("edge/*.js"), closed, _HANDLER])


def _guarded(configuration: Configuration) -> str:
    known = {**table(configuration), **access(configuration)}
    closed = _closed("access", known, "return guarded;", SOURCE, ACCESS)
    return "\n".join([_WRITTEN.format("edge/*.js"), closed, _GUARDED_HANDLER])


def _closed(name: str, known: Mapping[str, Any], returned: str, *sources: Path) -> str:
    """The sources in one scope, minified; the scope's first variables are the constants."""
    variables = ",".join(f"{name}={json.dumps(value, separators=(',', ':'))}" for name, value in known.items())
    whole = "".join([f"var {variables};", *(path.read_text("utf-8") for path in sources), returned])
    return minified(f"var {name}=(function(){{{whole}}})();")


def under_node(function: str, items: Mapping[str, str]) -> str:
    """A node script with the function and these items in its key-value store.

    Its `answered(event)` resolves to the request and its origin, or to the function's own response. The event's
    rawQueryString is a text.
    """
    body = function.removeprefix(_IMPORT).replace("import crypto from 'crypto';", "var crypto=require('crypto');")
    return f"var stored={json.dumps(dict(items))};{_STUB}{body}{_ANSWERED}"


def table(configuration: Configuration) -> dict[str, Any]:
    """The function's constants, in JSON types. Kinds and conditions that several parameters share appear once."""
    presets, parameters = configuration.presets, operations.PARAMETERS.values()
    kinds = list({parameter.kind.expected: _kind(parameter.kind) for parameter in parameters}.values())
    needs = list({parameter.needs: _needs(parameter.needs) for parameter in parameters if parameter.needs}.values())
    return {
        "IGNORED": IGNORED,
        "KEY_BYTES": KEY_BYTES,
        "QUERY_BYTES": configuration.limits.query_bytes,
        "LIMITS": kinds,
        "NEEDS": needs,
        "ROWS": [_row(parameter, kinds, needs) for parameter in parameters],
        "ALIASES": operations.ALIASES,
        "CHOICES": CHOICES,
        "NOTHING": NOTHING,
        "COMPRESSED": str(COMPRESSED_QUALITY),
        "WRITTEN": {form.name: _true(animated=form.animated, quality=form.quality) for form in WRITTEN.values()},
        "AHEAD": [form for form in NEGOTIATED if form in presets.formats],
        "NEGOTIATED": {form: WRITTEN[form].content_type for form in NEGOTIATED},
        "EXTENSIONS": BY_EXTENSION,
        "DEFAULTS": texts(presets.defaults),
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


def _true(**flags: bool) -> dict[str, int]:
    return {name: 1 for name, flag in flags.items() if flag}
