"""The Lambda functions of one stage: `chalice` run on a copy of the project in which the stage's own names stand."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from chalicelib.settings import Settings
from cli import ROOT
from cli.deploy.record import DeployedResources

PYTHON = (3, 12)
"""The oldest Python whose packages fit Lambda: Chalice takes for 3.11 wheels that pyvips-binary does not have."""

QUIET = {"PYTHONWARNINGS": "ignore"}
PIP = "pip.conf"
AS_LISTED = {"PIP_NO_DEPS": "1", "PIP_CONFIG_FILE": PIP}
"""For Chalice's pip: requirements.txt is complete, and dependencies that it does not name are not used."""

DIRECT, QUEUE = "direct", "queue"
TRIGGERS = ("upload_trigger", "removal_trigger")
HANDLERS = {DIRECT: TRIGGERS, QUEUE: ("queue_worker",)}
"""What handles uploads and removals in each mode of deploy/foundation.yaml."""

ALWAYS = ("api_handler", "invalidation_trigger")

_LISTED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_CHALICE = "from chalice.cli import main; raise SystemExit(main())"
_CONFIG = Path(".chalice") / "config.json"
_COPIED = ("app.py", "chalicelib", "requirements.txt", "vendor")
_LIBRARY = ROOT / "vendor" / "lib" / "libMagickWand-7.Q16.so"
# The machine that an ELF header names at byte 18, and what Lambda calls it (ELF-64 Object File Format, e_machine).
_MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}


def config() -> dict[str, Any]:
    """What .chalice/config.json says."""
    read: dict[str, Any] = json.loads((ROOT / _CONFIG).read_text("utf-8"))
    return read


def assert_stage(stage: str) -> None:
    """Raise SystemExit unless .chalice/config.json names this stage."""
    stages = config()["stages"]
    if stage not in stages:
        raise SystemExit(f"imgy: expected one of the stages {', '.join(stages)}, received '{stage}'")


def assert_python() -> None:
    """Raise SystemExit unless this Python makes packages for Lambda."""
    if sys.version_info < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        raise SystemExit(f"imgy: a deploy needs Python {wanted} or newer, this is {sys.version.split()[0]}")


def assert_library() -> None:
    """Raise SystemExit unless ImageMagick for Lambda is there to be packaged."""
    if not _LIBRARY.exists():
        raise SystemExit("imgy: there is no ImageMagick for Lambda yet; make imagemagick builds it into vendor/")


def architecture() -> str:
    """What the functions run on: the machine that ImageMagick in vendor/ was built for, else this one."""
    if _LIBRARY.exists():
        return _MACHINES[_LIBRARY.read_bytes()[18]]
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True)
class Functions:
    """The functions of one stage: where the project is staged, and what is remembered of what was deployed."""

    stage: str
    folder: Path
    record: DeployedResources
    profile: str | None = None

    def staged(self, names: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Write the project as Chalice shall see it, with `names` in place of the stock ones."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / ".chalice").mkdir(parents=True)
        for name in _COPIED:
            _copy(ROOT / name, self.folder / name)
        for file in (ROOT / ".chalice").glob("*.json"):
            (self.folder / ".chalice" / file.name).write_text(_renamed(file.read_text("utf-8"), names), "utf-8")
        pin_hashes(self.folder)
        self._add(environment)
        self._remembered.parent.mkdir()
        self._remembered.write_text(self.record.read(), "utf-8")

    @property
    def _remembered(self) -> Path:
        return self.folder / ".chalice" / "deployed" / f"{self.stage}.json"

    def _add(self, environment: Mapping[str, str]) -> None:
        path = self.folder / _CONFIG
        written = json.loads(path.read_text("utf-8"))
        written["lambda_architecture"] = architecture()
        of_stage = written["stages"][self.stage]
        of_stage["environment_variables"] = {**of_stage.get("environment_variables", {}), **environment}
        path.write_text(json.dumps(written, indent=2), "utf-8")

    def deploy(self) -> None:
        """Deploy what is staged; raises SystemExit where its package is not complete, as Chalice goes on without."""
        with TemporaryDirectory() as out:
            self._chalice("package", "--pkg-format", "terraform", out)
            lacking = missing(Path(out) / "deployment.zip", (self.folder / "requirements.txt").read_text("utf-8"))
        if lacking:
            raise SystemExit(f"imgy: nothing was deployed, as its package lacks {', '.join(lacking)}")
        self._chalice("deploy")
        self._remember()

    def delete(self) -> None:
        """Take down what was deployed."""
        self._chalice("delete")
        self._remember()

    def _remember(self) -> None:
        self.record.write(self._remembered.read_text("utf-8"))

    def _chalice(self, *words: str) -> None:
        """Run a chalice command on the staged project, its output shown; raises SystemExit where it fails."""
        profile = ["--profile", self.profile] if self.profile else []
        command = [sys.executable, "-c", _CHALICE, *words, "--stage", self.stage, *profile]
        environment = {**os.environ, **QUIET, **AS_LISTED}
        environment.pop("PIP_CONSTRAINT", None)  # it would take the place of ours
        if subprocess.run(command, cwd=self.folder, env=environment, check=False).returncode:
            raise SystemExit(f"imgy: chalice {words[0]} failed; its message stands above")

    def api_url(self) -> str:
        """The URL of the deployed stage's REST API; raises SystemExit where there is none."""
        deployed = self.record.resources()
        if "rest_api" not in deployed:
            raise SystemExit(f"imgy: the functions of stage {self.stage} are not deployed yet")
        return str(deployed["rest_api"]["rest_api_url"])


def pin_hashes(folder: Path) -> None:
    """Have Chalice's pip take nothing in this folder but what requirements.lock knows by its hash."""
    listed = folder / "requirements.txt"
    listed.write_text(with_hashes(listed.read_text("utf-8")), "utf-8")
    # What is downloaded by name, as wheels for another platform are, is held to a list by naming that as a constraint.
    config = ConfigParser(interpolation=None)
    config.read(os.environ.get("PIP_CONFIG_FILE", ""))
    config.read_dict({"download": {"constraint": listed.name}})
    with (folder / PIP).open("w", encoding="utf-8") as file:
        config.write(file)


def missing(package: Path, listed: str) -> list[str]:
    """What is listed as NAME==VERSION and not in a package for Lambda."""
    with ZipFile(package) as archive:
        there = {name.partition("/")[0].lower() for name in archive.namelist()}
    return [
        f"{name}=={version}"
        for name, version in _LISTED.findall(listed)
        if f"{re.sub('[-_.]+', '_', name).lower()}-{version}.dist-info" not in there
    ]


def with_hashes(listed: str) -> str:
    """A list of requirements with the hashes that requirements.lock has for them, and no others."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    wanted = ["==".join(found) for found in _LISTED.findall(listed)]
    entries = [re.search(rf"^{re.escape(entry)}(?: \\\n {{4}}--hash=\S+)+", lock, re.MULTILINE) for entry in wanted]
    missing = [entry for entry, found in zip(wanted, entries, strict=True) if not found]
    if missing:
        raise SystemExit(f"imgy: requirements.lock knows no {', '.join(missing)}; make lock renews it")
    return "".join(f"{found[0]}\n" for found in entries if found)


def own_names(name: str, originals: str, derivatives: str) -> dict[str, str]:
    """A stage's own name for each that stands in .chalice; `name` is its app and stage."""
    stock = Settings()
    queues = {f"{config()['app_name']}-{queue}": f"{name}-{queue}" for queue in ("failures", "invalidations", "events")}
    keys = {f"parameter/{config()['app_name']}/keys": f"parameter/{name}/keys"}
    return {stock.originals: originals, stock.derivatives: derivatives, **queues, **keys}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.exists():
        shutil.copy2(source, target)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for stock, own in names.items():
        text = text.replace(stock, own)
    return text
