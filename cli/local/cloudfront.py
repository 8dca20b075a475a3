"""CloudFront before the local run: the real function under node, a cache with tags, S3 first, the app second."""

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from werkzeug.test import run_wsgi_app

from chalicelib.cdn import HEADER, tag
from chalicelib.settings import ACCESS_HEADER, ORIGIN_HEADER
from chalicelib.storage.manifest import original_of
from cli.edge.access import items
from cli.edge.function import API, TEMPLATE, function, under_node
from cli.local.gateway import REQUEST_HEADERS, TARGET, gathered, raw_path

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_s3 import S3Client

_CARRIED = ("content-type", "cache-control", "etag", "last-modified", "content-length", HEADER)
_WORKER = """
require('readline').createInterface({input: process.stdin}).on('line', async function (line) {
    process.stdout.write(JSON.stringify(await answered(JSON.parse(line))) + '\\n');
});
"""


@dataclass(frozen=True)
class Answer:
    """What an origin said, `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tags(self) -> list[str]:
        """The tags by which CloudFront forgets it."""
        return self.headers.get(HEADER, "").split(",")


@dataclass(frozen=True)
class Template:
    """What edge/template.yaml says of failover and of errors."""

    failover: frozenset[int]
    error_seconds: Mapping[int, float]
    default_seconds: float

    @classmethod
    def read(cls, path: Path = TEMPLATE) -> "Template":
        resources = yaml.load(path.read_text("utf-8"), Loader=_Loader)["Resources"]
        distribution = resources["Distribution"]["Properties"]["DistributionConfig"]
        group = distribution["OriginGroups"]["Items"][0]
        policy = resources["CachePolicy"]["Properties"]["CachePolicyConfig"]
        errors = {entry["ErrorCode"]: entry["ErrorCachingMinTTL"] for entry in distribution["CustomErrorResponses"]}
        return cls(frozenset(group["FailoverCriteria"]["StatusCodes"]["Items"]), errors, policy["DefaultTTL"])

    def seconds(self, answer: Answer) -> float:
        """How long CloudFront keeps an answer."""
        control = answer.headers.get("cache-control", "")
        if re.search(r"no-store|no-cache|private", control):
            return 0 if answer.status < 400 else self.error_seconds.get(answer.status, 0)
        said = re.search(r"s-maxage=(\d+)", control) or re.search(r"max-age=(\d+)", control)
        kept = float(said[1]) if said else self.default_seconds
        return kept if answer.status < 400 else max(kept if said else 0, self.error_seconds.get(answer.status, 0))


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags, which nothing here looks at."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: None)


class ViewerRequest:
    """The viewer-request function, run by node as CloudFront runs it."""

    @classmethod
    @contextmanager
    def running(cls, function: str, items: Mapping[str, str]) -> "Iterator[ViewerRequest]":
        """The function with these items in its key-value store, in a process that ends with this."""
        with NamedTemporaryFile("w", suffix=".cjs", encoding="utf-8") as script:
            script.write(under_node(function, items) + _WORKER)
            script.flush()
            running = cls(script.name)
            try:
                yield running
            finally:
                running._worker.kill()
                running._worker.wait()

    def __init__(self, script: str) -> None:
        node = shutil.which("node")
        if node is None:
            raise SystemExit("imgy: EDGE=1 needs node, which runs CloudFront's function; install nodejs")
        self._lock = threading.Lock()
        self._worker = subprocess.Popen([node, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._worker.stdin
        assert self._worker.stdout
        with self._lock:
            self._worker.stdin.write(json.dumps({"request": request}) + "\n")
            self._worker.stdin.flush()
            answered: dict[str, Any] = json.loads(self._worker.stdout.readline())
        return answered


@dataclass
class Edge:
    """A distribution: `s3` answers a path as the first origin, `api` a WSGI request as the second.

    `secret` is what it says to the second; `clock`: seconds.
    """

    function: Callable[[Mapping[str, Any]], dict[str, Any]]
    s3: Callable[[str], Answer]
    api: "WSGIApplication"
    template: Template = field(default_factory=Template.read)
    secret: str = ""
    clock: Callable[[], float] = time.monotonic
    kept: dict[tuple[str, str, str, str], tuple[float, Answer]] = field(default_factory=dict)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        chosen = self.function(viewer_request(environ))
        if "response" in chosen:
            return _sent(
                made(chosen["response"]), {"x-cache": "FunctionGeneratedResponse from cloudfront"}, environ, start
            )
        hit, answer = self._answer(chosen, environ)
        cached = ("Hit" if hit else "Miss") + " from cloudfront"
        return _sent(answer, {"x-cache": cached, "vary": "Accept"}, environ, start)

    def invalidate(self, tag: str) -> None:
        """Carry out an invalidation."""
        for key in [key for key, (_, answer) in self.kept.items() if tag in answer.tags]:
            self.kept.pop(key, None)

    def _answer(self, chosen: Mapping[str, Any], environ: "WSGIEnvironment") -> tuple[bool, Answer]:
        request, api_alone = chosen["request"], chosen["origin"] == API
        accept, access = (request["headers"].get(name, {}).get("value", "") for name in ("accept", ACCESS_HEADER))
        query = query_text(request["querystring"])
        key = (request["uri"], query, accept, access)
        until, known = self.kept.get(key, (0.0, None))
        if known and self.clock() < until:
            return True, known
        answer = None if api_alone else self.s3(request["uri"])
        if answer is None or answer.status in self.template.failover:
            said = {"Accept": accept, ACCESS_HEADER: access, ORIGIN_HEADER: self.secret}
            answer = _called(self.api, request["uri"], query, said, environ)
        self.kept[key] = (self.clock() + self.template.seconds(answer), answer)
        return False, answer


@contextmanager
def edge_before(
    application: "WSGIApplication", app: Any, s3: "S3Client", derivatives: str
) -> "Iterator[WSGIApplication]":
    """A distribution before the whole local run; its own pages, which no distribution would have, go past it."""
    keys, secret = app.route.keys(), app.settings.origin_secret
    with ViewerRequest.running(
        function(app.configuration, bool(keys)), items(app.configuration, keys)
    ) as viewer_request:
        edge = Edge(viewer_request, s3_origin(s3, derivatives), application, secret=secret)
        prerender = replace(app.prerender, invalidate=lambda key: edge.invalidate(tag(key)))
        app.events = replace(app.events, prerender=prerender)

        def respond(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
            path = raw_path(environ[TARGET])
            if not (path == "/" or path.startswith("/-/")):
                return edge(environ, start)
            headers = [*environ[REQUEST_HEADERS], (ORIGIN_HEADER, secret)]
            return application({**environ, REQUEST_HEADERS: headers}, start)

        yield respond


def s3_origin(client: "S3Client", bucket: str) -> Callable[[str], Answer]:
    """The first origin: what S3 says to a GET of a path, to a reader who may not list."""

    def fetched(uri: str) -> Answer:
        if original_of(unquote(uri[1:])) is not None:  # as the bucket's policy in edge/template.yaml denies manifests
            return Answer(403, {}, b"")
        try:
            found = client.get_object(Bucket=bucket, Key=unquote(uri[1:]))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return Answer(403 if status == 404 else status, {}, b"")
        except (BotoCoreError, ValueError):
            return Answer(403 if uri == "/" else 503, {}, b"")
        headers = found["ResponseMetadata"]["HTTPHeaders"]
        return Answer(200, {name: headers[name] for name in _CARRIED if name in headers}, found["Body"].read())

    return fetched


def viewer_request(environ: "WSGIEnvironment") -> dict[str, Any]:
    """CloudFront's viewer request: path and query still percent-encoded, headers by lower-case name."""
    pairs = [part.partition("=")[::2] for part in environ[TARGET].partition("?")[2].split("&") if part]
    query = {
        name: {"value": values[0], **({"multiValue": [{"value": value} for value in values]} if values[1:] else {})}
        for name, values in gathered(pairs).items()
    }
    headers = {name.lower(): {"value": value} for name, value in environ[REQUEST_HEADERS]}
    return {
        "method": environ["REQUEST_METHOD"],
        "uri": raw_path(environ[TARGET]),
        "querystring": query,
        "rawQueryString": environ[TARGET].partition("?")[2],
        "headers": headers,
    }


def query_text(query: Mapping[str, Any]) -> str:
    """A query string of CloudFront's structure, in an order of its own."""
    pairs = ((name, one["value"]) for name, entry in query.items() for one in entry.get("multiValue", [entry]))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def made(response: Mapping[str, Any]) -> Answer:
    """The answer that the function gives by itself."""
    headers = {name: entry["value"] for name, entry in response["headers"].items()}
    return Answer(response["statusCode"], headers, response["body"].encode())


def _called(
    api: "WSGIApplication", uri: str, query: str, said: Mapping[str, str], environ: "WSGIEnvironment"
) -> Answer:
    """The second origin's answer to a GET without conditions."""
    method = "GET" if environ["REQUEST_METHOD"] == "HEAD" else environ["REQUEST_METHOD"]
    headers = [(name, value) for name, value in said.items() if value]
    asked = {**environ, "REQUEST_METHOD": method, TARGET: f"{uri}?{query}" if query else uri, REQUEST_HEADERS: headers}
    body, status, named = run_wsgi_app(api, asked, buffered=True)
    return Answer(int(status.split()[0]), {name.lower(): value for name, value in named}, b"".join(body))


def _sent(answer: Answer, added: Mapping[str, str], environ: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
    etag = answer.headers.get("etag")
    if etag and environ.get("HTTP_IF_NONE_MATCH") == etag:
        answer = replace(answer, status=304, body=b"")
    headers = {**answer.headers, **added, "access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
    start(f"{answer.status} -", list(headers.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
