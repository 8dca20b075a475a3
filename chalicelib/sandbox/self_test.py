"""The self-test of the sandbox, before anything is rendered: a forked process tries what must not work."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path

import pyvips  # type: ignore[import-untyped]

from ..errors import MisconfiguredError
from ..rendering.magick import POLICY, VERSIONS, Image, PolicyError
from ..rendering.magick import limits as effective
from .confinement import NOT_HERE, STANDS, confine

PACKAGED = "7.1.1-43"
"""The ImageMagick that deploy/imagemagick.sh builds."""

FILTERED = "a worker ends no process"
"""The test that only the filter of system calls lets pass."""

_UNITS = {"B": 1, "KP": 1000, "MP": 10**6, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "": 1}
_UNREADABLE = {"jpeg": b"\xff\xd8\xff\xe0", "txt": b"a text", "mvg": b"viewbox 0 0 1 1"}


def run(app: int) -> dict[str, str]:
    """Return the result of each test; raises MisconfiguredError with a sentence for each protection that failed.

    `app` is the process whose environment and memory a worker must not read.
    """
    ours, its = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(its, json.dumps(_results(app)).encode())
        os._exit(0)
    os.close(its)
    with open(ours, "rb") as source:
        results = source.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    found: dict[str, str | None] = json.loads(results) if ended == 0 else {"a test": f"it ended the process ({ended})"}
    if mistakes := [f"{name}: {mistake}" for name, mistake in found.items() if mistake]:
        raise MisconfiguredError("sandbox self-test failed: " + "; ".join(mistakes))
    return {name: NOT_HERE if mistake is None else STANDS for name, mistake in found.items()}


def _results(app: int) -> dict[str, str | None]:
    """The mistake that each test found: empty if it passed, None if this system has no such protection."""
    results: dict[str, str | None] = {}
    for name, test in {**_TESTS, **_confined_tests(app)}.items():
        try:
            results[name] = test()
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"
    return results


def _versions() -> str:
    wheel = metadata.version("pyvips-binary")
    if VERSIONS["libvips"] != wheel:
        return f"expected libvips {wheel} of the wheel pyvips-binary, found {VERSIONS['libvips']}"
    packaged = bool(os.environ.get("MAGICK_HOME"))
    if packaged and VERSIONS["imagemagick"] != PACKAGED:
        return f"expected ImageMagick {PACKAGED}, found {VERSIONS['imagemagick']}"
    return ""


def _limits() -> str:
    for name, text in re.findall(r'domain="resource" name="(\w+)" value="(\w+)"', POLICY.read_text("utf-8")):
        number, unit = re.fullmatch(r"(\d+)(\D*)", text).groups()  # type: ignore[union-attr]
        wanted, found = int(number) * _UNITS[unit], effective[name]
        if found != wanted:
            return f"expected {wanted} for ImageMagick's {name}, found {found}"
    return ""


def _magick_reads_nothing() -> str:
    for form, blob in _UNREADABLE.items():
        try:
            Image(blob=blob, format=form).close()
        except PolicyError:
            continue
        return f"ImageMagick read {form}"
    return ""


def _magick_writes_no_text() -> str:
    try:
        with Image(width=1, height=1) as image:
            image.make_blob("txt")
    except PolicyError:
        return ""
    return "ImageMagick wrote txt"


def _vips_reads_no_ppm() -> str:
    try:
        pyvips.Image.new_from_buffer(b"P6 1 1 255 abc", "")
    except pyvips.Error:
        return ""
    return "libvips read a PPM"


def _vips_opens_no_name() -> str:
    try:
        pyvips.Operation.call("pngload", str(POLICY))
    except pyvips.Error as error:
        return "" if "blocked" in str(error) else str(error)
    return "libvips opened a file by its name"


def _denied(*ways: Callable[[], object], certain: bool = True) -> str | None:
    """Try each way: all must fail, unless there is no filter of system calls or the refusal is not `certain`."""
    filtered = _filtered()
    for way in ways:
        try:
            way()
        except (PermissionError, ProcessLookupError):
            continue
        except FileNotFoundError:
            pass  # the system has looked for the file, so it does not refuse the call
        except OSError as error:
            if error.errno == errno.EMFILE:
                continue
            raise
        return "a worker could do it" if filtered and certain else None
    return ""


@cache
def _filtered() -> bool:
    return confine()


def _read_environment(app: int) -> None:
    """Raises PermissionError if the environment of a process cannot be read or is erased."""
    if not Path(f"/proc/{app}/environ").read_bytes().strip(b"\0"):
        raise PermissionError


def _confined_tests(app: int) -> dict[str, Callable[[], str | None]]:
    """The tests that first confine this process. They run last, because the others would no longer work."""
    return {
        "a worker opens no connection": lambda: _denied(lambda: socket.socket().close()),
        "a worker writes no file": lambda: _denied(lambda: Path(os.devnull).write_bytes(b"")),
        "a worker starts no program": lambda: _denied(
            lambda: os.execv("/no such program", ["no"]), lambda: os.fork() or os._exit(0)
        ),
        FILTERED: lambda: _denied(lambda: os.kill(app, 0)),
        "a worker does not read the app's environment": lambda: _denied(lambda: _read_environment(app), certain=False),
        "a worker does not read the app's memory": lambda: _denied(
            lambda: Path(f"/proc/{app}/mem").open("rb").close(), certain=False
        ),
    }


_TESTS: dict[str, Callable[[], str | None]] = {
    "libvips and ImageMagick are the pinned ones": _versions,
    "ImageMagick's limits are ours": _limits,
    "ImageMagick reads nothing": _magick_reads_nothing,
    "ImageMagick writes no text": _magick_writes_no_text,
    "libvips reads no PPM": _vips_reads_no_ppm,
    "libvips opens no file by its name": _vips_opens_no_name,
}
