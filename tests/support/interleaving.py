"""A world of two buckets in which handlers run side by side, one store call at a time, in any order that a test wants.

Each handler is a greenlet that stops before every call of a store; the test says which one continues.
A picture's bytes tell what it was made from, so that what was answered and what is stored can be told from the bytes.
"""

from concurrent.futures import Executor, Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import count, cycle
from threading import BoundedSemaphore

from greenlet import getcurrent, greenlet

from chalicelib.errors import Damaged, Denied, ImgyError, NotAnImage, NotFound, Refused, Unavailable
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.geometry import Size
from chalicelib.limits import Limits
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.file import read_configuration
from chalicelib.rendered import Description, Rendered
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.manifest import Manifest, original_of
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content
from chalicelib.transformation import parse_path
from cli.operate.audit import out_of_step
from cli.operate.findings import IN_STEP, by_manifest, inspect_all

KEYS = ("cat", "dog", "cat/dog")
PRESETS = ("w=1.jpg", "w=2.jpg")
OTHERS = ("w=8.jpg", "w=9.jpg")
FAULTS = ("before", "after", "conflict", "denied", "killed")
"""How a call fails: not done or done all the same, refused for a condition or for want of rights, or never answered."""
GOOD, NONSENSE, FRAIL = ("red", "blue"), "nonsense", "frail"
"""Contents of originals: two pictures, none, and one that stands the presets but nothing larger."""

_MOST_STEPS = 5000


class Killed(BaseException):
    """The process of a handler is gone: it does nothing more, not even tidy up."""


class Inline(Executor):
    """What is submitted is done at once: a handler is one strand of calls."""

    def __init__(self, renderers=1):
        pass

    def submit(self, work, /, *args, **named):
        done = Future()
        try:
            done.set_result(work(*args, **named))
        except Exception as error:
            done.set_exception(error)
        return done


class Late(Inline):
    """What is submitted is done when its result is asked for, and never where nobody asks."""

    def submit(self, work, /, *args, **named):
        done = Future()
        done.result = partial(work, *args, **named)
        return done


class SoonerOrLater:
    """What is done beside the rest comes before it in one turn, behind it in the next."""

    def __init__(self):
        self._turns = cycle([Inline(), Late()])

    def submit(self, work, /, *args, **named):
        return next(self._turns).submit(work, *args, **named)


class Apart:
    """Nobody waits for anybody: each handler stands for a process of its own."""

    completed = 0

    def enter(self, key, completed, seconds):
        return nullcontext(False)


class Planned:
    """The presets, as far as the flows ask."""

    limits = Limits()
    _presets = read_configuration("presets: {small: {w: 1, fm: jpg}, large: {w: 2, fm: jpg}}").presets

    @cache  # noqa: B019
    def derivatives(self, key):
        return self._presets.derivatives(key)


PLANNED = Planned()


_serial = count()


@dataclass(frozen=True)
class Drawing:
    """A rendering whose pictures say what they show; no two are the same, as if an encoder put the time in them."""

    content: str

    def render(self, derivative):
        if self.content == FRAIL and derivative.name in OTHERS:
            raise Damaged("too frail")
        return Rendered(f"{self.content} as {derivative.name}, number {next(_serial)}".encode(), Size(1, 1))

    def area(self, derivative):
        return 1

    def describe(self):
        return Description("jpeg", 9, 9, 1, (), "")


def shown(picture):
    """What the bytes of a picture show: content and name."""
    content, _, rest = picture.decode().partition(" as ")
    return content, rest.partition(",")[0]


@contextmanager
def draw(sources, derivatives, limits, seconds):
    [source] = sources
    if source.body == NONSENSE.encode():
        raise NotAnImage("no image")
    yield Drawing(source.body.decode())


class Stepped(MemoryStore):
    """A bucket in which a handler stops before each call, which may fail before or after it was done."""

    def __init__(self, world, name):
        super().__init__()
        self._world, self._name = world, name

    def get(self, key):
        found = self._call("get", key, MemoryStore.head)
        return found and replace(found, read=partial(self._call, "read", key, lambda self, key: found.read()))

    def head(self, key):
        return self._call("head", key, MemoryStore.head)

    def put(self, key, content):
        return self._call("put", key, MemoryStore.put, content)

    def swap(self, key, over, content):
        return self._call("swap", key, _swapped, over, content)

    def delete(self, keys):
        keys = list(keys)
        if keys:
            self._call("delete", keys, MemoryStore.delete)

    def drop(self, key, etag):
        self._call("drop", key, _dropped, etag)

    def names(self, folder):
        return iter(self._call("names", folder, lambda self, folder: list(MemoryStore.names(self, folder))))

    def there(self, key):
        """As `head`, without a stop: for the assertions of a test."""
        return self._objects.get(key)

    def _call(self, verb, key, work, *args):
        fault = self._world.stop(f"{verb} {self._name}", key)
        if fault == "conflict" and verb in ("swap", "drop"):
            return None
        if fault == "denied" and verb in ("get", "head"):
            raise Denied("no such original")
        if fault and fault != "after":
            raise Unavailable("the store does not answer now")
        before = dict(self._objects) if verb in ("put", "swap", "delete", "drop") else None
        found = work(self, key, *args)
        if before is not None and self._name == "derivative":
            self._world.changed(before, self._objects)
        if fault == "after":
            raise Unavailable("the store does not answer now")
        return found


def _swapped(store, key, over, content):
    there = store.there(key)
    return MemoryStore.put(store, key, content) if over == (there.etag if there else None) else None


def _dropped(store, key, etag):
    there = store.there(key)
    if there and there.etag == etag:
        MemoryStore.delete(store, [key])


class Task:
    """One handler at work: of an event, or of a request."""

    def __init__(self, world, number, key, what, work):
        self.world, self.number, self.key, self.what = world, number, key, what
        self.began, self.ended, self.outcome, self.wrote = world.now, None, None, False
        self.next, self.fault = None, None
        self.strand = greenlet(partial(self._run, work))
        world.running.append(self)
        self.strand.switch()

    def _run(self, work):
        try:
            self.outcome = work()
        except (ImgyError, Killed) as error:
            self.outcome = error
        finally:  # an assertion may have failed, and ends the test
            self.ended = self.world.now
            self.world.running.remove(self)
            self.world.note(f"{self} is done: {self.outcome!r}")

    def step(self, count=1):
        """Go on for so many calls of a store, or to the end."""
        while count and self.ended is None:
            count -= 1
            self.strand.switch()
        return self

    def until(self, call, key=None):
        """Go on to just before a call, by its verb and bucket, and its key."""
        while self.ended is None and (not self.next[0].startswith(call) or key not in (None, self.next[1])):
            self.step()
        assert self.ended is None, f"{self} never came to {call} {key}"
        return self

    def finish(self):
        return self.step(_MOST_STEPS)

    def fail(self, fault):
        """Let the call that is next fail, in one of FAULTS."""
        self.fault = fault
        return self.step()

    def __str__(self):
        return f"{self.what} {self.number}"


def _original_etag(stored):
    return stored.metadata.get("original-etag", "")


def assert_right(originals, derivatives, key, told=str):
    """What stands of one key is what must: by the bytes of the pictures, by what they say of themselves, by name."""
    original = originals.get(key)
    content = original and original.read().decode()
    there = {name.removeprefix(f"{key}/"): derivatives.get(name) for name in derivatives.names(f"{key}/")}
    described = there.pop("manifest.json", None)
    made = {name: shown(found.read()) for name, found in there.items()}
    if original is None:
        assert (described, made) == (None, {}), told(f"left of {key}: {made}, {described}")
        return
    assert made == {name: (content, name) for name in made}, told(f"{key} is {content}, but {made}")
    assert {_original_etag(found) for found in there.values()} <= {original.etag}, told(f"{key} is of another ETag")
    wanted = set() if content == NONSENSE else set(PRESETS)
    assert set(made) >= wanted, told(f"{wanted - set(made)} of {key} is missing")
    manifest = described and Manifest.from_json(described.read())
    assert manifest, told(f"no manifest of {key}")
    assert (manifest.etag, set(manifest.derivatives)) == (original.etag, wanted), told(f"{key}: {manifest}")
    assert bool(manifest.refused) == (content == NONSENSE), told(f"{key}: {manifest}")


class World:
    """The two buckets, what happened to the originals, the events on their way, and the handlers at work."""

    def __init__(self):
        self.now, self.running, self.events, self.lost, self._log = 0, [], [], set(), []
        self._tasks = 0
        self.originals, self.derivatives = Stepped(self, "original"), Stepped(self, "derivative")
        self.versions = {key: [(0, None)] for key in KEYS}
        self._vanished, self._forgotten = {}, {}
        self.calls, self.faults, self.faulty, self.harmed = 0, {}, False, False
        self.prerender = Prerender(
            self.originals,
            Derivatives(self.derivatives, ""),
            PLANNED,
            PLANNED.limits,
            invalidate=self._invalidate,
            prepare=draw,
            pool=Inline,
        )
        self.on_demand = OnDemand(self.prerender, BoundedSemaphore(10_000), Apart(), SoonerOrLater())

    # What happens.

    def put(self, key, content):
        MemoryStore.put(self.originals, key, Content(content.encode()))
        self._happened(key, content)

    def remove(self, key):
        if self.content(key):
            MemoryStore.delete(self.originals, [key])
            self._happened(key, None)

    def _happened(self, key, content):
        self.now += 1
        self.versions[key].append((self.now, content))
        self.events.append(key)
        self.note(f"{key} is {content or 'gone'}")

    def deliver(self, key, again=False, last=False):
        """An event arrives; where it comes `again`, it is still on its way; `last` as the prerender has it."""
        if not again:
            self.events.remove(key)
        return self._task(key, "last event" if last else "event", partial(self._reconcile, key, last))

    def lose(self, key):
        self.events.remove(key)
        self.lost.add(key)
        self.note(f"an event of {key} is lost")

    def request(self, key, name):
        return self._task(key, "request", partial(self._answer, key, name))

    def _task(self, key, what, work):
        self._tasks += 1
        self.note(f"{what} {self._tasks} of {key} begins")
        return Task(self, self._tasks, key, what, work)

    def rest(self):
        """Let everything come to its end, in turn; what was lost or cut short, an audit finds."""
        self.drain()
        if self.lost or self.harmed:
            self.events += [
                finding.key for _, finding in inspect_all(self.prerender, by_manifest) if self._out(finding)
            ]
        self.drain()

    def _out(self, finding):
        self.note(f"audit: {finding}")
        return finding.what not in IN_STEP

    def drain(self):
        """Let every event come that is still on its way, and every handler go on in turn to its end."""
        while self.running or self.events:
            for key in list(self.events):
                self.deliver(key)
            for task in list(self.running):
                task.step(3)
            assert self.now < _MOST_STEPS, self.told("it never comes to rest")

    # What handlers do.

    def _reconcile(self, key, last):
        try:
            return self.prerender.reconcile(key, last=last)
        except (ImgyError, Killed):
            self.events.append(key)
            raise

    def _answer(self, key, name):
        began = self.now
        try:
            picture = self.on_demand.find(parse_path(f"{key}/{name}"), Timing())
            body = picture.read()
        except NotFound as error:
            self._assert_was(key, began, {None}, error, self.faulty)
            raise
        except Refused as error:
            if "ended the process" not in str(error):  # as is said of any original while it is tried for the last time
                self._assert_was(key, began, {NONSENSE, FRAIL}, error, self.faulty)
            raise
        content, answered = shown(body)
        assert answered == name, self.told(f"{name} was asked for, {answered} was answered")
        cache = "hit" if picture.hit else "miss"
        self._assert_was(key, began, {content}, f"{cache}: {body}")
        return cache, body

    def _assert_was(self, key, since, contents, said, excused=False):
        known = self.versions[key]
        spans = zip(known, [*known[1:], (self.now + 1, None)], strict=True)
        was = {content for (_, content), (until, _) in spans if until > since}
        assert excused or was & contents, self.told(f"{said} of {key}, which was {was} since {since}")

    def _invalidate(self, key):
        fault = self.stop("invalidate", key)
        if fault in (None, "after"):
            self._forgotten[key] = self.now
        if fault:
            raise Unavailable("no queue")

    def stop(self, call, key):
        """Where a handler waits for its turn."""
        task = getcurrent()
        owner = next((each for each in self.running if each.strand is task), None)
        if owner is None:
            return None
        if owner.fault == "killed":
            raise Killed
        owner.next = (call, key)
        owner.strand.parent.switch()
        self.now += 1
        self.calls += 1
        fault = owner.fault = owner.fault or self.faults.get(self.calls)
        self.note(f"{owner}: {call} {key} {f'fails: {fault}' if fault else ''}".rstrip())
        self.faulty = self.faulty or bool(fault)
        self.harmed = self.harmed or bool(fault and owner.what == "request")
        if fault == "killed":
            raise Killed
        owner.fault = None
        return fault

    def changed(self, before, after):
        for key, there in before.items():
            now = after.get(key)
            if original_of(key) is None and (now is None or _original_etag(now) != _original_etag(there)):
                self._vanished[key.rpartition("/")[0], _original_etag(there)] = self.now

    # What must be so at rest.

    def content(self, key):
        return self.versions[key][-1][1]

    def assert_clean(self):
        """At rest: the derivatives of what is there now, all of them, and nothing else."""
        for key in KEYS:
            assert_right(self.originals, self.derivatives, key, self.told)
        assert list(out_of_step(self.originals, self.derivatives)) == [], self.told("out of step at rest")

    def assert_forgotten(self):
        """Whatever vanished that could have been answered, and is not so now, was forgotten after it had vanished."""
        for (key, etag), moment in self._vanished.items():
            original = self.originals.there(key)
            if original is None or original.etag != etag:
                assert self._forgotten.get(key, 0) >= moment, self.told(f"{key} was not forgotten after {moment}")

    def note(self, line):
        self._log.append((self.now, line))

    def told(self, why):
        """The whole history, for the message of a failed assertion."""
        return "\n".join([why, *(f"{moment:4} {line}" for moment, line in self._log)])


# Histories from bytes: each byte is one thing that happens.

_CONTENTS = (*GOOD, NONSENSE, FRAIL)
_ADVANCE = (1, 2, 4, 20)
_ACTS = ("step",) * 8 + ("put", "put", "remove", "deliver", "last", "again", "request", "request")


_FAULTY_ACTS = (
    ("step",) * 5 + ("put", "put", "remove", "deliver", "deliver", "again", "request", "request") + ("fault",) * 3
)


def play(plan, acts=_ACTS):
    """Play a history out and return its world, at rest."""
    world = World()
    for byte in plan:
        _act(world, acts[byte % 16], byte // 16)
    world.rest()
    return world


def play_with_faults(plan):
    """The same, while calls fail and processes end."""
    return play(plan, _FAULTY_ACTS)


def _act(world, act, number):
    key = KEYS[(0, 0, 1, 2)[number % 4]]
    if act == "step" and world.running:
        world.running[number % 4 % len(world.running)].step(_ADVANCE[number // 4])
    elif act == "fault" and world.running:
        world.running[number % len(world.running)].fail(FAULTS[number % len(FAULTS)])
    elif act == "put":
        world.put(key, _CONTENTS[number // 4])
    elif act == "remove":
        world.remove(key)
    elif act in ("deliver", "last") and world.events:
        world.deliver(world.events[number % len(world.events)], last=act == "last" and number % 4 == 0)
    elif act == "again" and world.events:
        event = world.events[number // 4 % len(world.events)]
        if number % 4:
            world.deliver(event, again=True)
        else:
            world.lose(event)
    elif act == "request":
        world.request(key, (*PRESETS[:1], *OTHERS, OTHERS[1])[number // 4])
