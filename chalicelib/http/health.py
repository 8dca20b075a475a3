"""The response of /-/health."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from .. import __version__
from ..presets.configuration import Configuration
from .responses import Response, json_response

PATH = "/-/health"


def health_response(configuration: Configuration, worker_report: Callable[[], Mapping[str, Any]]) -> Response:
    """Versions, passed self-tests of the sandbox, limits in force, access, and the names of the presets."""
    report, presets = worker_report(), configuration.presets
    content = {
        "versions": {"imgy": __version__, "python": platform.python_version(), **report["versions"]},
        "walls": report["walls"],
        "limits": asdict(configuration.limits),
        "access": configuration.access.mode,
        "presets": list(presets.presets),
        "formats": presets.formats,
    }
    return json_response(200, content, {"Cache-Control": "no-store"})
