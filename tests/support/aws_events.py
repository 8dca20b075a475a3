"""What AWS hands to the app, and what the app hands back: API Gateway's REST event, S3's notifications."""

import base64
import io
import json
from dataclasses import dataclass
from urllib.parse import quote

from cli.embedded.lambda_context import LambdaContext
from cli.local.gateway import REQUEST_HEADERS, TARGET, http_answer, proxy_event
from cli.operate.queue import created_record

TEST_EVENT = {
    "Service": "Amazon S3",
    "Event": "s3:TestEvent",
    "Time": "2026-11-23T00:00:00.000Z",
    "Bucket": "imgy-originals",
    "RequestId": "5582815E1AEA5ADF",
    "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
}
"""What S3 sends when notifications are set up, from its documentation."""


def rest_event(target, method="GET", headers=()):
    """API Gateway's event for a request target, as the local gateway builds it, gone through JSON."""
    environ = {
        TARGET: target.encode().decode("latin-1"),
        REQUEST_HEADERS: list(dict(headers).items()),
        "REQUEST_METHOD": method,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
    }
    return json.loads(json.dumps(proxy_event(environ, "one-request")))


def upload_event(*keys):
    """S3's event for some uploads, keys encoded as S3 does."""
    return {"Records": [created_record("imgy-originals", key) for key in keys]}


def removal_event(*keys):
    """S3's event for some removals."""
    return {"Records": [{**record, "eventName": "ObjectRemoved:Delete"} for record in upload_event(*keys)["Records"]]}


@dataclass(frozen=True)
class Response:
    """An HTTP response; `headers` by the name as it was written."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The one sentence of an error."""
        assert list(self.json) == ["error"], self.body
        return self.json["error"]

    @property
    def steady(self):
        """The headers that say the same for a hit and a miss."""
        return {name: value for name, value in self.headers.items() if name not in ("X-Cache", "Server-Timing")}


class Web:
    """A client of the app, which asks as API Gateway does."""

    def __init__(self, app):
        self._app = app

    def ask(self, target, method="GET", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = json.loads(json.dumps(self._app(rest_event(target, method, named), LambdaContext("imgy", 29))))
        assert answer["isBase64Encoded"] or isinstance(answer["body"], str)
        status, sent, body = http_answer(answer, method)
        assert len({name.lower() for name, _ in sent}) == len(sent), sent
        if method == "HEAD":
            assert not base64.b64decode(answer["body"] or ""), "an answer to HEAD has no body"
        return Response(int(status.split()[0]), dict(sent), body)

    def get(self, key, query="", **headers):
        """Ask for an original by its key, escaped as a browser would."""
        return self.ask(f"/{quote(key)}{'?' if query else ''}{query}", **headers)
