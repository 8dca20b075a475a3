"""A store that is looked at: it notes every call, and lets a test step in between two of them."""

import threading
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qsl

from chalicelib.storage.memory import MemoryStore

MOMENTS = ["after get", "after read", "head"]
"""When an original may change under a flow that works on it."""


class Watched:
    """Any store, with its calls noted as (verb, key) in `calls`; reading a body counts as a call of its own."""

    def __init__(self, store):
        self.store = store
        self.calls = []
        self._steps = []

    def __getattr__(self, verb):
        work = getattr(self.store, verb)

        def call(asked="", *args, **options):
            asked = list(asked) if verb == "delete" else asked
            for key in asked if verb == "delete" else [asked]:
                self._note(verb, key)
            found = work(asked, *args, **options)
            if verb == "get" and found:
                found = replace(found, read=partial(self._read, asked, found.read))
            self._step(f"after {verb}", asked)
            return found

        return call

    def _read(self, key, read):
        self._note("read", key)
        body = read()
        self._step("after read", key)
        return body

    def _note(self, verb, key):
        self.calls.append((verb, key))
        self._step(verb, key)

    def _step(self, moment, key):
        for step in [step for step in self._steps if step[0] == moment and step[1] in ("", key)]:
            if step[3] is not None:
                self._steps.remove(step)
            step[2]()

    def on(self, moment, act, key="", once=True):
        """Do something before a verb ("get"), or after it ("after get"): at the next such call, or at each."""
        self._steps.append((moment, key, act, 1 if once else None))

    def fail(self, verb, error, key="", once=False):
        """Raise an error instead of doing a verb."""

        def act():
            raise error

        self.on(verb, act, key, once)

    def heal(self):
        """Do nothing special any more."""
        self._steps.clear()

    def forget(self):
        """Start the notes anew."""
        self.calls.clear()

    def called(self, *verbs):
        """The keys that these verbs were called with, in order."""
        return [key for verb, key in self.calls if verb in verbs]

    @property
    def written(self):
        """The keys that were written, in order."""
        return self.called("put", "swap")


def tags_of(store, s3, key):
    """The tags of an object, in memory or in a bucket that `s3` reaches."""
    if isinstance(store, MemoryStore):
        return dict(parse_qsl(store.tags.get(key, "")))
    if store.head(key) is None:
        return {}
    found = s3.get_object_tagging(Bucket=store._bucket, Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def at_once(count, work):
    """What so many threads got that began together; an error counts as a result."""
    together, results = threading.Barrier(count, timeout=20), []

    def run():
        together.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
