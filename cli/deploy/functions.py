"""The Lambda functions of one stage: runs `chalice` on a copy of the project with the stage's own names."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from compileall import compile_dir
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from chalicelib.settings import Settings
from cli import ROOT
from cli.deploy.record import DeployedResources

PYTHON = (3, 12)
"""The oldest Python that can package for Lambda: for 3.11 Chalice wants wheels that pyvips-binary does not have."""

QUIET = {"PYTHONWARNINGS": "ignore"}
PIP = "pip.conf"
NO_DEPENDENCIES = "PIP_NO_DEPS"
AS_LISTED = {NO_DEPENDENCIES: "1", "PIP_CONFIG_FILE": PIP}
"""For Chalice's pip: install only what requirements.txt lists, without further dependencies."""

DIRECT, QUEUE = "direct", "queue"
TRIGGERS = ("upload_trigger", "removal_trigger")
HANDLERS = {DIRECT: TRIGGERS, QUEUE: ("queue_worker",)}
"""The functions that handle uploads and removals, for each mode of deploy/foundation.yaml."""

_ROUTE = "api_handler"
ALWAYS = (_ROUTE, "invalidation_trigger")

_LISTED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
CHALICE = "from chalice.cli import main; raise SystemExit(main())"
_CONFIG = Path(".chalice") / "config.json"
_COPIED = ("app.py", "chalicelib", "requirements.txt", "vendor")
_LIBRARY = ROOT / "vendor" / "lib" / "libMagickWand-7.Q16.so"
# Byte 18 of an ELF header (ELF-64 Object File Format, e_machine), and Lambda's name of that architecture.
_MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}


def config() -> dict[str, Any]:
    """The content of .chalice/config.json."""
    read: dict[str, Any] = json.loads((ROOT / _CONFIG).read_text("utf-8"))
    return read


def function_name(app: str, handler: str) -> str:
    """The name that Chalice gives the function of a handler; `app` is APP-STAGE."""
    return app if handler == _ROUTE else f"{app}-{handler}"


def assert_stage(stage: str) -> None:
    """Raise SystemExit unless .chalice/config.json has this stage."""
    stages = config()["stages"]
    if stage not in stages:
        raise SystemExit(f"imgy: expected one of the stages {', '.join(stages)}, received '{stage}'")


def assert_python() -> None:
    """Raise SystemExit if this Python is too old to package for Lambda."""
    if sys.version_info < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        raise SystemExit(f"imgy: expected Python {wanted} or newer for a deploy, this is {sys.version.split()[0]}")


def assert_library() -> None:
    """Raise SystemExit unless vendor/ contains ImageMagick for Lambda."""
    if not _LIBRARY.exists():
        raise SystemExit("imgy: vendor/ does not contain ImageMagick for Lambda; build it: make imagemagick")


def architecture() -> str:
    """The functions' architecture: that of ImageMagick in vendor/, or else of this machine."""
    if _LIBRARY.exists():
        return _MACHINES[_LIBRARY.read_bytes()[18]]
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True)
class Functions:
    """The functions of one stage. `folder` is where the project is staged; `record` lists what is deployed."""

    stage: str
    folder: Path
    record: DeployedResources
    profile: str | None = None

    def staged(self, names: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Copy the project to the folder, with `names` in place of the default ones, and add the environment."""
        self._clear()
        for name in _COPIED:
            copy_path(ROOT / name, self.folder / name)
        for file in (ROOT / ".chalice").glob("*.json"):
            (self.folder / ".chalice" / file.name).write_text(renamed(file.read_text("utf-8"), names), "utf-8")
        pin_hashes(self.folder)
        self._add(environment)
        self._deployed_file.parent.mkdir()
        self._deployed_file.write_text(self.record.read(), "utf-8")

    def _clear(self) -> None:
        """Empty the folder but for packages, which Chalice reuses when code, requirements and vendor/ are the same."""
        with TemporaryDirectory() as aside:
            if self._packages.exists():
                shutil.move(self._packages, aside)
            shutil.rmtree(self.folder, ignore_errors=True)
            (self.folder / ".chalice").mkdir(parents=True)
            if (packages := Path(aside) / self._packages.name).exists():
                shutil.move(packages, self._packages)

    def environment(self) -> dict[str, str]:
        """The environment variables that .chalice/config.json sets for the stage."""
        written = config()
        of_stage = written["stages"][self.stage].get("environment_variables", {})
        return {**written.get("environment_variables", {}), **of_stage}

    @property
    def _packages(self) -> Path:
        return self.folder / ".chalice" / "deployments"

    @property
    def _deployed_file(self) -> Path:
        return self.folder / ".chalice" / "deployed" / f"{self.stage}.json"

    def _add(self, environment: Mapping[str, str]) -> None:
        path = self.folder / _CONFIG
        written = json.loads(path.read_text("utf-8"))
        written["lambda_architecture"] = architecture()
        of_stage = written["stages"][self.stage]
        of_stage["environment_variables"] = {**of_stage.get("environment_variables", {}), **environment}
        path.write_text(json.dumps(written, indent=2), "utf-8")

    def deploy(self) -> None:
        """Deploy the staged project. Raises SystemExit if the package is incomplete, which Chalice does not check."""
        with TemporaryDirectory() as out:
            self._chalice("package", "--pkg-format", "terraform", out)
            lacks = missing(Path(out) / "deployment.zip", (self.folder / "requirements.txt").read_text("utf-8"))
        for package in self._packages.glob("*.zip"):
            add_compiled(package)
        if lacks:
            shutil.rmtree(self._packages, ignore_errors=True)  # the next deploy must not reuse it
            raise SystemExit(f"imgy: nothing was deployed, because the package lacks {', '.join(lacks)}")
        self._chalice("deploy")
        self._save_record()

    def delete(self) -> None:
        """Delete the deployed functions."""
        self._chalice("delete")
        self._save_record()

    def _save_record(self) -> None:
        self.record.write(self._deployed_file.read_text("utf-8"))

    def _chalice(self, *words: str) -> None:
        """Run a chalice command on the staged project and show its output. Raises SystemExit if it fails."""
        profile = ["--profile", self.profile] if self.profile else []
        command = [sys.executable, "-c", CHALICE, *words, "--stage", self.stage, *profile]
        environment = {**os.environ, **QUIET, **AS_LISTED}
        environment.pop("PIP_CONSTRAINT", None)  # it would override the constraint of ours
        if subprocess.run(command, cwd=self.folder, env=environment, check=False).returncode:
            raise SystemExit(f"imgy: chalice {words[0]} failed; see its message above")

    def api_url(self) -> str:
        """The URL of the deployed stage's REST API. Raises SystemExit if there is none."""
        deployed = self.record.resources()
        if "rest_api" not in deployed:
            raise SystemExit(f"imgy: the functions of stage {self.stage} are not deployed yet")
        return str(deployed["rest_api"]["rest_api_url"])


def pin_hashes(folder: Path) -> None:
    """Make Chalice's pip accept only packages whose hash is in requirements.lock."""
    listed = folder / "requirements.txt"
    listed.write_text(with_hashes(listed.read_text("utf-8")), "utf-8")
    # Chalice downloads wheels for other platforms by name; the list as a constraint makes pip check their hashes, too.
    config = ConfigParser(interpolation=None)
    config.read(os.environ.get("PIP_CONFIG_FILE", ""))
    config.read_dict({"download": {"constraint": listed.name}})
    with (folder / PIP).open("w", encoding="utf-8") as file:
        config.write(file)


def add_compiled(package: Path) -> None:
    """Add compiled modules to a package for Lambda; without them, each cold start compiles all modules again."""
    with ZipFile(package) as archive, TemporaryDirectory() as folder:
        if any(name.endswith(".pyc") for name in archive.namelist()):
            return
        archive.extractall(folder)
        compile_dir(folder, quiet=2, stripdir=folder, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        written = package.with_suffix(".new")
        shutil.copy(package, written)
        with ZipFile(written, "a", ZIP_DEFLATED) as target:
            for path in sorted(Path(folder).rglob("*.pyc")):
                target.write(path, path.relative_to(folder))
    written.replace(package)


def missing(package: Path, listed: str) -> list[str]:
    """The requirements, as NAME==VERSION, that a package for Lambda does not contain."""
    with ZipFile(package) as archive:
        there = {name.partition("/")[0].lower() for name in archive.namelist()}
    return [
        f"{name}=={version}"
        for name, version in _LISTED.findall(listed)
        if f"{re.sub('[-_.]+', '_', name).lower()}-{version}.dist-info" not in there
    ]


def with_hashes(listed: str) -> str:
    """The requirements with their hashes from requirements.lock. Raises SystemExit if one is not locked."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    wanted = ["==".join(found) for found in _LISTED.findall(listed)]
    entries = [re.search(rf"^{re.escape(entry)}(?: \\\n {{4}}--hash=\S+)+", lock, re.MULTILINE) for entry in wanted]
    missing = [entry for entry, found in zip(wanted, entries, strict=True) if not found]
    if missing:
        raise SystemExit(f"imgy: requirements.lock has no {', '.join(missing)}; renew it: make lock")
    return "".join(f"{found[0]}\n" for found in entries if found)


def own_names(name: str, originals: str, derivatives: str) -> dict[str, str]:
    """A stage's own name for each default name in .chalice; `name` is APP-STAGE."""
    stock = Settings()
    queues = {f"{config()['app_name']}-{queue}": f"{name}-{queue}" for queue in ("failures", "invalidations", "events")}
    keys = {f"parameter/{config()['app_name']}/keys": f"parameter/{name}/keys"}
    return {stock.originals: originals, stock.derivatives: derivatives, **queues, **keys}


def copy_path(source: Path, target: Path) -> None:
    """Copy a file or folder, if there is one, without compiled modules."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.exists():
        shutil.copy2(source, target)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with each default name replaced by its own."""
    for stock, own in names.items():
        text = text.replace(stock, own)
    return text
