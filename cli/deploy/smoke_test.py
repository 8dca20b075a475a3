"""The smoke test of a deploy: uploads a picture, fetches a preset and another size, and removes the picture."""

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from chalicelib.access.signatures import Keys, signed_path
from chalicelib.http.health import PATH as HEALTH
from chalicelib.presets.configuration import Configuration
from chalicelib.sandbox.confinement import NOT_HERE, STANDS
from chalicelib.storage.manifest import manifest_key
from chalicelib.storage.s3 import S3Store
from cli.samples.files import LANDSCAPE, sample

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "imgy's proof (1) ~a,b=c.jpg"
"""Contains characters that URLs, events and signatures encode differently."""

_SECONDS = 120
_NO_HEADERS: Mapping[str, str] = {}


def paths(configuration: Configuration, keys: Keys) -> list[str]:
    """The paths to fetch: a preset and another size, each with and without a signature, as far as access allows."""
    access = configuration.access
    widths = access.ladder.rungs.get("w") or range(100, 1000)
    asked = {"preset": next(iter(configuration.presets.presets))}, {"w": f"{random.choice(widths):g}"}
    plain = [f"/{quote(KEY)}?{urlencode(query)}" for query in asked]
    signed = [signed_path(KEY, query, *list(keys.items())[-1]) for query in asked] if keys else []
    if access.mode == "presets":
        return plain[:1]
    return [*plain[: access.opens_named], *signed, *plain[1 : 1 + (access.mode == "open")]]


def smoke_test(
    s3: "S3Client",
    buckets: Mapping[str, str],
    paths: Sequence[str],
    url: str,
    show: Callable[[str], None],
    headers: Mapping[str, str] = _NO_HEADERS,
    by_s3: bool = True,
) -> None:
    """Upload a picture, fetch these paths, and remove the picture.

    Raises SystemExit if a picture cannot be fetched. `by_s3`: S3 must answer a preset, as CloudFront asks it first.
    """
    derivatives = S3Store(s3, buckets["Derivatives"])
    health = Request(url.rstrip("/") + HEALTH, headers=dict(headers))
    s3.put_object(Bucket=buckets["Originals"], Key=KEY, Body=sample(LANDSCAPE), ContentType="image/jpeg")
    try:
        show("  " + wait_for(partial(_sandbox, health), f"{HEALTH} from {url}"))
        wait_for(lambda: derivatives.head(manifest_key(KEY)), "the manifest of an upload")
        show(f"  an upload made {len(list(derivatives.names(f'{KEY}/'))) - 1} derivatives")
        for path in paths:
            request = Request(url.rstrip("/") + path, headers=dict(headers))
            answer, server = wait_for(partial(_fetched, request), f"a picture from {url}")
            show(f"  {path.partition('?')[2].partition('&sig=')[0]}: {answer}")
            if by_s3 and "preset=" in path and server != "AmazonS3":
                raise SystemExit(
                    "imgy: expected the preset from S3, but the API answered; check that CloudFront can read the bucket"
                )
    finally:
        s3.delete_object(Bucket=buckets["Originals"], Key=KEY)
    wait_for(lambda: not list(derivatives.names(f"{KEY}/")), "no derivative of the removed original")
    show("  removing the original deleted all of them")


def wait_for(check: Callable[[], Any], what: str) -> Any:
    """Call `check` each second until its result is true, and return it. Raises SystemExit after two minutes."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(1)
    raise SystemExit(f"imgy: expected {what} within {_SECONDS} s; see the logs of the functions")


def _sandbox(request: Request) -> str | None:
    """What protects a worker there; None while there is no answer."""
    try:
        with urlopen(request, timeout=30) as answer:
            walls = json.load(answer)["walls"]
    except (OSError, HTTPException):
        return None
    missing = [name for name, result in walls.items() if result != STANDS]
    stands = f"sandbox: {len(walls) - len(missing)} of {len(walls)} protections stand"
    return f"{stands}; {NOT_HERE}: {', '.join(missing)} (docs/security.md)" if missing else stands


def _fetched(request: Request) -> tuple[str, str] | None:
    try:
        with urlopen(request, timeout=30) as answer:
            cached = answer.headers.get("X-Cache", "no X-Cache")
            summary = f"{answer.status} {answer.headers['Content-Type']}, {len(answer.read())} bytes, {cached}"
            return summary, answer.headers.get("Server", "")
    except (OSError, HTTPException):
        return None
