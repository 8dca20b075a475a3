"""`python -m cli audit`: finds originals that are out of step with their derivatives, and repairs them."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.flows.prerender import Prerender, Reconciled
from chalicelib.presets.presets import Presets
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.store import Store
from chalicelib.text import in_line
from cli.operate.findings import (
    COMPLETE,
    GONE,
    IN_STEP,
    OUT_OF_STEP,
    REFUSED,
    Finding,
    Inspector,
    by_manifest,
    inspect_all,
)
from cli.operate.listing import Listed
from cli.operate.pool import FAILED, pooled, reconciled
from cli.operate.progress import plural, with_progress

ARRIVING = "arriving"
"""Out of step, but uploaded so recently that its event may still be on the way."""

CLEAN, OUT = 0, 1
MOST_LISTED, MOST_SHOWN = 1000, 20
"""How many findings the summary and the lines list; the counts include all."""


@dataclass
class Report:
    """The result of an audit: counts of all findings, the first findings, and the outcomes of repairs."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    repaired: Counter[str] = field(default_factory=Counter)
    not_repaired: list[Reconciled] = field(default_factory=list)

    def note(self, finding: Finding) -> Finding:
        """Count the finding of one original."""
        self.counts[finding.what] += 1
        if finding.what == REFUSED:
            # Without the received value, which differs for each original.
            self.refused[finding.reason.partition(", received")[0]] += 1
        elif finding.what not in IN_STEP and len(self.findings) < MOST_LISTED:
            self.findings.append(finding)
        return finding

    def note_repair(self, result: Reconciled) -> None:
        """Count the result of a repair."""
        self.repaired[result.outcome] += 1
        if result.outcome == FAILED and len(self.not_repaired) < MOST_LISTED:
            self.not_repaired.append(result)

    @property
    def left(self) -> int:
        """How many of the inspected originals are still out of step."""
        repaired = self.repaired.total() - self.repaired[FAILED]
        return sum(self.counts[what] for what in (*OUT_OF_STEP, FAILED)) - repaired

    @property
    def code(self) -> int:
        """The exit code."""
        return OUT if self.left else CLEAN


def audit(
    prerender: Prerender,
    inspector: Inspector,
    report: Report,
    prefix: str = "",
    grace: timedelta | None = None,
    jobs: int = 0,
) -> None:
    """Inspect all originals with a prefix, and reconcile those out of step in `jobs` threads; 0 only inspects.

    Uploads younger than `grace` count as arriving, not as out of step. Raises what the listings raise.
    """
    since = datetime.now(UTC) - grace if grace else None
    inspected = with_progress(inspect_all(prerender, inspector, prefix), "inspected")
    noted = (report.note(_in_time(finding, listed, since)) for listed, finding in inspected)
    out = (finding.key for finding in noted if finding.what in OUT_OF_STEP)
    if jobs:
        for result in pooled(partial(reconciled, prerender), out, jobs):
            report.note_repair(result)
    else:
        deque(out, maxlen=0)


def out_of_step(originals: Store, derivatives: Store) -> Iterator[str]:
    """The keys whose derivatives were not made from the current original, independent of the presets.

    Does not inspect pictures that a manifest lists. A failed inspection counts as out of step.
    """
    prerender = Prerender(originals, Derivatives(derivatives, ""), Presets())
    return (finding.key for _, finding in inspect_all(prerender, by_manifest) if finding.what not in IN_STEP)


def _in_time(finding: Finding, listed: Listed, since: datetime | None) -> Finding:
    young = since is not None and listed.original is not None and listed.original.modified > since
    return replace(finding, what=ARRIVING) if young and finding.what in OUT_OF_STEP else finding


def summary(report: Report) -> dict[str, Any]:
    """The report as JSON fields."""
    return {
        "in_step": not report.left,
        "looked_at": report.counts.total(),
        **{what: report.counts[what] for what in (COMPLETE, REFUSED, *OUT_OF_STEP, ARRIVING, FAILED)},
        "refused_by_reason": report.refused,
        "findings": [asdict(finding) for finding in report.findings],
        "repaired": report.repaired,
        "not_repaired": {result.key: result.reason for result in report.not_repaired},
        "left": report.left,
    }


def lines(report: Report) -> Iterator[str]:
    """The report as text: the first findings, then the counts."""
    yield from (
        f"{finding.what:9} {in_line(finding.key)}{_detail(finding)}" for finding in report.findings[:MOST_SHOWN]
    )
    out = sum(report.counts[what] for what in (*OUT_OF_STEP, ARRIVING, FAILED))
    if out > MOST_SHOWN:
        yield f"          and {plural(out - MOST_SHOWN, 'more original')}; --json lists up to {MOST_LISTED:,}"
    yield from (f"not repaired: {in_line(each.key)}: {each.reason}" for each in report.not_repaired[:MOST_SHOWN])
    counts = {what: number for what, number in report.counts.items() if what != GONE}
    yield ", ".join(f"{number:,} {what}" for what, number in counts.items()) or "no originals"
    yield from (f"refused, {number:,}: {reason}" for reason, number in report.refused.most_common())
    if report.repaired:
        yield "repaired: " + ", ".join(f"{number:,} {outcome}" for outcome, number in report.repaired.items())
    yield f"{plural(report.left, 'original')} out of step" if report.left else "everything is in step"


def _detail(finding: Finding) -> str:
    missing = [plural(len(finding.missing), "derivative") + " missing"] if finding.missing else []
    surplus = [plural(finding.surplus, "object") + " to delete"] if finding.surplus else []
    details = ", ".join([*missing, *surplus, *([finding.reason] if finding.reason else [])])
    return f": {details}" if details else ""
