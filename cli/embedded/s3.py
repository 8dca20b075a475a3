"""The embedded S3: ministack in a child process that never outlives its parent."""

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
    """A running ministack, and the folder that keeps its objects and its log."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path

    def assert_running(self) -> None:
        """Raise SystemExit with one sentence when it has ended by itself."""
        code = self.process.poll()
        if code is not None:
            why = signal.strsignal(-code) if code < 0 else self._last_words()
            raise SystemExit(
                f"imgy: the embedded S3 ended ({why}); what it stored is kept in {self.data_dir}, run again"
            )

    def _last_words(self) -> str:
        return (self.data_dir / LOG).read_text(errors="replace").strip().rpartition("\n")[2] or "without a word"


@contextmanager
def embedded_s3(port: int, data_dir: Path, **settings: str) -> Iterator[EmbeddedS3]:
    """S3 and SQS on the port, objects kept below data_dir; connections wait until it is up."""
    remove_torn_writes(data_dir / OBJECTS)
    with listen(port, "S3_PORT") as listener:
        child = start(listener, data_dir, settings)
    try:
        yield EmbeddedS3(child, data_dir)
    finally:
        child.kill()  # at once, also in order: what it answered is on disk, and remove_torn_writes() knows what is not
        child.wait()
        if not (data_dir / LOG).stat().st_size:
            (data_dir / LOG).unlink()


def start(listener: socket.socket, data_dir: Path, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start ministack on a listening socket as a child of this process; `settings` are its own."""
    fd, port = listener.fileno(), listener.getsockname()[1]
    with (data_dir / LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.embedded.s3", str(fd), str(os.getpid())],
            env=ministack_environment(os.environ, port, data_dir, settings),
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent, which then ends this child in order
        )


def ministack_environment(
    environ: Mapping[str, str], port: int, data_dir: Path, settings: Mapping[str, str]
) -> dict[str, str]:
    """What ministack reads: few services, objects on disk, and no look at Docker."""
    return {
        **{name: value for name, value in environ.items() if not name.startswith("AWS_")},
        **CREDENTIALS,  # takes anybody's, but for URLs signed ahead: those it checks
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
        "DOCKER_HOST": f"unix://{os.devnull}/none",  # ministack removes containers of other ministacks when it starts
        **settings,
    }


def end_with_parent(parent: int) -> None:
    """End this process as soon as its parent is gone, however that went."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(0)


class EndWhenUnwritten(logging.Handler):
    """Ends this process when an object could not be written: ministack warns, and answers that it is stored."""

    def emit(self, record: logging.LogRecord) -> None:
        """End after the warning about a failed write; let every other pass."""
        if record.getMessage().startswith("Failed to persist"):
            print(f"it cannot write: {record.getMessage()}", file=sys.stderr, flush=True)
            os._exit(1)


def main(fd: int, parent: int) -> None:
    """Serve ministack on the socket that was handed down."""
    threading.Thread(target=end_with_parent, args=[parent], daemon=True).start()
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    if "apigateway" in os.environ["SERVICES"]:
        from ministack.services import apigateway_v1

        apigateway_v1.handle_request = importing(apigateway_v1)
    logging.getLogger("s3").addHandler(EndWhenUnwritten())
    config = Config()
    config.bind = [f"fd://{fd}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(over_https(app) if os.environ["AUTH"] == "true" else app, config))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
