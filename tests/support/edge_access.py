"""Access at the edge and in Python, side by side."""

from dataclasses import replace
from urllib.parse import parse_qsl

from chalicelib.errors import ImgyError
from chalicelib.http.route import Request, Route
from chalicelib.presets.configuration import Configuration
from chalicelib.settings import Settings
from cli.edge.access import items
from cli.edge.function import function
from cli.local.cloudfront import viewer_request
from cli.local.gateway import REQUEST_HEADERS, TARGET
from support.edge_function import run_function

KEYS = {"k1": "first-secret-of-all", "k2": "second-secret-of-all"}


NOW = 1_800_000_000


MODES = ("open", "presets", "signed", "signed presets")


STOPPED = f"Date.now=()=>{NOW}000;"


def asked(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> dict:
    named = list((headers or {}).items())
    return {"request": viewer_request({TARGET: url, REQUEST_HEADERS: named, "REQUEST_METHOD": method})}


def at_the_edge(configuration: Configuration, events: list[dict], keys=KEYS) -> list[dict]:
    return run_function(function(configuration, True) + STOPPED, events, items(configuration, keys))


def by_python(configuration: Configuration, url: str, accept: str = "") -> str | ImgyError:
    """The derivative's key, or the error."""
    path, _, query = url.partition("?")
    listed: dict[str, list[str]] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        listed.setdefault(name, []).append(text)
    route = Route(None, configuration, Settings(keys="file:x"), str, lambda: KEYS, lambda: NOW)
    try:
        return route.understand(Request("GET", path[1:], listed, {"accept": accept}))[0].derivative.key
    except ImgyError as error:
        return error


def in_mode(configuration: Configuration, mode: str) -> Configuration:
    access = replace(configuration.access, mode=mode.split()[0], sign_presets=" " in mode)
    return replace(configuration, access=access)
