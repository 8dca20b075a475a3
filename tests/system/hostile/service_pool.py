"""Services side by side, each watched: one that dies or does not answer is a figure, and another takes its place."""

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from PIL import Image

from system.hostile.case import Bait
from system.hostile.observer import CONNECTIONS, CRASHES, FILES, LATE, LEAKS, ROOT, Seen
from system.hostile.service import TEMPORARY

HARD_SECONDS = 90
"""After which a service that says nothing is ended."""


@contextmanager
def listen():
    """A server that hears and never answers: its URL, and the first line of each who came."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                caller.settimeout(1)
                with caller:
                    heard.append(_first_line(caller))

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)


def _first_line(caller):
    try:
        return caller.recv(200).split(b"\r\n")[0].decode(errors="replace")
    except OSError:
        return "somebody who said nothing"


@contextmanager
def canaries(url):
    """The bait in a folder of its own, and a function that tells how often its files were opened."""
    with tempfile.TemporaryDirectory(prefix="imgy-bait-") as folder:
        bait = Bait(Path(folder), url)
        bait.text.write_text(f"{bait.word}\n" * 40)
        Image.new("RGB", (64, 48), bait.colour).save(bait.picture)
        with _watched(bait.text, bait.picture) as opened:
            yield bait, opened


@contextmanager
def _watched(*files):
    # inotify(7) sees every opening of a file, also by C libraries; sys.addaudithook sees only Python's.
    libc, opened, nonblocking = ctypes.CDLL(None), 0x20, os.O_NONBLOCK
    watch = libc.inotify_init1(nonblocking)
    for file in files:
        assert libc.inotify_add_watch(watch, str(file).encode(), opened) >= 0, f"cannot watch {file}"

    def count():
        try:
            return len(os.read(watch, 1 << 16)) // 16  # an event of a file has 16 bytes
        except BlockingIOError:
            return 0

    yield count
    os.close(watch)


class Worker:
    """One service, started when it is first needed and whenever the last has ended."""

    def __init__(self, bait, command=None):
        self._command = command or [sys.executable, "-m", "system.hostile.service", str(bait.folder), bait.url]
        self._process, self._canary = None, {"CANARY": bait.word}

    def __enter__(self):
        self._folder = tempfile.mkdtemp(prefix="imgy-hostile-")
        self._errors = tempfile.TemporaryFile("w+", errors="replace")
        return self

    def __exit__(self, *raised):
        self.end()
        self._errors.close()
        shutil.rmtree(self._folder)

    def _start(self):
        shutil.rmtree(self._folder)
        os.mkdir(self._folder)
        here = dict.fromkeys((*TEMPORARY, "HOME"), self._folder)
        paths = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env={**os.environ, **here, **paths, **self._canary},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    def __call__(self, job):
        """What is seen of a job."""
        if self._process is None:
            self._start()
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            answered = select.select([self._process.stdout], [], [], HARD_SECONDS)[0]
            line = self._process.stdout.readline() if answered else ""
        except OSError:
            answered, line = True, ""
        if line:
            return [Seen(**seen) for seen in json.loads(line)]
        return [self._lost(job, (LATE, f"nothing in {HARD_SECONDS} s") if not answered else None)]

    def _lost(self, job, wrong):
        code = self.end()
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 400))
        tail = self._errors.read()[-400:]
        left = [(FILES, str(path)) for path in Path(self._folder).rglob("*")]
        return Seen(str(job["name"]), "", 0, wrong=[wrong or (CRASHES, f"exit code {code}: {tail}"), *left])

    def end(self):
        """End the service and its children; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        with suppress(OSError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)  # who has died is gone by then, and tells of what
        code = process.poll()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
        return code


def run(jobs, workers=2, told=lambda seen: None):
    """Try all jobs, so many at once; everything that was seen, and last what was seen of the bait."""
    jobs, lock = iter(jobs), threading.Lock()

    def work(worker):
        found = []
        while True:
            with lock:
                job = next(jobs, None)
            if job is None:
                return found
            found += (seen := worker(job))
            told(seen)

    with ExitStack() as stack:
        url, heard = stack.enter_context(listen())
        bait, opened = stack.enter_context(canaries(url))
        crew = [stack.enter_context(Worker(bait)) for _ in range(workers)]
        with ThreadPoolExecutor(workers) as pool:
            seen = [one for found in pool.map(work, crew) for one in found]
        seen.append(Seen("the bait", "", 0, wrong=[(CONNECTIONS, line) for line in heard]))
        seen[-1].wrong += [(LEAKS, "a canary's file was opened")] * opened()
    return seen
