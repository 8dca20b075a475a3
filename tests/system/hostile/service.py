"""The app in a process of its own, tried with one input after another: jobs come in, what was seen goes out."""

import json
import logging
import os
import resource
import sys
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import quote

from chalicelib.errors import Unavailable
from chalicelib.flows.on_demand import OnDemand
from chalicelib.http.route import Route
from chalicelib.presets.file import read_configuration
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content
from cli.embedded.lambda_context import LambdaContext
from support.aws_events import Web, upload_event
from support.originals import picture, size_of
from support.outer_filter import refuse
from system.hostile.memory import Peak
from system.hostile.observer import AFTER, REQUEST, UPLOAD, Looker, Seen

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
TEMPORARY = ("TMPDIR", "MAGICK_TMPDIR", "MAGICK_TEMPORARY_PATH")
"""The variables that say where temporary files are to be."""


class Service:
    """The app's own flows on two empty buckets in memory; `folder` is where temporary files would be."""

    def __init__(self, app, bait, folder):
        self.app, self.bait, self.folder, self._looker = app, bait, folder, Looker(bait, folder)
        self.originals, self.derivatives = MemoryStore(), MemoryStore()
        configuration = read_configuration(PRESETS)
        app.prerender = replace(
            app.prerender,
            originals=self.originals,
            derivatives=replace(app.prerender.derivatives, store=self.derivatives),
            presets=configuration.presets,
            limits=configuration.limits,
        )
        app.events = replace(app.events, prerender=app.prerender)
        on_demand = OnDemand(app.prerender)
        app.route = Route(on_demand, configuration, app.settings, lambda key: f"https://s3.example/{quote(key)}")
        self.web = Web(app.app)
        self._good = picture((48, 32))

    def upload(self, name, key, body, may, painted=False):
        """What the upload trigger makes of an original; where it may be `painted`, its colours are looked at."""
        self._begin(key, body)
        seen, how = Seen(name, UPLOAD, 500), None
        self._looker.begin()
        with Peak(seen):
            try:
                self.app.upload_trigger(upload_event(key), LambdaContext("upload", 120))
                seen.status = self._settled(key)
            except Unavailable:
                seen.status = 503
            except Exception as error:
                how = repr(error)
        return self._judged(seen, may, UPLOAD_SECONDS, how, painted)

    def _settled(self, key):
        manifest = self.app.prerender.derivatives.manifest(key)
        return 404 if manifest is None else manifest.refusal.status if manifest.refusal else 200

    def request(self, name, key, body, may, painted=False):
        """What the route answers for an original of which no event has come."""
        self._begin(key, body)
        return self.ask(name, f"/{quote(key)}?{QUERY}", may, painted=painted)

    def ask(self, name, target, may, method="GET", headers=(), painted=False):
        """What the route answers to a request."""
        seen, answer, how = Seen(name, REQUEST, 500), None, None
        self._looker.begin()
        with Peak(seen):
            try:
                answer = self.web.ask(target, method, **dict(headers))
            except Exception as error:
                how = repr(error)
        if answer:
            seen.status, how = answer.status, answer.body[:300].decode(errors="replace")
            shown = answer.body and answer.headers.get("Content-Type", "").startswith("image/")
            self._looker.at_body(seen, "an answer", answer.body, painted and shown)
            self._looker.at_body(seen, "headers", repr(answer.headers).encode(), False)
        return self._judged(seen, may, REQUEST_SECONDS, how, painted)

    def _begin(self, key, body):
        self.clear()
        self.originals.put(key, Content(body))

    def clear(self):
        """Empty both buckets."""
        for store in (self.originals, self.derivatives):
            store.delete([found.key for found in store.listing()])

    def _judged(self, seen, may, deadline, how, painted):
        self._looker.at_status(seen, may, deadline, how)
        for stored in self.derivatives.listing():
            self._looker.at_stored(seen, self.derivatives.get(stored.key), painted)
        self._looker.at_surroundings(seen)
        return seen

    def after(self, seen):
        """Whether a good picture is still served."""
        self._begin("good.jpg", self._good)
        answer = self.web.get("good.jpg", "w=30&fm=jpg")
        if answer.status != 200 or size_of(answer.body) != (30, 20):
            seen.wrong.append((AFTER, f"{answer.status}: {answer.body[:200]!r}"))


def main():
    """Serve jobs until there are no more; what libraries print goes to stderr."""
    from system.hostile.case import Bait
    from system.hostile.jobs import tried

    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what a crash would leave in the folder is not of the app
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    logging.disable(logging.WARNING)
    if refused := os.environ.get("HOSTILE_REFUSED"):
        refuse(*refused.split(","))
    import app
    from chalicelib.sandbox import pool as children
    from chalicelib.sandbox.confinement import keep_memory_private

    keep_memory_private()

    # So that what a process that renders would leave, it would leave in the folder that is looked at.
    children._PASSED_ON = (*children._PASSED_ON, *TEMPORARY)
    bait, folder = Bait(Path(sys.argv[1]), sys.argv[2]), Path.cwd()
    service = Service(app, bait, folder)
    service.after(Seen("warm", REQUEST, 0))
    for line in sys.stdin:
        said.write(json.dumps([asdict(seen) for seen in tried(service, **json.loads(line))]) + "\n")


if __name__ == "__main__":
    main()
