"""The operator's commands on a rehearsed stage that reads a queue, each run as its operator would run it."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from chalicelib.storage.derivatives import TAG
from chalicelib.storage.manifest import manifest_key
from cli import ROOT
from cli.deploy.smoke_test import wait_for
from cli.samples.files import LANDSCAPE, sample

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

KEY = "an operator's (1).jpg"


@dataclass(frozen=True)
class Operator:
    """An operator of a stage. `found` are the outputs of its foundation.

    Requests to the API at `url` have these `headers`.
    """

    s3: "S3Client"
    stage: str
    found: Mapping[str, str]
    url: str
    headers: Mapping[str, str]
    show: Callable[[str], None]

    def operate(self) -> None:
        """Upload a picture, request a size that expires, then audit, repair, purge, backfill and remove.

        Raises SystemExit at the first unexpected result.
        """
        self.s3.put_object(Bucket=self.found["Originals"], Key=KEY, Body=sample(LANDSCAPE), ContentType="image/jpeg")
        presets = self._rendered()
        signed = self._run("url", KEY, "w=123", "--expires", "1h", "--base", self.url)
        with urlopen(Request(signed, headers=dict(self.headers)), timeout=60) as answer:
            answer.read()
        self._assert_tagged(self._stored() - presets - {manifest_key(KEY)}, presets)
        self._run("audit")
        self.s3.delete_object(Bucket=self.found["Derivatives"], Key=min(presets))
        self._run("audit", ends=1)
        self._run("audit", "--repair")
        self._run("audit")
        for words in (["--queue", self.found["Events"]], []):
            self._run("purge", KEY)
            _assert_same(self._stored(), set(), "derivatives after a purge")
            self._run("backfill", *words)
            _assert_same(self._rendered(), presets, "derivatives after a backfill")
        self.s3.delete_object(Bucket=self.found["Originals"], Key=KEY)
        wait_for(lambda: not self._stored(), "no derivative of the removed original")

    def _run(self, *words: str, ends: int = 0) -> str:
        command = [sys.executable, "-m", "cli", *words, "--stage", self.stage]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        _assert_same(done.returncode, ends, f"exit code of {' '.join(words)} ({done.stderr.strip()})")
        self.show(f"  {words[0]}: {'; '.join(done.stdout.strip().splitlines())}")
        return done.stdout.strip()

    def _rendered(self) -> set[str]:
        """The pictures of the presets, once the manifest is there."""
        manifest = manifest_key(KEY)
        wait_for(lambda: manifest in self._stored(), "the manifest of an upload")
        return self._stored() - {manifest}

    def _stored(self) -> set[str]:
        listed = self.s3.list_objects_v2(Bucket=self.found["Derivatives"], Prefix=f"{KEY}/")
        return {entry["Key"] for entry in listed.get("Contents", [])}

    def _assert_tagged(self, adhoc: set[str], presets: set[str]) -> None:
        """Check that exactly the pictures that no preset makes are tagged to expire.

        The embedded CloudFormation does not support the lifecycle rule that deletes them.
        """
        bucket = self.found["Derivatives"]
        tags = {key: self.s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] for key in adhoc | presets}
        tagged = {key for key, found in tags.items() if TAG in map(_text, found)}
        _assert_same(tagged, adhoc, "pictures tagged to expire")


def _text(tag: "TagTypeDef") -> str:
    return f"{tag['Key']}={tag['Value']}"


def _assert_same(received: object, expected: object, what: str) -> None:
    if received != expected:
        raise SystemExit(f"imgy: expected {expected} as the {what}, received {received}")
