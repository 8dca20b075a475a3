"""Simulates CloudFront for the local run: the real function in node, a cache with tags, S3 and the app as origins."""

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
    """A response of an origin; `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tags(self) -> list[str]:
        """The cache tags by which CloudFront invalidates it."""
        return self.headers.get(HEADER, "").split(",")


@dataclass(frozen=True)
class Template:
    """The failover and caching settings in edge/template.yaml."""

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
        """How long CloudFront caches an answer."""
        control = answer.headers.get("cache-control", "")
        if re.search(r"no-store|no-cache|private", control):
            return 0 if answer.status < 400 else self.error_seconds.get(answer.status, 0)
        age = re.search(r"s-maxage=(\d+)", control) or re.search(r"max-age=(\d+)", control)
        seconds = float(age[1]) if age else self.default_seconds
        return seconds if answer.status < 400 else max(seconds if age else 0, self.error_seconds.get(answer.status, 0))


class _Loader(yaml.SafeLoader):
    """A YAML loader that ignores CloudFormation's tags."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: None)


class ViewerRequest:
    """The viewer-request function, running in a node process."""

    @classmethod
    @contextmanager
    def running(cls, function: str, items: Mapping[str, str]) -> "Iterator[ViewerRequest]":
        """Run the function with these items in its key-value store. The process ends with the context."""
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
            raise SystemExit("imgy: EDGE=1 needs node to run CloudFront's function; install nodejs")
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
    """A simulated distribution: `s3` is the first origin and takes a path, `api` is the second, a WSGI application.

    `secret` is the header that it sends to the API; `clock` returns seconds.
    """

    function: Callable[[Mapping[str, Any]], dict[str, Any]]
    s3: Callable[[str], Answer]
    api: "WSGIApplication"
    template: Template = field(default_factory=Template.read)
    secret: str = ""
    clock: Callable[[], float] = time.monotonic
    cache: dict[tuple[str, str, str, str], tuple[float, Answer]] = field(default_factory=dict)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        chosen = self.function(viewer_request(environ))
        if "response" in chosen:
            return _response(
                own_answer(chosen["response"]), {"x-cache": "FunctionGeneratedResponse from cloudfront"}, environ, start
            )
        hit, answer = self._answer(chosen, environ)
        cached = ("Hit" if hit else "Miss") + " from cloudfront"
        return _response(answer, {"x-cache": cached, "vary": "Accept"}, environ, start)

    def invalidate(self, tag: str) -> None:
        """Drop all cached answers with this tag."""
        for key in [key for key, (_, answer) in self.cache.items() if tag in answer.tags]:
            self.cache.pop(key, None)

    def _answer(self, chosen: Mapping[str, Any], environ: "WSGIEnvironment") -> tuple[bool, Answer]:
        request, api_alone = chosen["request"], chosen["origin"] == API
        accept, access = (request["headers"].get(name, {}).get("value", "") for name in ("accept", ACCESS_HEADER))
        query = query_text(request["querystring"])
        key = (request["uri"], query, accept, access)
        expires, cached = self.cache.get(key, (0.0, None))
        if cached and self.clock() < expires:
            return True, cached
        answer = None if api_alone else self.s3(request["uri"])
        if answer is None or answer.status in self.template.failover:
            headers = {"Accept": accept, ACCESS_HEADER: access, ORIGIN_HEADER: self.secret}
            answer = _from_api(self.api, request["uri"], query, headers, environ)
        self.cache[key] = (self.clock() + self.template.seconds(answer), answer)
        return False, answer


@contextmanager
def edge_before(
    application: "WSGIApplication", app: Any, s3: "S3Client", derivatives: str
) -> "Iterator[WSGIApplication]":
    """A distribution in front of the local run. Requests for the run's own pages bypass it."""
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
    """The first origin: S3's answer to a GET without permission to list, so a missing key is 403."""

    def fetched(uri: str) -> Answer:
        if original_of(unquote(uri[1:])) is not None:  # the bucket policy in edge/template.yaml denies manifests
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
    """CloudFront's viewer request event: path and query percent-encoded, headers by lower-case name."""
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
    """The query string of CloudFront's structure, sorted."""
    pairs = ((name, one["value"]) for name, entry in query.items() for one in entry.get("multiValue", [entry]))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def own_answer(response: Mapping[str, Any]) -> Answer:
    """The function's own response as an answer."""
    headers = {name: entry["value"] for name, entry in response["headers"].items()}
    return Answer(response["statusCode"], headers, response["body"].encode())


def _from_api(
    api: "WSGIApplication", uri: str, query: str, headers: Mapping[str, str], environ: "WSGIEnvironment"
) -> Answer:
    """The second origin's answer to a GET without conditional headers."""
    method = "GET" if environ["REQUEST_METHOD"] == "HEAD" else environ["REQUEST_METHOD"]
    target, sent = f"{uri}?{query}" if query else uri, [(name, value) for name, value in headers.items() if value]
    request = {**environ, "REQUEST_METHOD": method, TARGET: target, REQUEST_HEADERS: sent}
    body, status, named = run_wsgi_app(api, request, buffered=True)
    return Answer(int(status.split()[0]), {name.lower(): value for name, value in named}, b"".join(body))


def _response(
    answer: Answer, added: Mapping[str, str], environ: "WSGIEnvironment", start: "StartResponse"
) -> list[bytes]:
    etag = answer.headers.get("etag")
    if etag and environ.get("HTTP_IF_NONE_MATCH") == etag:
        answer = replace(answer, status=304, body=b"")
    headers = {**answer.headers, **added, "access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
    start(f"{answer.status} -", list(headers.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
