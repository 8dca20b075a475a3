"""The operator's commands: backfill, audit, purge."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from tempfile import TemporaryFile
from typing import Annotated, Any

import typer

from cli.operate.options import BucketOptions, on_buckets

commands = typer.Typer()

CORES = os.cpu_count() or 1
LEFT, COULD_NOT_LOOK, STOPPED = 1, 2, 130
"""Exit codes, as grep has them: something is out of step, or not done; a mistake, or no access; and Ctrl-C."""

Prefix = Annotated[str, typer.Option(help="Only originals whose keys begin so.")]
Jobs = Annotated[int, typer.Option(min=1, help="How many originals are rendered at once.")]
AsJson = Annotated[bool, typer.Option("--json", help="A summary for machines.")]
Names = Annotated[str, typer.Option("--presets", metavar="A,B", help="Only these presets.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Queue = Annotated[str, typer.Option(metavar="NAME", help="Leave the work to the readers of this queue.")]
After = Annotated[str, typer.Option("--start-after", metavar="KEY", help="Look only at originals behind this key.")]
Repair = Annotated[bool, typer.Option("--repair", help="Bring in step what is out of step.")]
Grace = Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Uploads so young need not be in step yet.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before a prefix is purged.")]
What = Annotated[str, typer.Argument(metavar="KEY|PREFIX", help="An original, or a prefix, which ends in /.")]


@commands.command()
@on_buckets
def backfill(
    where: BucketOptions,
    prefix: Prefix = "",
    presets: Names = "",
    start_after: After = "",
    dry_run: DryRun = False,
    queue: Queue = "",
    jobs: Jobs = CORES,
    as_json: AsJson = False,
) -> None:
    """Make the derivatives that are missing: after presets.yaml changed, or for a bucket that was there before imgy."""
    from cli.costs.prices import load
    from cli.operate import backfill as filling
    from cli.operate.environment import environment, events
    from cli.operate.estimate import estimate

    chosen = [name.strip() for name in presets.split(",") if name.strip()]
    with _speaking(), TemporaryFile("w+", encoding="utf-8") as keys:
        if queue and chosen:
            raise SystemExit("imgy: expected --presets without --queue: its readers make all that an original lacks")
        at = environment(replace(where, queue=queue))
        sending = events(at, queue) if queue else None
        planned = filling.plan(at.prerender, keys, chosen, prefix, start_after)
        cores = at.settings.concurrency if queue else min(jobs, CORES)
        expected = estimate(planned.work, load(), cores, bool(queue))
        expected = replace(expected, dollars=0.0) if where.local else expected
        _print([] if as_json else filling.plan_lines(planned, expected))
        done = filling.Done()
        with _stoppable() as stopped:
            if sending and not dry_run:
                filling.enqueue(sending, planned, done)
            elif planned.work.originals and not dry_run:
                _assert_renders()
                filling.backfill(at.prerender, planned, done, jobs, chosen)
        result = {**filling.summary(planned, expected, done), "stopped": bool(stopped)}
        _print([_machine(result)] if as_json else filling.done_lines(done))
        _end(stopped, LEFT if done.failed or result["plan"]["not_looked_at"] else 0)


@commands.command()
@on_buckets
def audit(
    where: BucketOptions,
    prefix: Prefix = "",
    repair: Repair = False,
    grace: Grace = 0,
    jobs: Jobs = CORES,
    as_json: AsJson = False,
) -> None:
    """Find what is missing, stale, orphaned or refused; exit with 0: nothing, 1: something, 2: could not look."""
    from cli.operate import audit as auditing
    from cli.operate.environment import environment
    from cli.operate.findings import by_manifest

    report = auditing.Report()
    with _speaking():
        at = environment(where)
        if repair:
            _assert_renders()
        with _stoppable() as stopped:
            young = timedelta(seconds=grace)
            auditing.audit(at.prerender, by_manifest, report, prefix, young, jobs if repair else 0)
        result = {**auditing.summary(report), "stopped": bool(stopped)}
        _print([_machine(result)] if as_json else auditing.lines(report))
        _end(stopped, report.code)


@commands.command()
@on_buckets
def purge(
    where: BucketOptions,
    what: What,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take away the derivatives of one original, or of all below a prefix, and have the edge forget them.

    The next request, or `backfill`, makes them again; a refused original is looked at again.
    """
    from cli.operate import purge as purging
    from cli.operate.environment import environment

    with _speaking():
        if not what:
            raise SystemExit("imgy: expected the key of an original, or a prefix, which ends in /")
        at = environment(where)
        if what.endswith("/") and not yes:
            counts = purging.counts_text(purging.counted_below(at.prerender, what))
            _ask(f"Take away {counts} in {at.settings.derivatives}?")
        purged = purging.purge(at.prerender, what)
        result = {"purged": what, **asdict(purged), "edge_told": bool(at.settings.invalidations)}
        _print([_machine(result)] if as_json else purging.lines(what, purged, at.settings.invalidations))


@contextmanager
def _speaking() -> Iterator[None]:
    """What prevents a command is said in one sentence, with an exit code of its own."""
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.errors import ImgyError
    from cli.operate.pool import describe_error

    try:
        yield
    except SystemExit as refusal:
        if isinstance(refusal.code, int):
            raise
        print(refusal, file=sys.stderr)
    except (ImgyError, BotoCoreError, ClientError) as error:
        print(f"imgy: {describe_error(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("imgy: stopped, before anything was done", file=sys.stderr)
        raise SystemExit(STOPPED) from None
    else:
        return
    raise SystemExit(COULD_NOT_LOOK)


@contextmanager
def _stoppable() -> Iterator[list[str]]:
    """Work that Ctrl-C ends once what has begun is done; then the list has something in it."""
    stopped: list[str] = []
    try:
        yield stopped
    except KeyboardInterrupt:
        stopped.append("stopped")


def _end(stopped: list[str], code: int) -> None:
    if stopped:
        print("imgy: stopped; the same command goes on from here", file=sys.stderr)
    raise SystemExit(STOPPED if stopped else code)


def _assert_renders() -> None:
    from cli.libraries import assert_libraries

    assert_libraries()


def _ask(question: str) -> None:
    try:
        agreed, hint = typer.confirm(question, err=True), ""
    except typer.Abort:
        agreed, hint = False, "; --yes purges a prefix without asking"
        print(file=sys.stderr)
    if not agreed:
        print(f"imgy: nothing was purged{hint}", file=sys.stderr)
        raise SystemExit(LEFT)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _machine(result: Mapping[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False)
