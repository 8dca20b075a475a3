"""Simulates a day's traffic, good and bad: uploads, removals and requests."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cli.embedded import environment
from cli.embedded.lambda_context import LambdaContext
from cli.local.gateway import REQUEST_HEADERS, TARGET, call, http_answer
from cli.operate.queue import created_record
from cli.samples.files import LANDSCAPE, sample

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = [f"{folder}{name}" for folder in ("", "a b/", "été/100%/") for name in ("1.jpg", "2.png", "3.gif", "4")]
"""Only a few keys, so that they are overwritten often."""

_QUERIES = (
    "",
    "preset=card",
    "preset=article&w=960",
    "preset=thumbnail&fm=avif",
    "w=320&auto=format",
    "w=200&h=300&fit=crop&crop=entropy",
    "w=400&h=400&fit=fill&bg=336699&fm=png",
    "w=240&blur=20&sat=-50&fm=webp",
    "w=300&rot=90&border=5,ff0000",
    "w=150&fm=gif",
)
_MISTAKES = ("w=abc", "w=1&w=2", "colour=red", "preset=nothing", "fm=html", "w=9000", "q=" + "1" * 2000)
_ACCEPT = ("", "*/*", "image/avif,image/webp,*/*", "image/webp")
_EXPECTED = {200, 204, 302, 304, 400, 404, 405, 413, 415, 422}


def originals() -> Iterator[bytes]:
    """Originals in every supported format, in usual and unusual sizes, then invalid ones."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    dawn = _opened(LANDSCAPE).convert("RGB").resize((360, 240))
    whole = [_saved(dawn, form) for form in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "HEIF")]
    yield from whole * 4
    yield from (_saved(dawn.resize(size), "PNG") for size in ((1, 1), (3, 1500), (1500, 2)))
    yield _saved(dawn.convert("CMYK"), "JPEG")
    yield _saved(dawn.resize((1500, 1000)), "JPEG")
    balloon, boat = _opened("samples/transparent.png"), _opened("samples/animated.gif")
    yield from (_moving(_frames(boat, 6)), _saved(balloon.resize((200, 240)), "PNG"), _SVG)
    yield from (body[: len(body) // 3] for body in whole)
    yield from (body[:40] for body in whole)
    yield from (b"", b"This is a letter, not a picture.\n", b"<html>", bytes(100_000))
    yield _SVG.replace(b'"120"', b'"120000"')


_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"><circle cx="40" cy="40" r="30"/></svg>'


def _opened(key: str) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(sample(key)))


def _frames(animation: Any, count: int) -> list[Any]:
    from PIL import ImageSequence

    return [frame.convert("RGB") for frame in islice(ImageSequence.Iterator(animation), count)]


def _saved(image: Any, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def _moving(frames: list[Any]) -> bytes:
    file = io.BytesIO()
    first, *rest = [frame.resize((150, 100)).quantize(64) for frame in frames]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=80, loop=0)
    return file.getvalue()


@dataclass
class Traffic:
    """A caller of the app's entry points. It counts outcomes in `seen`, and lists unexpected ones in `wrong`."""

    app: ModuleType
    s3: S3Client
    bodies: list[bytes]
    chance: random.Random
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        """Do one random action."""
        actions: dict[Callable[[str], str], int] = {
            self._picture: 57,
            self._mistake: 10,
            self._no_such_original: 8,
            self._upload: 18,
            self._event_again: 4,
            self._removal: 3,
        }
        (action,) = self.chance.choices(list(actions), list(actions.values()))
        try:
            self.seen[action(self.chance.choice(KEYS))] += 1
        except Exception as error:  # continue, to see what happens after a failure
            self.wrong.append(f"{action.__name__}: {error!r}")

    def _upload(self, key: str) -> str:
        self.s3.put_object(Bucket=environment.ORIGINALS, Key=key, Body=self.chance.choice(self.bodies))
        return self._event_again(key) and "upload"

    def _event_again(self, key: str) -> str:
        self.app.upload_trigger({"Records": [created_record(environment.ORIGINALS, key)]}, LambdaContext("upload", 120))
        return "event again"

    def _removal(self, key: str) -> str:
        self.s3.delete_object(Bucket=environment.ORIGINALS, Key=key)
        self.app.removal_trigger(
            {"Records": [created_record(environment.ORIGINALS, key)]}, LambdaContext("removal", 120)
        )
        return "removal"

    def _picture(self, key: str) -> str:
        target = f"/{quote(key)}?{self.chance.choice(_QUERIES)}"
        headers = {"Host": "localhost", "Accept": self.chance.choice(_ACCEPT)}
        method = self.chance.choice(["GET"] * 8 + ["HEAD", "OPTIONS"])
        response = self._ask(target, method, headers)
        if "ETag" in response and self.chance.random() < 0.3:
            self._ask(target, "GET", {**headers, "If-None-Match": response["ETag"]})
        return "request"

    def _mistake(self, key: str) -> str:
        self._ask(f"/{quote(key)}?{self.chance.choice(_MISTAKES)}")
        return "request with a mistake"

    def _no_such_original(self, key: str) -> str:
        self._ask(f"/{quote(key)}-{self.chance.randrange(10**6)}?w=100")
        return "request for nothing"

    def _ask(self, target: str, method: str = "GET", headers: dict[str, str] | None = None) -> dict[str, str]:
        environ = {
            TARGET: target,
            REQUEST_HEADERS: list((headers or {"Host": "localhost"}).items()),
            "REQUEST_METHOD": method,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": environment.HOST,
            "wsgi.input": io.BytesIO(),
        }
        line, answered, body = http_answer(call(self.app.app, environ), method)
        status = int(line.split()[0])
        self.seen[f"answer {status}"] += 1
        if status not in _EXPECTED:
            self.wrong.append(f"{method} {target}: {line}: {body[:200]!r}")
        return dict(answered)


def callers(app: ModuleType, count: int, seed: int) -> list[Traffic]:
    """The callers, each with its own random generator."""
    bodies, client = list(originals()), environment.s3_client()
    made = partial(Traffic, app, client, bodies)
    return [made(random.Random(f"{seed} {number}")) for number in range(count)]
