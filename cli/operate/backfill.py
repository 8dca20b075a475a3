"""`python -m cli backfill`: makes missing derivatives, for originals that are older than imgy or than a preset."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from typing import IO, Any

from rich.filesize import decimal

from chalicelib.flows.prerender import Prerender, Reconciled
from chalicelib.presets.presets import Presets
from chalicelib.text import in_line
from chalicelib.transformation import Derivative
from cli.operate.estimate import Estimate, Work
from cli.operate.findings import COMPLETE, MISSING, REFUSED, STALE, Finding, by_listing, by_manifest, inspect_all
from cli.operate.listing import Listed
from cli.operate.pool import FAILED, pooled, reconciled
from cli.operate.progress import plural, with_progress
from cli.operate.queue import Events, batches

TO_DO = (MISSING, STALE)
MOST_LISTED, MOST_SHOWN = 1000, 20
SENDERS = 8
_MOST_NAMES = 1000
"""Mean bytes are kept for at most this many names of derivatives, since the number of ad-hoc ones is unlimited."""


@dataclass(frozen=True)
class Chosen(Presets):
    """Some of all presets. Existing derivatives of the other presets are kept and stay in the manifest."""

    whole: Presets = field(default_factory=Presets)
    names: Callable[[str], Iterable[str]] = field(default=lambda folder: ())

    def derivatives(self, original: str) -> dict[str, Derivative]:
        """The derivatives of the chosen presets, and the existing ones of the others."""
        kept = {*super().derivatives(original), *self.names(f"{original}/")}
        return {key: made for key, made in self.whole.derivatives(original).items() if key in kept}


def only(presets: Presets, names: Collection[str]) -> Presets:
    """Only the presets with these names. Raises SystemExit if one does not exist."""
    unknown = sorted(set(names) - presets.presets.keys())
    if unknown:
        known = ", ".join(presets.presets) or "it has none"
        raise SystemExit(f"imgy: expected presets of presets.yaml ({known}) for --presets, received '{unknown[0]}'")
    return replace(presets, presets={name: preset for name, preset in presets.presets.items() if name in names})


@dataclass
class Plan:
    """The plan of a backfill. The keys are in a file, since there may be millions."""

    keys: IO[str]
    counts: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    original_bytes: int = 0
    listed: Counter[str] = field(default_factory=Counter)
    listed_bytes: Counter[str] = field(default_factory=Counter)

    def note(self, listed: Listed, finding: Finding) -> None:
        """Add the finding of one original."""
        self.counts[finding.what] += 1
        for key, picture in listed.pictures.items():
            name = key.rpartition("/")[2]
            if name in self.listed or len(self.listed) < _MOST_NAMES:
                self.listed[name] += 1
                self.listed_bytes[name] += picture.length
        if finding.what in TO_DO and listed.original:
            self.missing.update(key.rpartition("/")[2] for key in finding.missing)
            self.original_bytes += listed.original.length
            self.keys.write(json.dumps(finding.key) + "\n")

    @property
    def work(self) -> Work:
        """The planned work, as input of the estimate."""
        means = {name: self.listed_bytes[name] / count for name, count in self.listed.items()}
        return Work(sum(self.counts[what] for what in TO_DO), self.original_bytes, self.missing, means)

    def to_do(self) -> Iterator[str]:
        """The keys of the originals to reconcile."""
        self.keys.seek(0)
        return (json.loads(line) for line in self.keys)


def plan(prerender: Prerender, keys: IO[str], chosen: Collection[str] = (), prefix: str = "", after: str = "") -> Plan:
    """Plan what is missing of the chosen presets, or of all, from both listings.

    If pictures expire, manifests are read, too: a listed picture may be tagged to expire though a preset now makes it.
    """
    planned, inspector = Plan(keys), by_manifest if prerender.derivatives.expire else by_listing
    narrowed = replace(prerender, presets=only(prerender.presets, chosen)) if chosen else prerender
    for listed, finding in with_progress(inspect_all(narrowed, inspector, prefix, after), "planned"):
        planned.note(listed, finding)
    return planned


@dataclass
class Done:
    """The outcome of a backfill."""

    outcomes: Counter[str] = field(default_factory=Counter)
    derivatives: int = 0
    written: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def note(self, result: Reconciled) -> None:
        """Count the result of one original."""
        self.outcomes[result.outcome] += 1
        self.derivatives += result.made
        self.written += result.written
        if result.outcome == FAILED and len(self.failed) < MOST_LISTED:
            self.failed[result.key] = result.reason


def backfill(prerender: Prerender, planned: Plan, done: Done, jobs: int, chosen: Collection[str] = ()) -> None:
    """Reconcile the planned originals in `jobs` threads."""
    presets = prerender.presets
    if chosen:
        presets = Chosen(**vars(only(presets, chosen)), whole=presets, names=prerender.derivatives.store.names)
    work = partial(reconciled, replace(prerender, presets=presets))
    for result in with_progress(pooled(work, planned.to_do(), jobs), "originals", planned.work.originals):
        done.note(result)


def enqueue(events: Events, planned: Plan, done: Done) -> None:
    """Send the planned originals to the queue."""
    sent = pooled(events.send, batches(planned.to_do()), SENDERS)
    for result in with_progress(chain.from_iterable(sent), "queued", planned.work.originals):
        done.note(result)


def summary(planned: Plan, expected: Estimate, done: Done) -> dict[str, Any]:
    """Plan and outcome as JSON fields."""
    work = planned.work
    return {
        "plan": {
            "looked_at": planned.counts.total(),
            "complete": planned.counts[COMPLETE],
            "refused": planned.counts[REFUSED],
            "not_looked_at": planned.counts[FAILED],
            "originals": work.originals,
            "derivatives": work.derivatives,
            **asdict(expected),
        },
        "done": done.outcomes,
        "derivatives": done.derivatives,
        "bytes": done.written,
        "failed": done.failed,
    }


def plan_lines(planned: Plan, expected: Estimate) -> Iterator[str]:
    """The plan as text."""
    work, counts = planned.work, planned.counts
    parts = [f"{counts[what]:,} {what}" for what in (COMPLETE, REFUSED, FAILED) if counts[what]]
    details = f": {', '.join(parts)}" if parts else ""
    yield f"{plural(counts.total(), 'original')} inspected{details}"
    if work.originals:
        yield f"to do: {plural(work.originals, 'original')}, {plural(work.derivatives, 'derivative')}"
        seconds = max(1, round(expected.minutes * 60))
        time = f"{expected.minutes:,.1f} minutes" if expected.minutes >= 1 else plural(seconds, "second")
        yield f"about {decimal(expected.bytes)}, {time}, {expected.dollars:,.2f} dollars"
    else:
        yield "nothing to do"


def done_lines(done: Done) -> Iterator[str]:
    """The outcome as text."""
    yield from (f"failed: {in_line(key)}: {reason}" for key, reason in list(done.failed.items())[:MOST_SHOWN])
    if done.outcomes:
        outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in done.outcomes.items())
        made = f"; {plural(done.derivatives, 'derivative')}, {decimal(done.written)}" if done.derivatives else ""
        yield f"{outcomes}{made}"
