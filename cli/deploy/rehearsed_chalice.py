"""Plain `chalice deploy` on the embedded AWS, as a developer types it in a checkout with two buckets."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3

from chalicelib.presets.file import load_configuration
from chalicelib.settings import Settings
from cli import ROOT
from cli.deploy.functions import CHALICE, QUIET, copy_path, renamed
from cli.deploy.smoke_test import paths, smoke_test

_CHECKOUT = ("app.py", "chalicelib", "cli", "presets.yaml", "requirements.txt", "requirements.lock", "vendor")
_BUCKETS = {"Originals": "somebody-s-photos", "Derivatives": "somebody-s-pictures"}
_ANY: Mapping[str, str] = {"Accept": "*/*"}


@dataclass(frozen=True)
class Developer:
    """A developer in a new checkout. `address` returns the URL at which the embedded AWS serves an API."""

    session: boto3.Session
    checkout: Path
    stage: str
    address: Callable[[str], str]
    show: Callable[[str], None]

    def deploy_and_delete(self) -> None:
        """Deploy, upload, fetch a preset and another size, and delete. Raises SystemExit at an unexpected result."""
        self._check_out()
        self._refused("is the name of an example")
        self._write_names()
        self._refused("does not exist; create it")
        s3 = self.session.client("s3")
        for bucket in _BUCKETS.values():
            s3.create_bucket(Bucket=bucket)
        self._chalice("deploy")
        fetched = paths(load_configuration(self.stage), {})
        smoke_test(s3, _BUCKETS, fetched, self.address(self._url()), self.show, _ANY, by_s3=False)
        self._chalice("delete")
        for bucket in _BUCKETS.values():
            s3.delete_bucket(Bucket=bucket)
        self._delete_log_groups()

    def _check_out(self) -> None:
        for name in _CHECKOUT:
            copy_path(ROOT / name, self.checkout / name)
        (self.checkout / ".chalice").mkdir()
        for file in (ROOT / ".chalice").glob("*.json"):
            shutil.copy2(file, self.checkout / ".chalice" / file.name)

    def _write_names(self) -> None:
        stock = Settings()
        names = {stock.originals: _BUCKETS["Originals"], stock.derivatives: _BUCKETS["Derivatives"]}
        for file in (self.checkout / ".chalice").glob("*.json"):
            file.write_text(renamed(file.read_text("utf-8"), names), "utf-8")

    def _refused(self, why: str) -> None:
        said = self._run("deploy")
        if said.returncode == 0 or why not in said.stderr or "Traceback" in said.stderr:
            raise SystemExit(f"imgy: expected chalice deploy to say '{why}', received: {said.stdout}{said.stderr}")
        if self.session.client("lambda").list_functions()["Functions"]:
            raise SystemExit("imgy: expected no function after a refused deploy")
        self.show(f"  chalice deploy: {said.stderr.strip()}")

    def _chalice(self, word: str) -> None:
        said = self._run(word)
        if said.returncode:
            raise SystemExit(f"imgy: chalice {word} failed: {said.stdout}{said.stderr}")
        self.show(f"  chalice {word}: {said.stdout.strip().splitlines()[-1]}")

    def _run(self, word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", CHALICE, word, "--stage", self.stage]
        return subprocess.run(
            command, cwd=self.checkout, env={**os.environ, **QUIET}, capture_output=True, text=True, check=False
        )

    def _url(self) -> str:
        deployed = json.loads((self.checkout / ".chalice" / "deployed" / f"{self.stage}.json").read_text("utf-8"))
        return next(str(one["rest_api_url"]) for one in deployed["resources"] if one["name"] == "rest_api")

    def _delete_log_groups(self) -> None:
        logs = self.session.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])
