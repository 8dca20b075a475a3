"""The embedded S3: ministack, in a child process that ends with its parent."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli import ROOT
from cli.embedded.environment import CREDENTIALS, REGION
from cli.embedded.ministack_patches import importing, over_https
from cli.embedded.ports import listen
from cli.embedded.recovery import remove_torn_writes

PARENT_CHECK_SECONDS = 0.2
OBJECTS, LOG = "s3", "s3.log"


@dataclass(frozen=True)
class EmbeddedS3:
    """A running ministack; `data_dir` contains its objects and its log."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path

    def assert_running(self) -> None:
        """Raise SystemExit if the process has ended."""
        code = self.process.poll()
        if code is not None:
            why = signal.strsignal(-code) if code < 0 else self._last_log_line()
            raise SystemExit(
                f"imgy: the embedded S3 ended ({why}); its objects are kept in {self.data_dir}; start it again"
            )

    def _last_log_line(self) -> str:
        return (self.data_dir / LOG).read_text(errors="replace").strip().rpartition("\n")[2] or "no message"


@contextmanager
def embedded_s3(port: int, data_dir: Path, **settings: str) -> Iterator[EmbeddedS3]:
    """Run S3 and SQS on the port, with objects in data_dir. Connections wait until it is ready."""
    remove_torn_writes(data_dir / OBJECTS)
    with listen(port, "S3_PORT") as listener:
        child = start(listener, data_dir, settings)
    try:
        yield EmbeddedS3(child, data_dir)
    finally:
        child.kill()  # safe: what was confirmed is on disk, and remove_torn_writes() removes the rest
        child.wait()
        if not (data_dir / LOG).stat().st_size:
            (data_dir / LOG).unlink()


def start(listener: socket.socket, data_dir: Path, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start ministack as a child process on a listening socket; `settings` are environment variables for it."""
    fd, port = listener.fileno(), listener.getsockname()[1]
    with (data_dir / LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.embedded.s3", str(fd), str(os.getpid())],
            env=ministack_environment(os.environ, port, data_dir, settings),
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C goes to the parent only, which then stops this child
        )


def ministack_environment(
    environ: Mapping[str, str], port: int, data_dir: Path, settings: Mapping[str, str]
) -> dict[str, str]:
    """The environment of ministack: few services, objects on disk, no Docker."""
    return {
        **{name: value for name, value in environ.items() if not name.startswith("AWS_")},
        **CREDENTIALS,  # any credentials are accepted; only presigned URLs are checked against these
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), environ.get("PYTHONPATH")])),
        "SERVICES": "s3,sqs",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_WORKER_THREADS": "8",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(data_dir.absolute() / OBJECTS),
        "PERSIST_STATE": "0",
        "AUTH": "false",
        "USE_SSL": "0",
        "LOG_LEVEL": "WARNING",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{os.devnull}/none",  # else ministack removes the containers of other ministacks
        **settings,
    }


def end_with_parent(parent: int) -> None:
    """End this process as soon as its parent has ended, even if it was killed."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(0)


class EndOnFailedWrite(logging.Handler):
    """A log handler that ends the process after a failed write, which ministack only logs and reports as success."""

    def emit(self, record: logging.LogRecord) -> None:
        """End the process if the record is the warning of a failed write."""
        if record.getMessage().startswith("Failed to persist"):
            print(f"write failed: {record.getMessage()}", file=sys.stderr, flush=True)
            os._exit(1)


def main(fd: int, parent: int) -> None:
    """Serve ministack on the inherited socket."""
    threading.Thread(target=end_with_parent, args=[parent], daemon=True).start()
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    if "apigateway" in os.environ["SERVICES"]:
        from ministack.services import apigateway_v1

        apigateway_v1.handle_request = importing(apigateway_v1)
    logging.getLogger("s3").addHandler(EndOnFailedWrite())
    config = Config()
    config.bind = [f"fd://{fd}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(over_https(app) if os.environ["AUTH"] == "true" else app, config))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
