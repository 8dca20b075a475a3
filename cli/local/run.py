"""`python -m cli run`: runs the embedded S3, the app, the event pump and the web page on one machine."""

import importlib
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import ImgyError
from chalicelib.sandbox.confinement import keep_memory_private
from cli.embedded import environment
from cli.embedded.ports import listen, lock_data_dir
from cli.embedded.s3 import EmbeddedS3, embedded_s3
from cli.libraries import assert_libraries
from cli.local.buckets import set_up
from cli.local.event_pump import Queue, catch_up, start_pump
from cli.local.gateway import gateway, serve
from cli.local.log import log_to_terminal
from cli.samples.files import first_samples
from cli.signing.key_store import KEYS, FileKeys, ensured

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from mypy_boto3_s3 import S3Client

    from chalicelib.presets.configuration import Configuration

log = logging.getLogger("imgy")

CHECK_SECONDS = 0.2
MARKER = "samples-were-drawn"

WELCOME = """\
imgy runs at http://{host}:{port} and shows every original with its pictures.
Upload with any S3 client and any credentials, for example:
  aws --no-sign-request --endpoint-url {s3} s3 cp photo.jpg s3://{bucket}/
  curl -T photo.jpg {s3}/{bucket}/photo.jpg"""


def run_here(port: int, s3_port: int, data_dir: Path, with_parent: bool, edge: bool) -> NoReturn:
    """Run the pipeline until SIGINT, SIGTERM or SIGHUP. An error is one sentence on stderr, with exit code 1."""
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # No threading.Event here: a second signal (make forwards its own) would wait for the lock that the first holds.
        signal.signal(number, lambda number, _: signals.append(number))
    parent = os.getppid() if with_parent else None
    code = 0
    try:
        _run(port, s3_port, data_dir, signals, parent, edge)
    except SystemExit as refusal:
        print(refusal, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    os._exit(code)  # a plain exit would wait for renders in other threads


def _run(port: int, s3_port: int, data_dir: Path, signals: list[int], parent: int | None, edge: bool) -> None:
    stopping = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(lock_data_dir(data_dir))
        listener = stack.enter_context(listen(port, "PORT"))
        embedded = stack.enter_context(embedded_s3(s3_port, data_dir))
        environment.point_to_this_machine(s3_port)
        log_to_terminal()
        keys = FileKeys(data_dir / KEYS)
        os.environ["IMGY_KEYS"] = keys.reference
        if edge:  # the app trusts the edge's signature header, because only the edge knows this secret
            os.environ["IMGY_ORIGIN_SECRET"] = secrets.token_urlsafe()
        app, s3 = load_app(), environment.s3_client()
        keep_memory_private()
        ensured(keys)  # after everything that can fail, so that a failed start leaves no file
        queue = _ready_queue(s3, port, embedded)
        stack.callback(stopping.set)
        start_pump(queue, {"ObjectCreated": app.upload_trigger, "ObjectRemoved": app.removal_trigger}, stopping)
        application = gateway(app.app, _page(s3, app.configuration, keys))
        if edge:
            from cli.local.cloudfront import edge_before

            application = stack.enter_context(edge_before(application, app, s3, environment.DERIVATIVES))
        stack.enter_context(_served(listener, application))
        print(
            WELCOME.format(
                host=environment.HOST, port=port, s3=environment.endpoint(s3_port), bucket=environment.ORIGINALS
            ),
            flush=True,
        )
        threading.Thread(target=_catch_up, args=[s3, queue, data_dir], daemon=True).start()
        _wait(signals, embedded, parent)


def load_app() -> ModuleType:
    """Check the libraries and import app.py. Raises SystemExit if something is missing or misconfigured."""
    assert_libraries()
    try:
        return importlib.import_module("app")
    except ImgyError as error:
        raise SystemExit(f"imgy: {error}") from None


def _page(s3: "S3Client", configuration: "Configuration", keys: FileKeys) -> "WSGIApplication":
    from cli.local.page import page

    return page(s3, environment.ORIGINALS, environment.DERIVATIVES, configuration, lambda: keys.read() or {})


def _ready_queue(s3: "S3Client", port: int, embedded: EmbeddedS3) -> Queue:
    sqs = environment.sqs_client()
    try:
        return Queue(sqs, set_up(s3, sqs, port))
    except (BotoCoreError, ClientError) as error:
        embedded.assert_running()
        raise SystemExit(f"imgy: the embedded S3 could not be set up: {error}") from None


@contextmanager
def _served(listener: socket.socket, application: "WSGIApplication") -> Iterator[None]:
    server = serve(listener, application)
    threading.Thread(target=server.serve_forever, args=[CHECK_SECONDS], daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()


def _catch_up(s3: "S3Client", queue: Queue, data_dir: Path) -> None:
    """Catch up with lost events and upload the samples. This runs in a thread, since it may take a while."""
    from chalicelib.storage.s3 import S3Store
    from cli.operate.audit import out_of_step

    try:
        lost = out_of_step(S3Store(s3, environment.ORIGINALS), S3Store(s3, environment.DERIVATIVES))
        catch_up(lost, environment.ORIGINALS, queue)
        first_samples(s3, environment.ORIGINALS, data_dir / MARKER)
    except (BotoCoreError, ClientError, OSError, ImgyError) as error:
        log.error("Could not catch up with originals that changed while imgy was not running; run again: %s", error)


def _wait(signals: list[int], embedded: EmbeddedS3, parent: int | None) -> None:
    while not signals:
        time.sleep(CHECK_SECONDS)
        embedded.assert_running()
        if parent and os.getppid() != parent:
            return
