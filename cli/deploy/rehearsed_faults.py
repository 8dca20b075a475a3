"""A proxy in front of the embedded AWS that refuses every change from the nth on, as if the deploy had broken off."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from threading import Lock, Thread
from typing import TYPE_CHECKING

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from cli.embedded.environment import HOST

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_READS = ("Describe", "Get", "List")
_BY_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")
_REFUSAL = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>broken off</Message></Error></ErrorResponse>"


@dataclass
class Fault:
    """Lets `left` more calls change something; None lets all. `refused` is the first call after them."""

    port: int
    left: int | None = None
    refused: str = ""

    def __post_init__(self) -> None:
        self._lock = Lock()

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        body, action = request.get_data(), changing(request)
        if action and not self._may(action):
            return Response(_REFUSAL, 403, {"Content-Type": "text/xml"})(environ, start)
        return self._forwarded(request, str(environ["RAW_URI"]), body)(environ, start)

    def _may(self, action: str) -> bool:
        with self._lock:
            if self.left is None:
                return True
            self.left -= 1
            if self.left == -1:
                self.refused = action
            return self.left >= 0

    def _forwarded(self, request: Request, path: str, body: bytes) -> Response:
        connection = HTTPConnection(HOST, self.port, timeout=120)
        try:
            connection.request(request.method, path, body, dict(request.headers))
            answer = connection.getresponse()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _BY_HOP]
            return Response(answer.read(), answer.status, headers)
        finally:
            connection.close()


def changing(request: Request) -> str:
    """The name of the call if it changes something, else an empty text."""
    if request.method in ("GET", "HEAD"):
        return ""
    form: Mapping[str, str] = request.form if not request.headers.get("X-Amz-Target") else {}
    action = request.headers.get("X-Amz-Target", "").rpartition(".")[2] or form.get("Action", "")
    return "" if action.startswith(_READS) else action or f"{request.method} {request.path}"


@contextmanager
def faulty(port: int) -> Iterator[tuple[Fault, int]]:
    """The fault in front of the embedded AWS at a port, and the port to call instead."""
    fault = Fault(port)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not each call
    server = make_server(HOST, 0, fault, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield fault, server.port
    finally:
        server.shutdown()
