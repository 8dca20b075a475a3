"""What the tests of the operator's commands share: a command as a shell runs it, on the test's buckets."""

import json
from dataclasses import dataclass

from typer.testing import CliRunner

from cli.operate import commands as operating

BUCKETS = ["--originals", "imgy-originals", "--derivatives", "imgy-derivatives"]

FOUNDATION = {
    "Originals": "imgy-originals",
    "Derivatives": "imgy-derivatives",
    "Invalidations": "imgy-dev-invalidations",
    "Events": "imgy-dev-events",
    "Mode": "direct",
}
"""What the foundation of stage dev says of itself."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def run(*words, buckets=BUCKETS, **given):
    """Run a command in this process."""
    ended = CliRunner().invoke(operating.commands, [*words, *buckets], **given)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    assert "Traceback" not in ended.stderr
    return Ended(ended.exit_code, ended.stdout, ended.stderr)
