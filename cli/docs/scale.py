"""`python -m cli.docs.scale`: writes docs/scale.md, the time and the cost of up to a billion originals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
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
from cli.costs.scale_simulator import Outcome, by_flow, by_message, listing
from cli.docs.cost import table

PAGE = ROOT / "docs" / "scale.md"
COUNTS = {"1 k": 1000, "1 M": 10**6, "1 G": 10**9}
CONCURRENCIES, PREFIXES = (10, 100, 1000, 5000), (1, 100)
USUAL = 50
"""The default of IMGY_CONCURRENCY."""
SEED, CHECKED = 1, 20_000
"""Up to this many originals are simulated message by message, which also checks the simulation by flow."""
THROTTLED = 0.3
"""The share of deliveries that an account without free concurrency throttles, for the example."""
FEW, OVERLOAD = 220, 100_000
"""About as many workers as one prefix allows, and the number of originals that shows the effect of more."""

_PAGE = """\
# What many originals take

These figures are computed and simulated, not measured on an account. Each original is new and gets {work.pictures}
pictures, from the shipped presets, in functions with {work.megabytes:,} MB. Originals come through the queue:
`python -m cli backfill --queue`. `make scale` writes this page.

{table}

- Dollars are S3's requests, SQS and Lambda. Storage is part of the monthly bill ([cost.md](cost.md)).
- "Waits" is the longest time that a message waited in the queue.
- "Busy" is the utilization of the workers, or of S3's writes, over the whole run. A worker that waits for S3 is not
  busy.
- The time does not include listing: `backfill` makes its plan first.
- 5,000 workers need the provisioned mode of the event source mapping. The usual mode has a maximum concurrency of
  {limits.mapping_most:,}.
- Rows that are limited by S3's writes cost more, because workers are billed while they wait for S3.

## Which step is the limit

One original takes {work.mean:.2f} s of a worker, {work.writes} PUT, 1 LIST, 1 GET and 1 HEAD. In originals a second,
each resource alone allows:

{rates}

- With up to {enough:.0f} workers, Lambda is the limit: each worker makes {each:.2f} originals a second.
- Beyond, with one key prefix, S3's {limits.prefix_writes:,} writes a second are the limit: {s3:.0f} originals a second.
  More workers only cause SlowDown errors, and make it slower: {overload:,} originals, simulated message by message,
  took {enough_run.seconds:,.0f} s with {few:,} workers and {one.seconds:,.0f} s with 1,000, which cost {dearer:.1f}
  times as much in Lambda. {one.throttles:,} writes were refused. A write that is refused at every retry fails its
  message, which waits {limits.visibility} s for its next try. {one.dead:,} messages went to the failures queue.
- A new queue starts with {limits.mapping_first} workers and gets {limits.mapping_a_minute} more a minute. A thousand
  originals are done before it reaches its limit: they take {ramp:.0f} s at any concurrency from 110 on.
- A new account has a concurrency of 10 to 1,000. The route's `reserved_concurrency` is subtracted from it.
- SQS keeps a message for {days:g} days, then deletes it, and does not move it to the failures queue. With {usual}
  workers, the default, send at most {kept:.0f} million originals at once; `python -m cli audit` finds
  originals whose messages were deleted.
  {days:g} days is SQS's maximum. Send larger buckets by `--prefix`, one prefix after the other.
- A failed message is delivered again after {limits.visibility} s, at most {limits.receives} times in all. A delivery
  that Lambda throttles counts as one of them, although nothing failed. If {throttled:.0%} of the deliveries of
  {checked:,} messages are throttled, {lost:,} messages go to the failures queue after {few_receives} deliveries, and
  {kept_messages:,} after {limits.receives}.
- A deploy with `Mode=queue` sets at most half of the account's free concurrency for the workers, so that requests get
  the rest.

## What to change

- **Concurrency** (`IMGY_CONCURRENCY`), up to {enough:.0f}: the time falls in proportion, the cost stays the same.
- **Prefixes**, beyond that. S3 splits a prefix under load by itself, within minutes to an hour, and answers SlowDown
  meanwhile. It can split only keys that begin differently. The rows with 100 prefixes assume that it has split
  them already.
- **Memory**: with a second core a render takes 0.57 to 0.72 of the time, at 1.7 times the price ([bench.md](bench.md)).
- **Fewer presets**: each picture is one of {work.writes} writes, and writes are most of the cost of S3.

## Other ways to feed the workers

Dollars to bring the originals to the workers; the work itself costs the same:

{feeders}

Listing {listed} originals takes {calls:,} calls, one after the other: {hours:.0f} hours at {list_ms:.0f} ms a call, and
{list_dollars}. `backfill` also lists the derivatives: if all {work.pictures} of each original and the manifests exist,
that takes {full_days:.0f} days. Listing a million originals takes {million:.1f} minutes, or {million_full:.0f} with all
derivatives.

- **Up to some ten million originals: `backfill --queue`.** It makes a plan, shows the price, can be resumed, and needs
  nothing new.
- **Beyond: S3 Batch Operations.** It reads S3 Inventory instead of listing, and calls a function for each key. It shows
  progress, retries, reports each failure, and has no messages that expire. It costs a dollar for a million objects. An
  inventory takes a day or two, so for less than some millions it is slower.
- **Distributed Map**, if the work has several steps or should run in batches. It reads an inventory, too, and runs up
  to 10,000 children at once. One child for each original costs two transitions, far more than SQS. Batches of 100 cost
  least of all, but then the child's function must loop, and report which originals failed.

None of them raises Lambda's concurrency or S3's writes. imgy implements only the first. The other two would call the
same function, which reconciles a key, but through a small handler, because their events differ from S3's.

## The direct trigger

With the direct trigger, S3 calls the function asynchronously, and Lambda queues the events itself. It retries a failed
event twice, and a throttled one for up to 6 hours; then the event goes to the failures queue. The direct trigger uses
all available concurrency (1,000 more every 10 s), including the route's. It can absorb what it makes in 6
hours: {burst_10:.1f} million originals with 100 workers. With a queue, the rate can be set and the backlog is visible.
So use the direct trigger for normal uploads, and the queue for a backfill.

## Assumptions

- Measured ([bench.md](bench.md), two cores, without S3): {seconds}.
- Assumed: the sizes are {shares}. S3 adds {s3_seconds:g} s, so that a photo of 6 MP takes as long as in cost.md. A LIST
  takes {list_ms:.0f} ms. {send_rate:,} originals a second are sent. Cold starts and the making of the plan are not
  included.
- Limits, in cli/costs/scale_model.py: {limit_list}.
- Prices beside those of cost.md, in [prices.yaml](prices.yaml), none of them read at AWS's own page: {large}.
- 1 k is simulated message by message (seed {seed}). 1 M and 1 G are simulated as flows per second, in
  steps of a second until the rates are constant, then in larger steps. The two simulations differ by {apart:.1%} for
  {checked:,} originals and 100 workers.
- The simulation by flows has no failed writes. Where S3's writes are the limit, its times are therefore the shortest
  that S3 allows. Its dollars are the highest, as each worker that waits for S3 is billed.
- S3's limits, SQS's limits of messages in flight and retention, and the scaling of a mapping were read in AWS's
  documentation. The others are from general knowledge.
"""


def main(page: Path = PAGE) -> None:
    """Write the page and print its path."""
    page.write_text(markdown(), encoding="utf-8")
    print(f"wrote {page}")


def run(originals: int, concurrency: int, prefixes: int) -> Outcome:
    """Simulate one row: thousands of originals by message, more as flows."""
    limits = PROVISIONED if concurrency > Limits().mapping_most else Limits()
    work, flow = shipped_work(prefixes), by_flow(originals, shipped_work(prefixes), limits, concurrency)
    if originals > CHECKED:
        return flow
    outcome = by_message(originals, work, limits, concurrency, SEED)
    outcome.bottleneck = flow.bottleneck
    return outcome


def markdown() -> str:
    """The whole page."""
    work, limits = shipped_work(), Limits()
    few, one = (_overload(workers) for workers in (FEW, 1000))
    exact, flow = by_message(CHECKED, work, limits, 100, SEED), by_flow(CHECKED, work, limits, 100)
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
        seed=SEED,
        apart=abs(exact.seconds / flow.seconds - 1),
        **_throttling(limits),
        **_assumptions(limits),
    )


def _throttling(limits: Limits) -> dict[str, float]:
    """The messages that an account which is often at its limit loses."""
    busy = replace(limits, throttled=THROTTLED)
    lost, kept = (by_message(CHECKED, shipped_work(), it, 10, SEED).dead for it in (replace(busy, receives=5), busy))
    return {"throttled": THROTTLED, "few_receives": 5, "lost": lost, "kept_messages": kept}


def _assumptions(limits: Limits) -> dict[str, float | str]:
    """The figures in the section of that name."""
    return {
        "seconds": ", ".join(f"{size} {seconds} s" for size, seconds in UPLOAD_SECONDS.items()),
        "shares": ", ".join(f"{share:.0%} {size}" for size, share in SHARES.items()),
        "s3_seconds": S3_SECONDS,
        "send_rate": SEND_RATE,
        "limit_list": ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in asdict(limits).items()),
        "large": ", ".join(f"{it.service} ${it.dollars:g} for {it.per:,} {it.unit}" for it in load_large().values()),
    }


def most_sent(concurrency: int) -> float:
    """The most originals that can be sent at once without a message reaching the retention."""
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
    """The utilization of workers and of S3's writes over the whole run."""
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
