"""The Lambda functions of one stage: `chalice` run on a copy of the project in which the stage's own names stand."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.settings import Settings

ROOT = Path(__file__).parent.parent
PYTHON = (3, 12)
"""The oldest Python whose packages fit Lambda: Chalice takes for 3.11 wheels that pyvips-binary does not have."""

TRIGGERS = ("upload_trigger", "removal_trigger")

_CONFIG = Path(".chalice") / "config.json"
_COPIED = ("app.py", "chalicelib", "requirements.txt", "vendor")


def config() -> dict[str, Any]:
    """What .chalice/config.json says."""
    read: dict[str, Any] = json.loads((ROOT / _CONFIG).read_text("utf-8"))
    return read


def assert_python() -> None:
    """Raise SystemExit unless this Python makes packages for Lambda."""
    if sys.version_info < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        raise SystemExit(f"imgy: a deploy needs Python {wanted} or newer, this is {sys.version.split()[0]}")


def staged(folder: Path, stage: str, names: Mapping[str, str], environment: Mapping[str, str]) -> Path:
    """Write the project as Chalice shall see it, with `names` in place of the stock ones, and return its folder.

    What Chalice remembers of a deployment stays in the project's own .chalice/deployed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / ".chalice").mkdir(parents=True)
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, folder / name)
    for file in (ROOT / ".chalice").glob("*.json"):
        (folder / ".chalice" / file.name).write_text(_renamed(file.read_text("utf-8"), names), "utf-8")
    _add_environment(folder / _CONFIG, stage, environment)
    remembered = ROOT / ".chalice" / "deployed"
    remembered.mkdir(exist_ok=True)
    (folder / ".chalice" / "deployed").symlink_to(remembered, target_is_directory=True)
    return folder


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for stock, own in names.items():
        text = text.replace(stock, own)
    return text


def _add_environment(path: Path, stage: str, environment: Mapping[str, str]) -> None:
    written = json.loads(path.read_text("utf-8"))
    written["stages"][stage]["environment_variables"] = dict(environment)
    path.write_text(json.dumps(written, indent=2), "utf-8")


def own_names(originals: str, derivatives: str, failures: str) -> dict[str, str]:
    """What stands in .chalice for each of a stage's own names."""
    stock = Settings()
    return {stock.originals: originals, stock.derivatives: derivatives, "imgy-failures": failures}


def chalice(folder: Path, *words: str) -> None:
    """Run a chalice command on a staged project, its output shown; raises SystemExit where it fails."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", "from chalice.cli import main; raise SystemExit(main())", *words]
    if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
        raise SystemExit(f"imgy: chalice {words[0]} failed; its message stands above")


def deployed(stage: str) -> dict[str, dict[str, Any]]:
    """What Chalice remembers of a stage's resources, by name; empty where it was never deployed."""
    file = ROOT / ".chalice" / "deployed" / f"{stage}.json"
    resources = json.loads(file.read_text("utf-8"))["resources"] if file.exists() else []
    return {resource["name"]: resource for resource in resources}


def api_url(stage: str) -> str:
    """The URL of a deployed stage's REST API."""
    return str(deployed(stage)["rest_api"]["rest_api_url"])
