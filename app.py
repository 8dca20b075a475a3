"""imgy's entry points on AWS: two triggers of the originals bucket or a queue of its events, and the HTTP routes."""

import hmac
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from botocore.config import Config
from botocore.session import get_session
from chalice import app as chalice

from chalicelib.access.keys import KeySource, fetcher
from chalicelib.cdn import Invalidations, queue_invalidation
from chalicelib.errors import Forbidden, ImgyError
from chalicelib.events import Events, milliseconds_since, request_id_of
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.http.health import PATH as HEALTH
from chalicelib.http.health import health_response
from chalicelib.http.responses import METHODS, Response, error_response, preflight, with_common_headers
from chalicelib.http.route import Request, Route
from chalicelib.monitoring.log_entry import Log, LogEntry, lines, missing_protections, refusal
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.file import load_configuration
from chalicelib.sandbox.pool import WORKERS
from chalicelib.settings import ORIGIN_HEADER, REMOVED, UPLOADED, Settings
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.s3 import S3Store, client_options

_READ_URL_SECONDS = 60
_CONNECTIONS = 32
_TRIES = 4
"""The delivery of a message that counts as the last. maxReceiveCount (deploy/foundation.yaml) allows more: throttled
deliveries count, too."""

logger = logging.getLogger("imgy")
settings = Settings.of(os.environ)
configuration = load_configuration(settings.stage)
# botocore's own session makes the same clients as boto3, which would import s3transfer: a quarter of a cold start.
aws: Any = get_session()
s3 = aws.create_client("s3", config=client_options(_CONNECTIONS))


if os.environ.get("AWS_CHALICE_CLI_MODE"):  # `chalice` loads this app before it makes anything
    with suppress(ModuleNotFoundError):  # a copy without cli has been checked by the deploy that made it
        from cli.deploy.preflight import check, is_typed

        if is_typed(sys.argv, Path(__file__).parent):
            check(settings, s3, "deploy" in sys.argv)


def _client(service: str) -> Any:
    return aws.create_client(service, config=Config(connect_timeout=2, read_timeout=10))


@cache
def _invalidation_queue() -> tuple[Any, str]:
    sqs = _client("sqs")
    return sqs, sqs.get_queue_url(QueueName=settings.invalidations)["QueueUrl"]


def invalidate(key: str) -> None:
    """Queue the invalidation of an original's pictures, if there is a distribution; raises Unavailable."""
    if settings.invalidations:
        queue_invalidation(_invalidation_queue, key)


def _log() -> Log:
    if not settings.function:
        return lines(logger)
    from chalicelib.monitoring.cloudwatch import to_cloudwatch

    return to_cloudwatch(logger, settings.function, settings.stage)


class App(chalice.Chalice):
    """Chalice for pictures: it accepts any Accept header, and each thread has its own current request."""

    _thread = threading.local()

    @property
    def current_request(self) -> Any:
        return getattr(self._thread, "request", None)

    @current_request.setter
    def current_request(self, request: Any) -> None:
        self._thread.request = request

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        # Chalice answers 400 to a request for a binary response without Accept, which CloudFront strips.
        headers = event.get("headers") or {}
        if not any(name.lower() == "accept" for name in headers):
            event = {**event, "headers": {**headers, "accept": ""}}
        return super().__call__(event, context)


class Notification(chalice.BaseLambdaEvent):
    """An S3 notification with any number of records; Chalice's own S3Event has only the first."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        """Override Chalice's copying of fields: callers use `to_dict`."""


app = App(app_name="imgy")
logger.setLevel(logging.INFO)  # Chalice has set it to ERROR
app.api.binary_types = ["*/*"]

_RENDERS_NOTHING = "invalidation_trigger"
if settings.function and not settings.function.endswith(_RENDERS_NOTHING):
    from chalicelib.sandbox.confinement import keep_memory_private

    keep_memory_private()
    WORKERS.start()  # while this process imports and waits for S3

log = _log()
if settings.function:
    WORKERS.warn = lambda missing: log(missing_protections(missing))
originals_store, derivatives_store = S3Store(s3, settings.originals), S3Store(s3, settings.derivatives)
derivatives = Derivatives(derivatives_store, settings.cache_control, settings.expire_days > 0)
prerender = Prerender(
    originals_store,
    derivatives,
    configuration.presets,
    configuration.limits,
    invalidate=invalidate,
    renderers=settings.renderers,
)
events = Events(prerender, log)
_keys = KeySource(fetcher(settings.keys, _client)) if settings.keys else dict
_url_of = partial(derivatives_store.url, seconds=_READ_URL_SECONDS)
route = Route(OnDemand(prerender), configuration, settings, _url_of, _keys)

# No body is read, so the Content-Type of a request does not matter; Chalice would answer 415 to some.
_ANY: dict[str, Any] = {"methods": list(METHODS), "content_types": []}


if settings.events:

    @app.on_sqs_message(queue=settings.events, batch_size=1, maximum_concurrency=settings.concurrency)
    def queue_worker(event: chalice.SQSEvent) -> None:
        """Reconcile the originals that messages name. The queue delivers a message again until this returns."""
        for message in event.to_dict()["Records"]:
            tries = int(message["attributes"]["ApproximateReceiveCount"])
            events.reconcile("queue", json.loads(message["body"]), event.context, last=tries >= _TRIES)

else:

    @app.on_s3_event(bucket=settings.originals, events=[*UPLOADED])
    def upload_trigger(event: chalice.BaseLambdaEvent) -> None:
        """An original was uploaded: render its presets."""
        events.reconcile("upload", event.to_dict(), event.context)

    @app.on_s3_event(bucket=settings.originals, events=[*REMOVED])
    def removal_trigger(event: chalice.BaseLambdaEvent) -> None:
        """An original was removed: withdraw its derivatives."""
        events.reconcile("removal", event.to_dict(), event.context)

    # Chalice's S3Event raises where there is no record, as in S3's test event.
    upload_trigger.event_class = removal_trigger.event_class = Notification


if settings.invalidations:

    @app.on_sqs_message(
        queue=settings.invalidations, batch_size=1000, maximum_batching_window_in_seconds=20, maximum_concurrency=2
    )
    def invalidation_trigger(event: chalice.SQSEvent) -> None:
        """Originals were replaced or removed: have CloudFront invalidate their pictures."""
        keys = [record.body for record in event]
        client = _client("cloudfront")
        tags = Invalidations(client, settings.distribution).create(keys) if settings.distribution else 0
        logger.info("%d originals invalidated by %d tags", len(set(keys)), tags)


@app.route("/{key+}", **_ANY)
def picture() -> chalice.Response:
    """A derivative of an original, by query or by its own path."""
    return _respond(_picture)


@app.route(HEALTH, **_ANY)
def health() -> chalice.Response:
    """Versions, passed self-tests, limits in force, and the names of the presets."""
    return _respond(lambda *_: (health_response(configuration, WORKERS.report), "health"))


def _picture(request: Any, headers: Mapping[str, str], timing: Timing) -> tuple[Response, str]:
    query: Any = request.query_params or {}
    listed = {name: query.getlist(name) for name in query}
    response, wanted = route.respond(Request(request.method, request.uri_params["key"], listed, headers), timing)
    return response, wanted.derivative.name


def _respond(view: Callable[[Any, Mapping[str, str], Timing], tuple[Response, str]]) -> chalice.Response:
    """Call a view. This is the one place where errors become responses."""
    request, start, timing, refused = app.current_request, time.perf_counter(), Timing(), ""
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        _assert_from_cloudfront(headers)
        response, what = (preflight(), "") if request.method == "OPTIONS" else view(request, headers, timing)
    except ImgyError as error:
        response, what, refused = _failed(error), str(error), refusal(error)
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        response, what = _failed(ImgyError()), "failed"
    response = with_common_headers(response, headers, settings, timing)
    log(_entry(request, response, what, refused, milliseconds_since(start), timing))
    body = b"" if request.method == "HEAD" else response.body
    return chalice.Response(body, dict(response.headers), response.status)


def _entry(request: Any, response: Response, what: str, refused: str, milliseconds: int, timing: Timing) -> LogEntry:
    cache = response.headers.get("X-Cache", "")
    return LogEntry(
        request.method,
        unquote((request.uri_params or {}).get("key", "-/health")),
        str(response.status),
        what,
        int(response.headers.get("Content-Length", 0)),
        milliseconds,
        timing.stages,
        cache=cache,
        refused=refused,
        made=int(cache == "MISS"),
        request_id=request_id_of(app.lambda_context),
    )


def _assert_from_cloudfront(headers: Mapping[str, str]) -> None:
    received = headers.get(ORIGIN_HEADER, "").encode()
    if settings.origin_secret and not hmac.compare_digest(received, settings.origin_secret.encode()):
        raise Forbidden("expected a request through CloudFront, received one sent directly to its origin")


def _failed(error: ImgyError) -> Response:
    # The log has the whole error; the caller only learns that the fault is ours.
    if error.status == 500:
        logger.error("%s", error)
        return error_response(ImgyError("an internal error occurred; it was logged"))
    return error_response(error)
