"""The app in a process of its own, tried with one input after another: jobs come in, what was seen goes out."""

import base64
import io
import json
import logging
import math
import os
import resource
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from drawn import saved, scene
from events import Web, upload_event
from PIL import Image

from chalicelib.errors import Unavailable
from chalicelib.presetfile import read_presets
from chalicelib.route import Route
from chalicelib.storage import MemoryStore
from cli.lambda_context import LambdaContext
from hostile.memory import Peak

ROOT = Path(__file__).parents[2]
PRESETS = """
formats: [avif, webp]
presets:
  small: {w: 40, auto: format}
  square: {w: 24, h: 24, fit: crop, crop: entropy, fm: png}
  moving: {w: 32, fm: gif}
  wide: {widths: [1600], fm: jpg}
"""
QUERY = "w=1500&fm=png"
REQUEST_SECONDS, UPLOAD_SECONDS = 8.0, 20.0
"""The deadlines: of a request, and of a preset."""
GRACE = 1.5
UPLOAD, REQUEST = "upload", "request"
TEMPORARY = ("TMPDIR", "MAGICK_TMPDIR", "MAGICK_TEMPORARY_PATH")
"""The variables that say where temporary files are to be."""

LEAKS, FILES, CONNECTIONS = "canary leaks", "files left in the temporary folder", "connections to elsewhere"
OF_REFUSED, ANSWERS_500 = "derivatives of a refused original", "answers of 500"
LATE, CRASHES = "over deadline", "service crashes"
INSIDE, UNEXPECTED, AFTER = "words of the inside in an answer", "answers not expected", "good requests failed after it"
ZEROS = (CRASHES, LATE, LEAKS, CONNECTIONS, FILES, OF_REFUSED, ANSWERS_500, INSIDE, UNEXPECTED, AFTER)
"""What must never be."""


@dataclass
class Seen:
    """What came of one input by one entry: seconds, and MB that the peak of memory rose by; `wrong` are (what, how)."""

    name: str
    entry: str
    status: int
    seconds: float = 0.0
    memory: float = 0.0
    wrong: list[tuple[str, str]] = field(default_factory=list)


class Service:
    """The app's own pipeline on two empty buckets in memory; `folder` is where temporary files would be."""

    def __init__(self, app, bait, folder):
        self.app, self.bait, self.folder, self.connections = app, bait, folder, []
        self.originals, self.derivatives = MemoryStore(), MemoryStore()
        app.pipeline = replace(
            app.pipeline,
            originals=self.originals,
            derivatives=replace(app.pipeline.derivatives, store=self.derivatives),
            presets=read_presets(PRESETS),
        )
        app.route = Route(app.pipeline, app.settings, lambda key: f"https://s3.example/{quote(key)}")
        self.web = Web(app.app)
        self._good = saved(scene((48, 32)), "JPEG")
        self._leaks = _spellings(bait.word)
        self._words = ["Traceback", "imgy-originals", "imgy-derivatives", str(ROOT), str(folder), "site-packages"]
        sys.addaudithook(self._audit)

    def _audit(self, event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo"):
            self.connections.append(f"{event} {arguments!r}")

    def upload(self, name, key, body, may, painted=False):
        """What the upload trigger makes of an original."""
        self._begin(key, body)
        seen, leaf = Seen(name, UPLOAD, 200), None
        with Peak(seen):
            try:
                self.app.upload_trigger(upload_event(key), LambdaContext("upload", 120))
            except Unavailable:
                seen.status = 503
            except Exception as error:
                seen.status, leaf = 500, repr(error)
        seen.status = self._settled(key) if seen.status == 200 else seen.status
        return self._judged(seen, may, UPLOAD_SECONDS, key, leaf, painted)

    def _settled(self, key):
        manifest = self.app.pipeline.derivatives.manifest(key)
        return 404 if manifest is None else manifest.refusal.status if manifest.refusal else 200

    def request(self, name, key, body, may, painted=False):
        """What the route answers for an original of which no event has come."""
        self._begin(key, body)
        return self.ask(name, f"/{quote(key)}?{QUERY}", may, key=key, painted=painted)

    def ask(self, name, target, may, method="GET", headers=(), key=None, painted=False):
        """What the route answers to a request."""
        seen, how = Seen(name, REQUEST, 500), None
        with Peak(seen):
            try:
                answer = self.web.ask(target, method, **dict(headers))
            except Exception as error:
                answer, how = None, repr(error)
        if answer:
            seen.status, how = answer.status, answer.body[:300].decode(errors="replace")
            painted = painted and answer.headers.get("Content-Type", "").startswith("image/")
            self._look(seen, "answer", answer.body, painted)
            self._look(seen, "headers", repr(answer.headers).encode(), False)
        return self._judged(seen, may, REQUEST_SECONDS, key, how, painted)

    def _begin(self, key, body):
        self.clear()
        self.originals.put(key, body)

    def clear(self):
        """Empty both buckets."""
        for store in (self.originals, self.derivatives):
            store.delete([found.key for found in store.listing()])

    def _judged(self, seen, may, deadline, key, how, painted):
        if seen.status == 500:
            seen.wrong.append((ANSWERS_500, str(how)))
        elif seen.status not in may:
            seen.wrong.append((UNEXPECTED, f"{seen.status}, not {may}: {how}"))
        if seen.seconds > deadline + GRACE:
            seen.wrong.append((LATE, f"{seen.seconds:.1f} s"))
        for stored in self.derivatives.listing():
            self._look_at_stored(seen, stored.key, painted)
        left = [str(path) for path in self.folder.rglob("*")]
        seen.wrong += [(FILES, path) for path in left] + [(CONNECTIONS, one) for one in self.connections]
        self.connections.clear()
        return seen

    def _look_at_stored(self, seen, key, painted):
        named = key.endswith("/manifest.json")
        if seen.status in (413, 415, 422) and not named:
            seen.wrong.append((OF_REFUSED, key))
        self._look(seen, key, self.derivatives.get(key).read(), painted and not named)

    def _look(self, seen, where, body, painted):
        if any(leak in body for leak in self._leaks) or (painted and self._shows_canary(body)):
            seen.wrong.append((LEAKS, where))
        seen.wrong += [(INSIDE, f"{word} in {where}") for word in self._words if word.encode() in body]

    def _shows_canary(self, body):
        """Whether a sixteenth of a picture or more has the canary's colour."""
        raw = Image.open(io.BytesIO(body)).convert("RGB").resize((16, 16)).tobytes()
        return sum(math.dist(raw[at : at + 3], self.bait.colour) < 60 for at in range(0, len(raw), 3)) > 16

    def after(self, seen):
        """Whether a good picture is still served."""
        self._begin("good.jpg", self._good)
        answer = self.web.get("good.jpg", "w=30&fm=jpg")
        if answer.status != 200 or Image.open(io.BytesIO(answer.body)).size != (30, 20):
            seen.wrong.append((AFTER, f"{answer.status}: {answer.body[:200]!r}"))


def _spellings(word):
    """A word as it may be found: as it is, in hexadecimal digits, in base64 wherever it begins."""
    encoded = [base64.b64encode(bytes(shift) + word.encode())[4:-4] for shift in range(3)]
    return [word.encode(), word.encode().hex().encode(), word.encode().hex().upper().encode(), *encoded]


def main():
    """Serve jobs until there are no more; what libraries print goes to stderr."""
    from hostile.case import Bait
    from hostile.jobs import tried

    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what a crash would leave in the folder is not of the app
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    logging.disable(logging.WARNING)
    import app
    from chalicelib import children

    # So that what a process that renders would leave, it would leave in the folder that is looked at.
    children._PASSED_ON = (*children._PASSED_ON, *TEMPORARY)
    bait, folder = Bait(Path(sys.argv[1]), sys.argv[2]), Path.cwd()
    service = Service(app, bait, folder)
    service.after(Seen("warm", REQUEST, 0))
    for line in sys.stdin:
        said.write(json.dumps([asdict(seen) for seen in tried(service, **json.loads(line))]) + "\n")


if __name__ == "__main__":
    main()
