"""A hit through the app, as the local gateway calls it, and the plain reading of the same object: two contenders."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path
from typing import Any

from bench.contender import Made, compete
from cli.embedded import environment as local

NAME = "w=720.jpg"


def set_up(original: Path) -> None:
    """Make the buckets and upload the original."""
    s3 = local.s3_client()
    for bucket in (local.ORIGINALS, local.DERIVATIVES):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=local.ORIGINALS, Key=original.name, Body=original.read_bytes())


def through_app(key: str) -> Made:
    """One request for the picture, from the gateway's event to the bytes of its answer."""
    import app
    from cli.local.gateway import REQUEST_HEADERS, TARGET, call, http_answer

    environ = {
        TARGET: f"/{key}",
        REQUEST_HEADERS: [("Host", "localhost"), ("Accept", "image/*")],
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": local.HOST,
        "wsgi.input": io.BytesIO(),
    }
    status, _, body = http_answer(call(app.app, environ), "GET")
    assert status == "200 OK", f"{status}: {body[:200]!r}"
    return {NAME: body}


class Reading:
    """boto3 alone."""

    def __init__(self) -> None:
        self._s3 = local.s3_client()

    def __call__(self, key: str) -> Made:
        return {NAME: self._s3.get_object(Bucket=local.DERIVATIVES, Key=key)["Body"].read()}


def main(task: dict[str, Any]) -> None:
    """Compete in the task."""
    logging.disable(logging.INFO)  # Chalice logs to standard output, which is for what a turn came to
    local.point_to_this_machine(task["s3_port"])
    original = Path(task["original"])
    if task["through_app"]:
        set_up(original)
    work = through_app if task["through_app"] else Reading()
    compete(lambda: work(f"{original.name}/{NAME}"), "", task["kept"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
