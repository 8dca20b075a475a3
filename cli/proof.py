"""The proof of a deploy: a picture goes in, its presets and another size come out, and all goes with it."""

import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from chalicelib.manifest import manifest_key
from chalicelib.presets import Presets
from chalicelib.storage import S3Store
from cli.samples import landscape

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "imgy's proof (1).jpg"
"""Letters that URLs, events and signatures spell differently."""

_SECONDS = 120
_NO_HEADERS: Mapping[str, str] = {}


def prove(
    s3: "S3Client",
    buckets: Mapping[str, str],
    presets: Presets,
    url: str,
    show: Callable[[str], None],
    headers: Mapping[str, str] = _NO_HEADERS,
    by_s3: bool = True,
) -> None:
    """Upload, fetch and remove a picture; raises SystemExit for what does not come.

    `by_s3`: a preset must be answered by S3 itself, as CloudFront asks it first.
    """
    derivatives, preset = S3Store(s3, buckets["Derivatives"]), next(iter(presets.presets))
    address = f"{url.rstrip('/')}/{quote(KEY)}"
    s3.put_object(Bucket=buckets["Originals"], Key=KEY, Body=landscape(), ContentType="image/jpeg")
    try:
        until(lambda: derivatives.head(manifest_key(KEY)), "the manifest of an upload")
        show(f"  an upload made {len(list(derivatives.names(f'{KEY}/'))) - 1} derivatives")
        queries = [f"preset={preset}", *([f"w={random.randint(100, 999)}"] if presets.access == "open" else [])]
        for query in queries:
            asked = Request(f"{address}?{query}", headers=dict(headers))
            said, server = until(partial(_fetched, asked), f"a picture from {url}")
            show(f"  {query}: {said}")
            if by_s3 and query == queries[0] and server != "AmazonS3":
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
