"""The proof of a deploy: a picture goes in, its presets and another size come out, and all goes with it."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from chalicelib.access.signatures import Keys, signed_path
from chalicelib.presets.configuration import Configuration
from chalicelib.storage.manifest import manifest_key
from chalicelib.storage.s3 import S3Store
from cli.samples.files import LANDSCAPE, sample

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "imgy's proof (1).jpg"
"""Letters that URLs, events and signatures spell differently."""

_SECONDS = 120
_NO_HEADERS: Mapping[str, str] = {}


def paths(configuration: Configuration, keys: Keys) -> list[str]:
    """What is asked for: a preset, and where it may be another size, signed where there are keys."""
    access, presets = configuration.access, configuration.presets
    preset, size = {"preset": next(iter(presets.presets))}, {"w": str(random.randint(100, 999))}
    plain = [f"/{quote(KEY)}?{urlencode(asked)}" for asked in (preset, size)]
    signed = [signed_path(KEY, asked, *list(keys.items())[-1]) for asked in (preset, size)] if keys else plain
    first = signed[0] if access.sign_presets else plain[0]
    return [first] if access.mode == "presets" else [first, signed[1]]


def smoke_test(
    s3: "S3Client",
    buckets: Mapping[str, str],
    paths: Sequence[str],
    url: str,
    show: Callable[[str], None],
    headers: Mapping[str, str] = _NO_HEADERS,
    by_s3: bool = True,
) -> None:
    """Upload a picture, fetch it by these paths, the first a preset's, and remove it.

    Raises SystemExit for what does not come. `by_s3`: the preset must be answered by S3, as CloudFront asks it first.
    """
    derivatives = S3Store(s3, buckets["Derivatives"])
    s3.put_object(Bucket=buckets["Originals"], Key=KEY, Body=sample(LANDSCAPE), ContentType="image/jpeg")
    try:
        until(lambda: derivatives.head(manifest_key(KEY)), "the manifest of an upload")
        show(f"  an upload made {len(list(derivatives.names(f'{KEY}/'))) - 1} derivatives")
        for path in paths:
            asked = Request(url.rstrip("/") + path, headers=dict(headers))
            said, server = until(partial(_fetched, asked), f"a picture from {url}")
            show(f"  {path.partition('?')[2].partition('&sig=')[0]}: {said}")
            if by_s3 and path == paths[0] and server != "AmazonS3":
                raise SystemExit(
                    "imgy: expected S3 to answer for a preset, the API did: may CloudFront read the bucket?"
                )
    finally:
        s3.delete_object(Bucket=buckets["Originals"], Key=KEY)
    until(lambda: not list(derivatives.names(f"{KEY}/")), "no derivative of what was removed")
    show("  the removal of the original took all of them away")


def until(look: Callable[[], Any], what: str) -> Any:
    """What a look comes to, as soon as it is true; raises SystemExit where that takes too long."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(1)
    raise SystemExit(f"imgy: expected {what} within {_SECONDS} s; the functions' logs say what happened")


def _fetched(request: Request) -> tuple[str, str] | None:
    try:
        with urlopen(request, timeout=30) as answer:
            cached = answer.headers.get("X-Cache", "no X-Cache")
            said = f"{answer.status} {answer.headers['Content-Type']}, {len(answer.read())} bytes, {cached}"
            return said, answer.headers.get("Server", "")
    except (OSError, HTTPException):
        return None
