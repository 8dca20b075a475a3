"""The operator's commands on a rehearsed stage that reads a queue, each typed as its operator would."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from chalicelib.storage.derivatives import TAG
from chalicelib.storage.manifest import manifest_key
from cli import ROOT
from cli.deploy.smoke_test import until
from cli.samples.files import LANDSCAPE, sample

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

KEY = "an operator's (1).jpg"


@dataclass(frozen=True)
class Operator:
    """Somebody with the credentials of a stage's account; `found` are its foundation's outputs.

    What is asked of the API at `url` is asked with `headers`.
    """

    s3: "S3Client"
    stage: str
    found: Mapping[str, str]
    url: str
    headers: Mapping[str, str]
    show: Callable[[str], None]

    def operate(self) -> None:
        """Upload a picture, ask for a size of it that expires, spoil, audit, purge and fill, and remove it.

        Raises SystemExit where anything comes to something else.
        """
        self.s3.put_object(Bucket=self.found["Originals"], Key=KEY, Body=sample(LANDSCAPE), ContentType="image/jpeg")
        presets = self._made()
        signed = self._types("url", KEY, "w=123", "--expires", "1h", "--base", self.url)
        with urlopen(Request(signed, headers=dict(self.headers)), timeout=60) as answer:
            answer.read()
        self._assert_tagged(self._standing() - presets - {manifest_key(KEY)}, presets)
        self._types("audit")
        self.s3.delete_object(Bucket=self.found["Derivatives"], Key=min(presets))
        self._types("audit", ends=1)
        self._types("audit", "--repair")
        self._types("audit")
        for words in (["--queue", self.found["Events"]], []):
            self._types("purge", KEY)
            _assert_same(self._standing(), set(), "derivatives of what was purged")
            self._types("backfill", *words)
            _assert_same(self._made(), presets, "derivatives of what was filled")
        self.s3.delete_object(Bucket=self.found["Originals"], Key=KEY)
        until(lambda: not self._standing(), "no derivative of what was removed")

    def _types(self, *words: str, ends: int = 0) -> str:
        command = [sys.executable, "-m", "cli", *words, "--stage", self.stage]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        _assert_same(done.returncode, ends, f"exit code of {' '.join(words)} ({done.stderr.strip()})")
        self.show(f"  {words[0]}: {'; '.join(done.stdout.strip().splitlines())}")
        return done.stdout.strip()

    def _made(self) -> set[str]:
        """The pictures of the presets, once all of them are there."""
        manifest = manifest_key(KEY)
        until(lambda: manifest in self._standing(), "the manifest of an upload")
        return self._standing() - {manifest}

    def _standing(self) -> set[str]:
        listed = self.s3.list_objects_v2(Bucket=self.found["Derivatives"], Prefix=f"{KEY}/")
        return {entry["Key"] for entry in listed.get("Contents", [])}

    def _assert_tagged(self, adhoc: set[str], presets: set[str]) -> None:
        """That what no preset names is to expire, and nothing else is.

        The rule itself, which the foundation gives the bucket, is not known to the embedded CloudFormation.
        """
        bucket = self.found["Derivatives"]
        tags = {key: self.s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] for key in adhoc | presets}
        tagged = {key for key, found in tags.items() if TAG in map(_text, found)}
        _assert_same(tagged, adhoc, "pictures that are to expire")


def _text(tag: "TagTypeDef") -> str:
    return f"{tag['Key']}={tag['Value']}"


def _assert_same(received: object, expected: object, what: str) -> None:
    if received != expected:
        raise SystemExit(f"imgy: expected {expected} as the {what}, received {received}")
