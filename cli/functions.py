"""The Lambda functions of one stage: `chalice` run on a copy of the project in which the stage's own names stand."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.settings import Settings

ROOT = Path(__file__).parent.parent
PYTHON = (3, 12)
"""The oldest Python whose packages fit Lambda: Chalice takes for 3.11 wheels that pyvips-binary does not have."""

QUIET = {"PYTHONWARNINGS": "ignore"}
AS_LISTED = {"PIP_NO_DEPS": "1"}
"""For Chalice's pip: requirements.txt is complete, and dependencies that it does not name are not used."""

TRIGGERS = ("upload_trigger", "removal_trigger")

_CHALICE = "from chalice.cli import main; raise SystemExit(main())"
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


@dataclass(frozen=True)
class Functions:
    """The functions of one stage: where the project is staged, and where Chalice remembers what it deployed."""

    stage: str
    folder: Path
    remembered: Path = ROOT / ".chalice" / "deployed"

    def staged(self, names: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Write the project as Chalice shall see it, with `names` in place of the stock ones."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / ".chalice").mkdir(parents=True)
        for name in _COPIED:
            _copy(ROOT / name, self.folder / name)
        for file in (ROOT / ".chalice").glob("*.json"):
            (self.folder / ".chalice" / file.name).write_text(_renamed(file.read_text("utf-8"), names), "utf-8")
        self._add(environment)
        self.remembered.mkdir(parents=True, exist_ok=True)
        (self.folder / ".chalice" / "deployed").symlink_to(self.remembered, target_is_directory=True)

    def _add(self, environment: Mapping[str, str]) -> None:
        path = self.folder / _CONFIG
        written = json.loads(path.read_text("utf-8"))
        written["stages"][self.stage]["environment_variables"] = dict(environment)
        path.write_text(json.dumps(written, indent=2), "utf-8")

    def chalice(self, *words: str) -> None:
        """Run a chalice command on the staged project, its output shown; raises SystemExit where it fails."""
        command = [sys.executable, "-c", _CHALICE, *words, "--stage", self.stage]
        environment = {**os.environ, **QUIET, **AS_LISTED}
        if subprocess.run(command, cwd=self.folder, env=environment, check=False).returncode:
            raise SystemExit(f"imgy: chalice {words[0]} failed; its message stands above")

    def deployed(self) -> dict[str, dict[str, Any]]:
        """What Chalice remembers of the stage's resources, by name; empty where it was never deployed."""
        file = self.remembered / f"{self.stage}.json"
        resources = json.loads(file.read_text("utf-8"))["resources"] if file.exists() else []
        return {resource["name"]: resource for resource in resources}

    def api_url(self) -> str:
        """The URL of the deployed stage's REST API; raises SystemExit where there is none."""
        if "rest_api" not in self.deployed():
            raise SystemExit(f"imgy: the functions of stage {self.stage} are not deployed yet")
        return str(self.deployed()["rest_api"]["rest_api_url"])


def own_names(name: str, originals: str, derivatives: str) -> dict[str, str]:
    """A stage's own name for each that stands in .chalice; `name` is its app and stage."""
    stock = Settings()
    queues = {f"{config()['app_name']}-{queue}": f"{name}-{queue}" for queue in ("failures", "invalidations")}
    return {stock.originals: originals, stock.derivatives: derivatives, **queues}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.exists():
        shutil.copy2(source, target)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for stock, own in names.items():
        text = text.replace(stock, own)
    return text
