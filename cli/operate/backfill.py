"""`python -m cli backfill`: makes what is missing, for originals that were there before imgy or before a preset was."""

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
from cli.operate.progress import counted, shown
from cli.operate.queue import Events, batches

TO_DO = (MISSING, STALE)
MOST_KEPT, MOST_SHOWN = 1000, 20
SENDERS = 8
_MOST_NAMES = 1000
"""Of how many names of derivatives the bytes are averaged; ad-hoc ones are without number."""


@dataclass(frozen=True)
class Chosen(Presets):
    """Some presets of a whole: of the others what stands already is kept, and the manifest speaks of it."""

    whole: Presets = field(default_factory=Presets)
    names: Callable[[str], Iterable[str]] = field(default=lambda folder: ())

    def derivatives(self, original: str) -> dict[str, Derivative]:
        """The chosen ones, and those of the others that stand."""
        kept = {*super().derivatives(original), *self.names(f"{original}/")}
        return {key: made for key, made in self.whole.derivatives(original).items() if key in kept}


def only(presets: Presets, names: Collection[str]) -> Presets:
    """The presets of these names alone; raises SystemExit for one that is not there."""
    unknown = sorted(set(names) - presets.presets.keys())
    if unknown:
        known = ", ".join(presets.presets) or "which has none"
        raise SystemExit(f"imgy: expected names of presets.yaml ({known}) for --presets, received '{unknown[0]}'")
    return replace(presets, presets={name: preset for name, preset in presets.presets.items() if name in names})


@dataclass
class Plan:
    """What is to be done; the keys stand in a file, since there may be millions."""

    keys: IO[str]
    counts: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    original_bytes: int = 0
    listed: Counter[str] = field(default_factory=Counter)
    standing_bytes: Counter[str] = field(default_factory=Counter)

    def note(self, listed: Listed, finding: Finding) -> None:
        """Take in what was found of one original."""
        self.counts[finding.what] += 1
        for key, picture in listed.pictures.items():
            name = key.rpartition("/")[2]
            if name in self.listed or len(self.listed) < _MOST_NAMES:
                self.listed[name] += 1
                self.standing_bytes[name] += picture.length
        if finding.what in TO_DO and listed.original:
            self.missing.update(key.rpartition("/")[2] for key in finding.missing)
            self.original_bytes += listed.original.length
            self.keys.write(json.dumps(finding.key) + "\n")

    @property
    def work(self) -> Work:
        """What is to be done, in figures."""
        means = {name: self.standing_bytes[name] / count for name, count in self.listed.items()}
        return Work(sum(self.counts[what] for what in TO_DO), self.original_bytes, self.missing, means)

    def to_do(self) -> Iterator[str]:
        """The keys of the originals that lack something."""
        self.keys.seek(0)
        return (json.loads(line) for line in self.keys)


def plan(prerender: Prerender, keys: IO[str], chosen: Collection[str] = (), prefix: str = "", after: str = "") -> Plan:
    """What is missing of the chosen presets, or of all: both listings, and a look at each original that they show.

    Where pictures expire, a stored one may be tagged to do so; its manifest tells whether a preset names it now.
    """
    planned, inspector = Plan(keys), by_manifest if prerender.derivatives.expire else by_listing
    narrowed = replace(prerender, presets=only(prerender.presets, chosen)) if chosen else prerender
    for listed, finding in shown(inspect_all(narrowed, inspector, prefix, after), "planned"):
        planned.note(listed, finding)
    return planned


@dataclass
class Done:
    """What became of the originals that lacked something."""

    outcomes: Counter[str] = field(default_factory=Counter)
    derivatives: int = 0
    written: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def note(self, settled: Reconciled) -> None:
        """Take in what became of one original."""
        self.outcomes[settled.outcome] += 1
        self.derivatives += settled.made
        self.written += settled.written
        if settled.outcome == FAILED and len(self.failed) < MOST_KEPT:
            self.failed[settled.key] = settled.reason


def backfill(prerender: Prerender, planned: Plan, done: Done, jobs: int, chosen: Collection[str] = ()) -> None:
    """Reconcile what was planned, on so many threads."""
    presets = prerender.presets
    if chosen:
        presets = Chosen(**vars(only(presets, chosen)), whole=presets, names=prerender.derivatives.store.names)
    work = partial(reconciled, replace(prerender, presets=presets))
    for settled in shown(pooled(work, planned.to_do(), jobs), "originals", planned.work.originals):
        done.note(settled)


def enqueue(events: Events, planned: Plan, done: Done) -> None:
    """Leave what was planned to whoever reads the queue."""
    sent = pooled(events.send, batches(planned.to_do()), SENDERS)
    for settled in shown(chain.from_iterable(sent), "queued", planned.work.originals):
        done.note(settled)


def summary(planned: Plan, expected: Estimate, done: Done) -> dict[str, Any]:
    """Plan and outcome for machines."""
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
    """The plan for people."""
    work, counts = planned.work, planned.counts
    known = [f"{counts[what]:,} {what}" for what in (COMPLETE, REFUSED, FAILED) if counts[what]]
    told = f": {', '.join(known)}" if known else ""
    yield f"{counted(counts.total(), 'original')} looked at{told}"
    if work.originals:
        yield f"to do: {counted(work.originals, 'original')}, {counted(work.derivatives, 'derivative')}"
        seconds = max(1, round(expected.minutes * 60))
        took = f"{expected.minutes:,.1f} minutes" if expected.minutes >= 1 else counted(seconds, "second")
        yield f"about {decimal(expected.bytes)}, {took}, {expected.dollars:,.2f} dollars"
    else:
        yield "nothing to do"


def done_lines(done: Done) -> Iterator[str]:
    """What was done, for people."""
    yield from (f"failed: {in_line(key)}: {reason}" for key, reason in list(done.failed.items())[:MOST_SHOWN])
    if done.outcomes:
        outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in done.outcomes.items())
        made = f"; {counted(done.derivatives, 'derivative')}, {decimal(done.written)}" if done.derivatives else ""
        yield f"{outcomes}{made}"
