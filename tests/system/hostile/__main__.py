"""`make hostile`: every case, mutations of good files, questions by chance; exit 1 where a figure is off."""

import os
import sys
import time
from typing import Annotated

import typer

from system.hostile.corpus import ASKED, CASES
from system.hostile.figures import Figures
from system.hostile.service_pool import run


def jobs(mutations, questions, seed, slow=True, word=""):
    """All that is to be tried, the long ones first."""
    cases = [one for one in CASES.values() if word in one.name and (slow or not one.slow)]
    yield from ({"kind": "case", "name": one.name} for one in sorted(cases, key=lambda one: not one.slow))
    yield from ({"kind": "asked", "name": name} for name in ASKED if word in name)
    yield from ({"kind": "mutation", "seed": seed, "name": number} for number in range(mutations))
    yield from ({"kind": "question", "seed": seed, "name": number} for number in range(questions))


def main(
    mutations: Annotated[int, typer.Option(min=0, help="Of good files of every format.")] = 20_000,
    questions: Annotated[int, typer.Option(min=0, help="Of paths and queries.")] = 5_000,
    seed: Annotated[int, typer.Option(help="Of both: the same seed, the same inputs.")] = 1,
    processes: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
    word: Annotated[str, typer.Option(help="Only the cases whose name holds it.")] = "",
    markdown: Annotated[bool, typer.Option(help="Print the figures as a table for docs/security.md.")] = False,
) -> None:
    """Try everything; exit 1 where a figure is not as it must be."""
    start, tried = time.monotonic(), []

    def told(seen):
        tried.extend(seen)
        if len(tried) // 5000 != (len(tried) - len(seen)) // 5000:
            print(f"{len(tried):,} tried in {time.monotonic() - start:,.0f} s", file=sys.stderr, flush=True)

    figures = Figures(run(jobs(mutations, questions, seed, word=word), processes, told), seed)
    print("\n".join([*figures.slowest(), "", *figures.wrongs(), ""]), file=sys.stderr)
    print(figures.markdown() if markdown else figures.text())
    raise typer.Exit(int(not figures.held))


if __name__ == "__main__":
    typer.run(main)
