"""The AWS face of imgy: two triggers of the originals bucket, or a queue of its events, and one greedy HTTP route."""

import hmac
import json
import logging
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from chalice.app import BaseLambdaEvent, Chalice, Response, SQSEvent

from chalicelib import __version__
from chalicelib.answers import METHODS, Answer, completed, error_answer, json_answer, preflight
from chalicelib.derivatives import Derivatives
from chalicelib.errors import Forbidden, ImgyError, Unavailable
from chalicelib.invalidation import Invalidations
from chalicelib.keys import KeySource, fetcher
from chalicelib.pipeline import CHILDREN, Pipeline
from chalicelib.presetfile import load_presets
from chalicelib.route import Request, Route
from chalicelib.settings import ORIGIN_HEADER, REMOVED, UPLOADED, Settings
from chalicelib.storage import S3Store
from chalicelib.telling import Tell, Told, age, lines, of_settled, refusal
from chalicelib.timing import Timing

_READ_URL_SECONDS = 60
_TRIES = 4
"""The last but one time that a message comes (deploy/foundation.yaml: maxReceiveCount)."""

log = logging.getLogger("imgy")
settings = Settings.of(os.environ)
presets = load_presets(Path(__file__).parent / "chalicelib" / "presets.yaml", settings.stage)
# botocore's own session makes the clients that boto3 makes; boto3 would import s3transfer, a quarter of a cold start.
aws: Any = get_session()
s3 = aws.create_client(
    "s3",
    config=Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=32,
        # Signed URLs must name the bucket's own region, and S3 takes no other signature of newer buckets.
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    ),
)


def _client(service: str) -> Any:
    return aws.create_client(service, config=Config(connect_timeout=2, read_timeout=10))


@cache
def _invalidations() -> tuple[Any, str]:
    sqs = _client("sqs")
    return sqs, sqs.get_queue_url(QueueName=settings.invalidations)["QueueUrl"]


def forget(key: str) -> None:
    """Have CloudFront forget the pictures of an original, soon; nothing where there is none. Raises Unavailable."""
    if not settings.invalidations:
        return
    try:
        sqs, url = _invalidations()
        sqs.send_message(QueueUrl=url, MessageBody=key)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("the edge cannot be told now; try again in a moment") from error


originals, derivatives = S3Store(s3, settings.originals), S3Store(s3, settings.derivatives)
made = Derivatives(derivatives, settings.cache_control, settings.expire_days > 0)
pipeline = Pipeline(originals, made, presets, forget=forget, renderers=settings.renderers)
_keys = KeySource(fetcher(settings.keys, _client)) if settings.keys else dict
route = Route(pipeline, settings, partial(derivatives.url, seconds=_READ_URL_SECONDS), _keys)


class App(Chalice):
    """Chalice for pictures: any Accept header will do, and each thread has a current request of its own."""

    _thread = threading.local()

    @property
    def current_request(self) -> Any:
        return getattr(self._thread, "request", None)

    @current_request.setter
    def current_request(self, request: Any) -> None:
        self._thread.request = request

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        # Chalice answers 400 to a binary response without Accept, and CloudFront leaves Accept out.
        headers = event.get("headers") or {}
        if not any(name.lower() == "accept" for name in headers):
            event = {**event, "headers": {**headers, "accept": ""}}
        return super().__call__(event, context)


class Notification(BaseLambdaEvent):
    """What S3 tells of a bucket, in any number of records."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        """Nothing: `to_dict` has it all."""


app = App(app_name="imgy")
log.setLevel(logging.INFO)  # Chalice has just set its own: errors alone
app.api.binary_types = ["*/*"]


_RENDERS_NOTHING = "invalidation_trigger"
if settings.function and not settings.function.endswith(_RENDERS_NOTHING):
    from chalicelib.confinement import keep_memory_private

    keep_memory_private()
    CHILDREN.start()  # while this process imports and waits for S3


def _teller() -> Tell:
    if not settings.function:
        return lines(log)
    from chalicelib.cloudwatch import to_cloudwatch

    return to_cloudwatch(log, settings.function)


tell = _teller()

# No body is read, so whatever Content-Type a request claims is none of our business; Chalice would answer 415 to some.
_ANY: dict[str, Any] = {"methods": list(METHODS), "content_types": []}


if settings.events:

    @app.on_sqs_message(queue=settings.events, batch_size=1, maximum_concurrency=settings.concurrency)
    def queue_worker(event: SQSEvent) -> None:
        """S3's notifications by way of a queue, which brings each again until this returns."""
        for message in event.to_dict()["Records"]:
            tries = int(message["attributes"]["ApproximateReceiveCount"])
            _reconcile("queue", json.loads(message["body"]), event.context, last=tries >= _TRIES)

else:

    @app.on_s3_event(bucket=settings.originals, events=[*UPLOADED])
    def upload_trigger(event: BaseLambdaEvent) -> None:
        """An original was uploaded: render its presets."""
        _reconcile("upload", event.to_dict(), event.context)

    @app.on_s3_event(bucket=settings.originals, events=[*REMOVED])
    def removal_trigger(event: BaseLambdaEvent) -> None:
        """An original was removed: withdraw its derivatives."""
        _reconcile("removal", event.to_dict(), event.context)

    # Chalice's own S3Event is the first record alone, and raises where there is none, as in S3's test event.
    upload_trigger.event_class = removal_trigger.event_class = Notification


if settings.invalidations:

    @app.on_sqs_message(
        queue=settings.invalidations, batch_size=1000, maximum_batching_window_in_seconds=20, maximum_concurrency=2
    )
    def invalidation_trigger(event: SQSEvent) -> None:
        """Originals were replaced or removed: CloudFront is to forget their pictures."""
        keys = [record.body for record in event]
        client = _client("cloudfront")
        tags = Invalidations(client, settings.distribution).forget(keys) if settings.distribution else 0
        log.info("%d originals forgotten by %d tags", len(set(keys)), tags)


@app.route("/{key+}", **_ANY)
def picture() -> Response:
    """A derivative of an original, by query or by its own path."""
    return _respond(_picture)


@app.route("/-/health", **_ANY)
def health() -> Response:
    """Versions, the walls that stand, limits in force, and the names of the presets."""
    return _respond(_health)


def _picture(request: Any, headers: Mapping[str, str], timing: Timing) -> tuple[Answer, str]:
    query: Any = request.query_params or {}
    listed = {name: query.getlist(name) for name in query}
    answer, wanted = route.answer(Request(request.method, request.uri_params["key"], listed, headers), timing)
    return answer, wanted.derivative.name


def _health(request: Any, headers: Mapping[str, str], timing: Timing) -> tuple[Answer, str]:
    introduced = CHILDREN.introduction()
    content = {
        "versions": {"imgy": __version__, "python": platform.python_version(), **introduced["versions"]},
        "walls": introduced["walls"],
        "limits": asdict(presets.limits),
        "access": presets.access,
        "presets": list(presets.presets),
        "formats": presets.formats,
    }
    return json_answer(200, content, {"Cache-Control": "no-store"}), "health"


def _respond(view: Callable[[Any, Mapping[str, str], Timing], tuple[Answer, str]]) -> Response:
    """The one place where errors become responses."""
    request, start, timing, refused = app.current_request, time.perf_counter(), Timing(), ""
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        _assert_by_the_edge(headers)
        answer, what = (preflight(), "") if request.method == "OPTIONS" else view(request, headers, timing)
    except ImgyError as error:
        answer, what, refused = _failed(error), str(error), refusal(error)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        answer, what = _failed(ImgyError()), "failed"
    answer = completed(answer, headers, settings, timing)
    tell(
        Told(
            request.method,
            unquote((request.uri_params or {}).get("key", "-/health")),
            str(answer.status),
            what,
            int(answer.headers.get("Content-Length", 0)),
            _since(start),
            timing.stages,
            cache=answer.headers.get("X-Cache", ""),
            refused=refused,
            made=int(answer.headers.get("X-Cache") == "MISS"),
            request_id=_request_id(app.lambda_context),
        )
    )
    body = b"" if request.method == "HEAD" else answer.body
    return Response(body, dict(answer.headers), answer.status)


def _assert_by_the_edge(headers: Mapping[str, str]) -> None:
    said = headers.get(ORIGIN_HEADER, "").encode()
    if settings.origin_secret and not hmac.compare_digest(said, settings.origin_secret.encode()):
        raise Forbidden("expected a request by way of the distribution, received one to its origin")


def _failed(error: ImgyError) -> Answer:
    # What is ours to mend is said in the log; strangers learn only that it is ours.
    if error.status == 500:
        log.error("%s", error)
        return error_answer(ImgyError("something is wrong on this side; it has been noted"))
    return error_answer(error)


def _reconcile(verb: str, event: Mapping[str, Any], context: Any, last: bool = False) -> None:
    failures: list[Exception] = []
    for key, happened in _happened(event).items():
        start, waited, request_id = time.perf_counter(), age(happened), _request_id(context)
        try:
            settled = pipeline.reconcile(key, partial(_left, context), last)
        except Exception as error:  # every record gets its turn; then the event fails, so that it comes again
            taken = _since(start)
            tell(Told(verb, key, "failed", str(error), 0, taken, age=waited, request_id=request_id, failed=True))
            failures.append(error)
        else:
            tell(of_settled(verb, settled, _since(start), waited, request_id))
    if failures:
        raise failures[0]


def _happened(event: Mapping[str, Any]) -> dict[str, str]:
    """Each key that an event speaks of, with the moment it speaks of last."""
    records = event.get("Records", ())
    return {unquote_plus(record["s3"]["object"]["key"]): record.get("eventTime", "") for record in records}


def _left(context: Any) -> float:
    """Seconds until Lambda would end this call."""
    return context.get_remaining_time_in_millis() / 1000 if context else math.inf


def _request_id(context: Any) -> str:
    return str(getattr(context, "aws_request_id", ""))


def _since(start: float) -> int:
    return round((time.perf_counter() - start) * 1000)
