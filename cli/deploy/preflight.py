"""What `chalice deploy` and `chalice package` check first, if they are typed by hand in a checkout."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import Settings
from cli import ROOT
from cli.deploy.functions import AS_LISTED, NO_DEPENDENCIES, assert_library, assert_python


def is_typed(words: Sequence[str], project: Path) -> bool:
    """Whether `words` are those of a `chalice` command in this checkout that makes a package."""
    return project.resolve() == ROOT and bool({"deploy", "package"} & set(words))


def check(settings: Settings, s3: Any, deploy: bool) -> None:
    """Raise SystemExit with one sentence if the functions could not work; nothing has been made by then.

    A package alone needs no buckets. Chalice's pip then installs what requirements.txt lists, and nothing else.
    """
    assert_python()
    if not _is_embedded(os.environ):
        assert_library()
    _assert_own_names(settings)
    for bucket in (settings.originals, settings.derivatives) if deploy else ():
        _assert_bucket(s3, bucket)
    os.environ[NO_DEPENDENCIES] = AS_LISTED[NO_DEPENDENCIES]


def _is_embedded(environment: Mapping[str, str]) -> bool:
    """Whether AWS is on this machine: its functions then use this machine's ImageMagick."""
    return urlparse(environment.get("AWS_ENDPOINT_URL", "")).hostname in ("127.0.0.1", "localhost")


def _assert_own_names(settings: Settings) -> None:
    stock, texts = Settings(), [file.read_text("utf-8") for file in (ROOT / ".chalice").glob("*.json")]
    if settings.originals == settings.derivatives:
        raise SystemExit("imgy: expected two buckets, received one, in which each derivative would be an upload")
    for name in (stock.originals, stock.derivatives):
        if any(re.search(rf"\b{name}\b", text) for text in texts):
            raise SystemExit(
                f"imgy: {name} is the name of an example; "
                f"write the name of your own bucket in its place in all files of .chalice/: "
                f"sed -i s/{name}/YOUR-BUCKET/ .chalice/*.json"
            )


def _assert_bucket(s3: Any, bucket: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket)
    except (ClientError, BotoCoreError) as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"] if isinstance(error, ClientError) else None
        if status == 404:
            raise SystemExit(f"imgy: bucket {bucket} does not exist; create it: aws s3 mb s3://{bucket}") from None
        raise SystemExit(f"imgy: bucket {bucket} cannot be used with these credentials: {error}") from None
