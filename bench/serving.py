"""Two contenders: a hit through the app, as the local gateway calls it, and a plain read of the same object."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path
from typing import Any

from bench.contender import Made, compete
from cli.embedded import environment

NAME = "w=720.jpg"


def set_up(original: Path) -> None:
    """Make the buckets and upload the original."""
    s3 = environment.s3_client()
    for bucket in (environment.ORIGINALS, environment.DERIVATIVES):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=environment.ORIGINALS, Key=original.name, Body=original.read_bytes())


def through_app(key: str) -> Made:
    """One request for the picture, from the gateway's event to the bytes of the response."""
    import app
    from cli.local.gateway import REQUEST_HEADERS, TARGET, call, http_answer

    environ = {
        TARGET: f"/{key}",
        REQUEST_HEADERS: [("Host", "localhost"), ("Accept", "image/*")],
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": environment.HOST,
        "wsgi.input": io.BytesIO(),
    }
    status, _, body = http_answer(call(app.app, environ), "GET")
    assert status == "200 OK", f"{status}: {body[:200]!r}"
    return {NAME: body}


class Reading:
    """A contender that reads the object with boto3 only."""

    def __init__(self) -> None:
        self._s3 = environment.s3_client()

    def __call__(self, key: str) -> Made:
        return {NAME: self._s3.get_object(Bucket=environment.DERIVATIVES, Key=key)["Body"].read()}


def main(task: dict[str, Any]) -> None:
    """Run the task as a contender."""
    logging.disable(logging.INFO)  # Chalice logs to standard output, which must contain only results
    environment.point_to_this_machine(task["s3_port"])
    original = Path(task["original"])
    if task["through_app"]:
        set_up(original)
    work = through_app if task["through_app"] else Reading()
    compete(lambda: work(f"{original.name}/{NAME}"), "", task["kept"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
