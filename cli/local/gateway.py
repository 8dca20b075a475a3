"""API Gateway for the local run: turns an HTTP request into a REST proxy event, and the app's answer into HTTP."""

import base64
import json
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from string import punctuation
from time import gmtime, strftime, time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from chalicelib.http.health import PATH as HEALTH
from cli.embedded.lambda_context import LambdaContext

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("imgy")

Event = dict[str, Any]
Handler = Callable[[Event, Any], Any]

METHODS = ("GET", "HEAD", "OPTIONS")
GREEDY = "/{key+}"
PAGE = "/-/page"
TIMEOUT_SECONDS = 29
REQUEST_LIMIT = 10 * 1024 * 1024
LAMBDA_ANSWER_LIMIT = 6 * 1024 * 1024
WITHOUT_BODY = (204, 304)
REQUEST_HEADERS, TARGET = "imgy.headers", "imgy.target"


class RawRequest(WSGIRequestHandler):
    """A request handler that keeps the raw target and headers, and logs nothing, because the app logs each request."""

    disable_nagle_algorithm = True

    def make_environ(self) -> "WSGIEnvironment":
        """The environment with the raw target, since http.server merges leading slashes."""
        return {**super().make_environ(), TARGET: self.requestline.split()[1], REQUEST_HEADERS: self.headers.items()}

    def log(self, type: str, message: str, *args: Any) -> None:
        """Log nothing."""


def gateway(app: Handler, page: "WSGIApplication") -> "WSGIApplication":
    """A WSGI application: / and /-/page are the web page, everything else is the app."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = raw_path(environ[TARGET])
        if path == "/" or path == PAGE or path.startswith(PAGE + "/"):
            return page(environ, start_response)
        status, headers, body = http_answer(call(app, environ), environ["REQUEST_METHOD"])
        start_response(status, headers)
        return [body]

    return respond


def serve(listener: socket.socket, application: "WSGIApplication") -> BaseWSGIServer:
    """An HTTP/1.1 server on a listening socket, a thread for each request."""
    host, port = listener.getsockname()
    return make_server(host, port, application, threaded=True, request_handler=RawRequest, fd=listener.fileno())


def call(app: Handler, environ: "WSGIEnvironment") -> Event:
    """The app's answer, or API Gateway's own where it would not call the app."""
    if environ["REQUEST_METHOD"] not in METHODS:
        return message(405, f"expected {', '.join(METHODS)} as method", {"Allow": ", ".join(METHODS)})
    context = LambdaContext("imgy", TIMEOUT_SECONDS)
    try:
        answer: Event = app(proxy_event(environ, context.aws_request_id), context)
    except RequestEntityTooLarge:
        return message(413, "expected a request body of at most 10 MB")
    except Exception:
        log.exception("The app raised at %s", environ[TARGET])
        return message(502, "Internal server error")
    if len(answer.get("body") or "") > LAMBDA_ANSWER_LIMIT:
        log.error("The answer to %s is larger than 6 MB, the limit of Lambda", environ[TARGET])
        return message(502, "Internal server error")
    return answer


def proxy_event(environ: "WSGIEnvironment", request_id: str) -> Event:
    """API Gateway's REST (v1) proxy event: the key percent-encoded as received, the query decoded."""
    path, query, headers = raw_path(environ[TARGET]), decoded_query(environ[TARGET]), environ[REQUEST_HEADERS]
    resource = HEALTH if path == HEALTH else GREEDY
    body = get_input_stream(environ, max_content_length=REQUEST_LIMIT).read()
    return {
        "resource": resource,
        "path": path,
        "httpMethod": environ["REQUEST_METHOD"],
        "headers": dict(headers) or None,
        "multiValueHeaders": gathered(headers) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": gathered(query) or None,
        "pathParameters": None if resource == HEALTH else {"key": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": _request_context(environ, resource, request_id),
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


def _request_context(environ: "WSGIEnvironment", resource: str, request_id: str) -> Event:
    return {
        "accountId": "000000000000",
        "apiId": "local",
        "stage": "local",
        "protocol": environ["SERVER_PROTOCOL"],
        "requestId": request_id,
        "requestTime": strftime("%d/%b/%Y:%H:%M:%S +0000", gmtime()),
        "requestTimeEpoch": int(time() * 1000),
        "resourcePath": resource,
        "httpMethod": environ["REQUEST_METHOD"],
        "path": raw_path(environ[TARGET]),
        "domainName": environ.get("HTTP_HOST", ""),
        "identity": {"sourceIp": environ["REMOTE_ADDR"], "userAgent": environ.get("HTTP_USER_AGENT")},
    }


def raw_path(target: str) -> str:
    """The path of a request target (latin-1, as http.server reads it) exactly as sent, bytes above ASCII escaped."""
    path = target.partition("?")[0]
    absolute = not path.startswith("/")
    return quote((urlsplit(path).path if absolute else path).encode("latin-1"), safe=punctuation)


def decoded_query(target: str) -> list[tuple[str, str]]:
    """The query's names and values, in order, decoded as API Gateway does."""
    raw = target.partition("?")[2].encode("latin-1").decode(errors="replace")
    return parse_qsl(raw, keep_blank_values=True)


def gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The values of each name."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def http_answer(answer: Event, method: str) -> tuple[str, list[tuple[str, str]], bytes]:
    """The status line, headers and body of a proxy answer."""
    status, text = int(answer["statusCode"]), answer.get("body") or ""
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    headers = _headers(answer)
    if method != "HEAD" or not any(name.lower() == "content-length" for name, _ in headers):
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        headers += [] if status in WITHOUT_BODY else [("Content-Length", str(len(body)))]
    line = f"{status} {HTTPStatus(status).phrase}"
    return line, headers, b"" if method == "HEAD" or status in WITHOUT_BODY else body


def _headers(answer: Event) -> list[tuple[str, str]]:
    single = {name: [value] for name, value in (answer.get("headers") or {}).items()}
    several: Mapping[str, list[str]] = single | (answer.get("multiValueHeaders") or {})
    return [(name, str(value)) for name, values in several.items() for value in values]


def message(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Event:
    """An answer of the gateway itself, in API Gateway's JSON."""
    body = json.dumps({"message": sentence})
    return {"statusCode": status, "headers": {"Content-Type": "application/json", **(headers or {})}, "body": body}
