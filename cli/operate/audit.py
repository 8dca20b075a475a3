"""`python -m cli audit`: which originals are out of step with their derivatives, and bringing them in step."""

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
from cli.operate.progress import counted, shown

ARRIVING = "arriving"
"""Out of step, but uploaded so lately that its event may be under way."""

CLEAN, OUT = 0, 1
MOST_KEPT, MOST_SHOWN = 1000, 20
"""How many findings the summary names; the counts are of all."""


@dataclass
class Report:
    """What an audit found: counts of all, the first findings themselves, and what became of those repaired."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    repaired: Counter[str] = field(default_factory=Counter)
    not_repaired: list[Reconciled] = field(default_factory=list)

    def note(self, finding: Finding) -> Finding:
        """Take in what was found of one original."""
        self.counts[finding.what] += 1
        if finding.what == REFUSED:
            self.refused[finding.reason.partition(", received")[0]] += 1  # what was received differs with each
        elif finding.what not in IN_STEP and len(self.findings) < MOST_KEPT:
            self.findings.append(finding)
        return finding

    def note_repair(self, settled: Reconciled) -> None:
        """Take in what a repair came to."""
        self.repaired[settled.outcome] += 1
        if settled.outcome == FAILED and len(self.not_repaired) < MOST_KEPT:
            self.not_repaired.append(settled)

    @property
    def left(self) -> int:
        """How many are out of step still, as far as was looked."""
        brought = self.repaired.total() - self.repaired[FAILED]
        return sum(self.counts[what] for what in (*OUT_OF_STEP, FAILED)) - brought

    @property
    def code(self) -> int:
        """What cron learns."""
        return OUT if self.left else CLEAN


def audit(
    prerender: Prerender,
    inspector: Inspector,
    report: Report,
    prefix: str = "",
    grace: timedelta | None = None,
    jobs: int = 0,
) -> None:
    """Look at all originals below a prefix, and reconcile those out of step on so many threads; on none, only look.

    What was uploaded within the grace is not yet out of step. Raises what the listings raise.
    """
    since = datetime.now(UTC) - grace if grace else None
    looked = shown(inspect_all(prerender, inspector, prefix), "looked at")
    noted = (report.note(_in_time(finding, listed, since)) for listed, finding in looked)
    out = (finding.key for finding in noted if finding.what in OUT_OF_STEP)
    if jobs:
        for settled in pooled(partial(reconciled, prerender), out, jobs):
            report.note_repair(settled)
    else:
        deque(out, maxlen=0)


def out_of_step(originals: Store, derivatives: Store) -> Iterator[str]:
    """The keys of which derivatives and original are not of one another, whatever presets there are.

    It looks at no picture of which a manifest tells; what S3 does not answer counts as out of step.
    """
    prerender = Prerender(originals, Derivatives(derivatives, ""), Presets())
    return (finding.key for _, finding in inspect_all(prerender, by_manifest) if finding.what not in IN_STEP)


def _in_time(finding: Finding, listed: Listed, since: datetime | None) -> Finding:
    young = since is not None and listed.original is not None and listed.original.modified > since
    return replace(finding, what=ARRIVING) if young and finding.what in OUT_OF_STEP else finding


def summary(report: Report) -> dict[str, Any]:
    """The report for machines."""
    return {
        "in_step": not report.left,
        "looked_at": report.counts.total(),
        **{what: report.counts[what] for what in (COMPLETE, REFUSED, *OUT_OF_STEP, ARRIVING, FAILED)},
        "refused_by_reason": report.refused,
        "findings": [asdict(finding) for finding in report.findings],
        "repaired": report.repaired,
        "not_repaired": {settled.key: settled.reason for settled in report.not_repaired},
        "left": report.left,
    }


def lines(report: Report) -> Iterator[str]:
    """The report for people: the first findings, then the counts."""
    yield from (
        f"{finding.what:9} {in_line(finding.key)}{_detail(finding)}" for finding in report.findings[:MOST_SHOWN]
    )
    out = sum(report.counts[what] for what in (*OUT_OF_STEP, ARRIVING, FAILED))
    if out > MOST_SHOWN:
        yield f"          and {counted(out - MOST_SHOWN, 'more original')}; --json names {MOST_KEPT:,}"
    yield from (f"not repaired: {in_line(each.key)}: {each.reason}" for each in report.not_repaired[:MOST_SHOWN])
    shown = {what: number for what, number in report.counts.items() if what != GONE}
    yield ", ".join(f"{number:,} {what}" for what, number in shown.items()) or "no originals"
    yield from (f"refused, {number:,}: {reason}" for reason, number in report.refused.most_common())
    if report.repaired:
        yield "repaired: " + ", ".join(f"{number:,} {outcome}" for outcome, number in report.repaired.items())
    yield f"{counted(report.left, 'original')} out of step" if report.left else "everything is in step"


def _detail(finding: Finding) -> str:
    missing = [counted(len(finding.missing), "derivative") + " missing"] if finding.missing else []
    surplus = [counted(finding.surplus, "object") + " too many"] if finding.surplus else []
    told = ", ".join([*missing, *surplus, *([finding.reason] if finding.reason else [])])
    return f": {told}" if told else ""
