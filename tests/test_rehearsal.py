"""A whole deploy on an embedded AWS that holds every function to its policy: two stacks, four functions, an API."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_stage_is_deployed_proved_and_taken_down_and_leaves_nothing(lambda_python):
    run = subprocess.run(
        [lambda_python, "-m", "cli", "rehearse"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout
    assert re.search(r"an upload made [1-9]\d* derivatives", run.stdout), run.stdout
    assert re.search(r"preset=\w+: 200 image/jpeg, \d+ bytes, HIT", run.stdout), run.stdout
    assert re.search(r"w=\d+: 200 image/jpeg, \d+ bytes, MISS", run.stdout), run.stdout
    assert "Traceback" not in run.stdout
