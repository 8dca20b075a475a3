"""`python -m cli.docs.scale`: writes docs/scale.md, what thousands, millions and milliards of originals take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

from cli import ROOT
from cli.costs.prices import load, load_large
from cli.costs.scale_model import (
    LIST_SECONDS,
    PROVISIONED,
    S3_SECONDS,
    SEND_RATE,
    SHARES,
    UPLOAD_SECONDS,
    Limits,
    dollars,
    enough_workers,
    feeders,
    list_calls,
    rates,
    requests,
    shipped_work,
)
from cli.costs.scale_simulator import Outcome, as_fluid, by_message, listing
from cli.docs.cost import table

PAGE = ROOT / "docs" / "scale.md"
COUNTS = {"1 k": 1000, "1 M": 10**6, "1 G": 10**9}
CONCURRENCIES, PREFIXES = (10, 100, 1000, 5000), (1, 100)
USUAL = 50
"""IMGY_CONCURRENCY where nothing is set."""
SEED, CHECKED = 1, 20_000
"""How many originals go message by message, to check the fluid."""
FEW, OVERLOAD = 220, 100_000
"""About as many workers as one prefix takes, and how many originals show what more of them do."""

_PAGE = """\
# What many originals take

Computed and simulated, not measured on an account. {work.pictures} pictures of each new original, the shipped presets,
in {work.megabytes:,} MB, through the queue: `python -m cli backfill --queue`. `make scale` writes this page.

{table}

Dollars are S3's requests, SQS and Lambda; keeping the pictures is a month's bill ([cost.md](cost.md)). "Waits" is the
age of the oldest message at its worst. "Busy" is how much of what they could do the workers, or S3's writes, did over
the whole run; workers that wait for S3 are not. Listing comes before, as `backfill` plans first; it is not in the time.
5,000 at once need the mapping's provisioned mode, and no maximum concurrency, which stops at {limits.mapping_most:,}.
BucketOptions S3 is the limit, workers wait for it and are paid for: that is why those rows are dearer.

## Which step breaks first

One original takes {work.mean:.2f} s of a worker, {work.writes} PUT, 1 LIST, 1 GET and 1 HEAD. Each resource alone
could do, in originals a second:

{rates}

- Up to {enough:.0f} workers Lambda is the limit: {each:.2f} originals a second for each.
- Then, with one key prefix, S3's {limits.prefix_writes:,} writes a second, at {s3:.0f} originals a second. More
  concurrency only adds SlowDown, and makes it slower: {overload:,} originals, message by message, took
  {enough_run.seconds:,.0f} s with {few:,} workers, and {one.seconds:,.0f} s with 1,000, of which Lambda was paid
  {dearer:.1f} times as much: {one.throttles:,} writes were refused, and who is refused too often waits
  {limits.visibility} s for the next try. {one.dead:,} messages went to the failures.
- A new queue begins with {limits.mapping_first} workers and gets {limits.mapping_a_minute} more a minute. A thousand
  originals are done before that ends: they take {ramp:.0f} s at any concurrency from 110 on.
- A new account has 10 to 1,000 at once. `reserved_concurrency` of the route is taken off that.
- Messages are kept {days:g} days, then SQS drops them, and not to the failures. At {usual} workers, the default, no
  more than {kept:.0f} million originals may be sent at once; `python -m cli audit` finds what was dropped.
  These are the most there are: send larger buckets by `--prefix`, one after the other.
- A message that failed comes again after {limits.visibility} s, {limits.receives} times in all.

## What to change

- **Concurrency** (`IMGY_CONCURRENCY`) up to {enough:.0f}: time falls in step, dollars stay.
- **Prefixes** beyond that. S3 splits a prefix by itself under load, in minutes to an hour, and answers SlowDown
  meanwhile; keys that begin differently let it split. 100 prefixes here are 100 that S3 has split already.
- **Memory**: a second core takes 0.57 to 0.72 of the time at 1.7 times the price ([bench.md](bench.md)).
- **Fewer presets**: a picture less is a write less of {work.writes}, which is most of S3's part.

## Where something else takes over

Dollars to bring the originals to the workers; the work costs the same each time:

{feeders}

Listing {listed} originals is {calls:,} calls, one after the other: {hours:.0f} hours at {list_ms:.0f} ms a call, and
{list_dollars}. `backfill` also lists the derivatives, and where all {work.pictures} and the manifests stand, that is
{full_days:.0f} days. A million originals are listed in {million:.1f} minutes, or {million_full:.0f}.

- **Up to some ten million originals: `backfill --queue`.** It plans, tells the price, resumes, and needs nothing new.
- **Beyond: S3 Batch Operations.** It reads S3 Inventory in place of listing, calls a function for each key, has
  progress, retries and a report of each failure, and no message that grows old. A dollar for a million objects.
  Inventory takes a day or two to come, so for less than some millions it is later, not sooner.
- **Distributed Map** where the work has several steps, or is to be batched: it reads an inventory too, and runs up to
  10,000 children at once. One child an original costs two transitions each, more than SQS by far; batches of 100
  cost least of all, but then a child's function must loop, and report which of the hundred failed.

None of them lifts Lambda's concurrency or S3's writes. Neither is built here: both would call the same function, which
reconciles a key. The two others need a small handler of their own, as their events are not S3's.

## The direct trigger

S3 calls the function asynchronously. Lambda keeps those events itself: it tries twice more where the function
failed, and for up to 6 hours where there was no concurrency; then the event goes to the failures queue. The
direct trigger takes all the concurrency there is (1,000 more every 10 s), the route's included. It stands a
burst of 6 hours times its rate: {burst_10:.1f} million originals at 100 workers. With a queue the rate is
chosen, and what waits is seen. So direct is for uploads as they come, the queue for a backfill.

## What is assumed

- Measured ([bench.md](bench.md), two cores, without S3): {seconds}.
- Assumed: the sizes come as {shares}; S3 adds {s3_seconds:g} s, which makes a photo of 6 MP what cost.md has; a LIST
  takes {list_ms:.0f} ms; {send_rate:,} originals a second are sent. Cold starts and the plan's rendering are left out.
- Limits, in cli/costs/scale_model.py: {limit_list}.
- Prices beside those of cost.md, in [prices.yaml](prices.yaml), none read at AWS's own page: {large}.
- 1 k is simulated message by message (seed {seed}), 1 M and 1 G as a fluid, a second at a time until nothing changes,
  then in leaps. The two differ by {apart:.1%} for {checked:,} originals at 100 workers.
- The fluid fails nothing, so in the rows with S3's writes as the limit the time is what S3 allows at best: with too
  many workers it is longer, as said above, and the dollars are what waiting costs at most.
- Read in AWS's documentation: S3's limits, SQS's in flight and retention, how a mapping scales. The
  others are as known.
"""


def main(page: Path = PAGE) -> None:
    """Write the page."""
    page.write_text(markdown(), encoding="utf-8")
    print(f"wrote {page}")


def run(originals: int, concurrency: int, prefixes: int) -> Outcome:
    """One row: thousands by message, more as a fluid."""
    limits = PROVISIONED if concurrency > Limits().mapping_most else Limits()
    work, fluid = shipped_work(prefixes), as_fluid(originals, shipped_work(prefixes), limits, concurrency)
    if originals > CHECKED:
        return fluid
    outcome = by_message(originals, work, limits, concurrency, SEED)
    outcome.bottleneck = fluid.bottleneck
    return outcome


def markdown() -> str:
    """The whole page."""
    work, limits = shipped_work(), Limits()
    few, one = (_overload(workers) for workers in (FEW, 1000))
    exact, fluid = by_message(CHECKED, work, limits, 100, SEED), as_fluid(CHECKED, work, limits, 100)
    most = COUNTS["1 G"]
    return _PAGE.format(
        work=work,
        limits=limits,
        table=table(_HEADINGS, _rows()),
        rates=table(["", *(f"{it:,} at once" for it in CONCURRENCIES)], _rates()),
        feeders=table(["", *COUNTS], _feeders()),
        enough=enough_workers(work, limits),
        each=1 / work.mean,
        s3=rates(work, limits, 1)["S3 writes"],
        one=one,
        enough_run=few,
        few=FEW,
        overload=OVERLOAD,
        dearer=one.worker_seconds / few.worker_seconds,
        checked=CHECKED,
        ramp=run(1000, 1000, 1).seconds,
        days=limits.retention / 86_400,
        usual=USUAL,
        kept=most_sent(USUAL) / 1e6,
        listed="1 G",
        calls=list_calls(most),
        hours=listing(most) / 3600,
        list_ms=LIST_SECONDS * 1000,
        list_dollars=f"${list_calls(most) * load()['s3_write']:,.2f}",
        full_days=listing(most * (work.writes + 1)) / 86_400,
        million=listing(10**6) / 60,
        million_full=listing(10**6 * (work.writes + 1)) / 60,
        burst_10=rates(work, limits, 100)["Lambda's concurrency"] * 6 * 3600 / 1e6,
        seconds=", ".join(f"{size} {seconds} s" for size, seconds in UPLOAD_SECONDS.items()),
        shares=", ".join(f"{share:.0%} {size}" for size, share in SHARES.items()),
        s3_seconds=S3_SECONDS,
        send_rate=SEND_RATE,
        limit_list=", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in asdict(limits).items()),
        large=", ".join(f"{it.service} ${it.dollars:g} for {it.per:,} {it.unit}" for it in load_large().values()),
        seed=SEED,
        apart=abs(exact.seconds / fluid.seconds - 1),
    )


def most_sent(concurrency: int) -> float:
    """Originals that may be sent at once, so that none grows too old."""
    limits = Limits()
    speed = min(rates(shipped_work(), limits, concurrency).values())
    return limits.retention / (1 / speed - 1 / SEND_RATE)


@cache
def _overload(workers: int) -> Outcome:
    return by_message(OVERLOAD, shipped_work(), Limits(), workers, SEED)


SHOWN_BUSY = {"Lambda's concurrency": "workers busy", "S3 writes": "S3 writes busy"}
_RUN = ["originals", "at once", "prefixes", "time", "limit"]
_HEADINGS = [*_RUN, *SHOWN_BUSY.values(), "in queue", "waits", "requests to S3", "dollars"]


def _rows() -> Iterator[list[str]]:
    for name, originals in COUNTS.items():
        for concurrency in CONCURRENCIES:
            for prefixes in PREFIXES:
                yield [name, f"{concurrency:,}", f"{prefixes}", *_cells(originals, concurrency, prefixes)]


def _cells(originals: int, concurrency: int, prefixes: int) -> list[str]:
    work, outcome = shipped_work(prefixes), run(originals, concurrency, prefixes)
    asked = sum(count for kind, count in requests(work, originals).items() if kind.startswith("S3"))
    paid = sum(dollars(work, originals, outcome.gigabyte_seconds(work)).values())
    late = " (lost)" if outcome.oldest > Limits().retention else ""
    return [
        _time(outcome.seconds),
        outcome.bottleneck,
        *_busy(originals, concurrency, prefixes),
        f"{outcome.deepest:,.0f}",
        f"{_time(outcome.oldest)}{late}",
        f"{asked:,.0f}",
        f"${paid:,.2f}",
    ]


def _busy(originals: int, concurrency: int, prefixes: int) -> Iterator[str]:
    """How much of what a resource could do alone was done, over the whole run."""
    speeds, speed = (
        rates(shipped_work(prefixes), Limits(), concurrency),
        originals / run(originals, concurrency, prefixes).seconds,
    )
    yield from (f"{speed / speeds[name]:.0%}" for name in SHOWN_BUSY)


def _rates() -> Iterator[list[str]]:
    for prefixes in PREFIXES:
        columns = [rates(shipped_work(prefixes), Limits(), workers) for workers in CONCURRENCIES]
        for name in columns[0]:
            if name.startswith("S3") or prefixes == PREFIXES[0]:
                label = f"{name}, {prefixes} {'prefix' if prefixes == 1 else 'prefixes'}" if "S3" in name else name
                yield [label, *(f"{column[name]:,.0f}" for column in columns)]


def _feeders() -> Iterator[list[str]]:
    columns = [feeders(originals) for originals in COUNTS.values()]
    for name in columns[0]:
        yield [name, *(f"${column[name]:,.2f}" for column in columns)]


def _time(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
