"""The commands backfill, audit and purge."""

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
LEFT, NO_RESULT, STOPPED = 1, 2, 130
"""Exit codes: something is out of step or not done; a mistake or no access; Ctrl-C."""

Prefix = Annotated[str, typer.Option(help="Only originals whose keys begin with this.")]
Jobs = Annotated[int, typer.Option(min=1, help="How many originals to render at once.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")]
Names = Annotated[str, typer.Option("--presets", metavar="A,B", help="Only these presets.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and do nothing.")]
Queue = Annotated[str, typer.Option(metavar="NAME", help="Send the originals to this queue, to be rendered there.")]
After = Annotated[str, typer.Option("--start-after", metavar="KEY", help="Only originals with keys after this one.")]
Repair = Annotated[bool, typer.Option("--repair", help="Reconcile the originals that are out of step.")]
Grace = Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Report newer uploads as arriving.")]
Yes = Annotated[bool, typer.Option("--yes", help="Purge a prefix without asking.")]
What = Annotated[str, typer.Argument(metavar="KEY|PREFIX", help="The key of an original, or a prefix ending in /.")]


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
    """Make missing derivatives: after a change of presets.yaml, or for originals that are older than imgy."""
    from cli.costs.prices import load
    from cli.operate import backfill as filling
    from cli.operate.environment import environment, events
    from cli.operate.estimate import estimate

    chosen = [name.strip() for name in presets.split(",") if name.strip()]
    with _errors_in_one_sentence(), TemporaryFile("w+", encoding="utf-8") as keys:
        if queue and chosen:
            raise SystemExit("imgy: expected --presets without --queue, whose functions make all missing derivatives")
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
                _assert_libraries()
                filling.backfill(at.prerender, planned, done, jobs, chosen)
        result = {**filling.summary(planned, expected, done), "stopped": bool(stopped)}
        _print([_json(result)] if as_json else filling.done_lines(done))
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
    """Find missing, stale, orphaned and refused originals. Exit codes: 0 all in step, 1 out of step, 2 not run."""
    from cli.operate import audit as auditing
    from cli.operate.environment import environment
    from cli.operate.findings import by_manifest

    report = auditing.Report()
    with _errors_in_one_sentence():
        at = environment(where)
        if repair:
            _assert_libraries()
        with _stoppable() as stopped:
            young = timedelta(seconds=grace)
            auditing.audit(at.prerender, by_manifest, report, prefix, young, jobs if repair else 0)
        result = {**auditing.summary(report), "stopped": bool(stopped)}
        _print([_json(result)] if as_json else auditing.lines(report))
        _end(stopped, report.code)


@commands.command()
@on_buckets
def purge(
    where: BucketOptions,
    what: What,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete the derivatives of one original, or of all with a prefix, and invalidate the CDN.

    The next request, or `backfill`, makes them again, and decodes a refused original again.
    """
    from cli.operate import purge as purging
    from cli.operate.environment import environment

    with _errors_in_one_sentence():
        if not what:
            raise SystemExit("imgy: expected the key of an original, or a prefix ending in /")
        at = environment(where)
        if what.endswith("/") and not yes:
            counts = purging.counts_text(purging.count_below(at.prerender, what))
            _ask(f"Delete {counts} in {at.settings.derivatives}?")
        purged = purging.purge(at.prerender, what)
        result = {"purged": what, **asdict(purged), "edge_told": bool(at.settings.invalidations)}
        _print([_json(result)] if as_json else purging.lines(what, purged, at.settings.invalidations))


@contextmanager
def _errors_in_one_sentence() -> Iterator[None]:
    """Reports an error in one sentence on stderr, and exits with NO_RESULT."""
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
        print("imgy: stopped before anything was done", file=sys.stderr)
        raise SystemExit(STOPPED) from None
    else:
        return
    raise SystemExit(NO_RESULT)


@contextmanager
def _stoppable() -> Iterator[list[str]]:
    """Lets Ctrl-C stop the work; running items finish first. The list is not empty if the work was stopped."""
    stopped: list[str] = []
    try:
        yield stopped
    except KeyboardInterrupt:
        stopped.append("stopped")


def _end(stopped: list[str], code: int) -> None:
    if stopped:
        print("imgy: stopped; run the same command again to continue", file=sys.stderr)
    raise SystemExit(STOPPED if stopped else code)


def _assert_libraries() -> None:
    from cli.libraries import assert_libraries

    assert_libraries()


def _ask(question: str) -> None:
    try:
        agreed, hint = typer.confirm(question, err=True), ""
    except typer.Abort:
        agreed, hint = False, "; use --yes to purge a prefix without asking"
        print(file=sys.stderr)
    if not agreed:
        print(f"imgy: nothing was purged{hint}", file=sys.stderr)
        raise SystemExit(LEFT)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _json(result: Mapping[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False)
