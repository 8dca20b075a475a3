"""One run of `python -m cli run`, and what a person would do with it."""

import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from PIL import Image

from cli import ROOT
from cli.embedded.environment import DERIVATIVES
from cli.local.run import MARKER

ODD_KEY = "été 2026/100% + größe//deep/down/🎈 &?#.png"


PATIENCE_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def picture(colour="red", size=(300, 200)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


class Run:
    """One run, and what a person would do with it."""

    def __init__(self, data_dir, *options, port=None, s3_port=None, wrapper=(), first=False, project=ROOT):
        if not first and data_dir.is_dir():
            (data_dir / MARKER).touch()
        self.port, self.s3_port = port or free_port(), s3_port or free_port()
        self.data_dir = data_dir
        self.output = io.BytesIO()
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "cli", "run", *options],
            cwd=project,
            env={**os.environ, "PORT": str(self.port), "S3_PORT": str(self.s3_port), "DATA_DIR": str(data_dir)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.set_blocking(self.process.stdout.fileno(), False)

    def open(self):
        """Wait until it is open for business."""
        assert wait_for(lambda: self.answers() or self.process.poll() is not None), "it did not open in time"
        assert self.process.poll() is None, self.process.stderr.read().decode()
        return self

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("/-/health").status == 200
        return False

    def ask(self, target, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, target)
        response = connection.getresponse()
        response.content = response.read()
        connection.close()
        return response

    @property
    def s3(self):
        return s3_at(self.s3_port)

    def manifest(self, key):
        return manifest(self.s3, key)

    def log(self):
        """Everything that the terminal has shown."""
        while chunk := self.process.stdout.read():
            self.output.write(chunk)
        return self.output.getvalue().decode()

    def family(self):
        """The process ids of the run and of all that it started."""
        return family(self.process.pid)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10)

    def end(self):
        """Whatever the test did: leave nothing running."""
        for pid in self.family() if self.process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def closed_project(folder):
    """A project where nothing is answered without a signature."""
    shutil.copytree(ROOT / "chalicelib", folder / "chalicelib", symlinks=True)
    for name in ("app.py", "cli", "playground", "edge", ".chalice"):
        (folder / name).symlink_to(ROOT / name)
    text = (ROOT / "presets.yaml").read_text("utf-8")
    (folder / "presets.yaml").write_text(f"access: signed\nsign_presets: true\n{text.replace('access: open', '')}")
    return folder


def s3_at(port):
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
        config=Config(s3={"addressing_style": "path"}),
    )


def manifest(s3, key):
    try:
        return json.load(s3.get_object(Bucket=DERIVATIVES, Key=f"{key}/manifest.json")["Body"])
    except s3.exceptions.NoSuchKey:
        return None


def family(pid):
    table = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(tuple(map(int, line.split())) for line in table.splitlines())
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found
