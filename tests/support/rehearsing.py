"""A part of `make rehearse`, by a Python that packages for Lambda."""

import subprocess

from cli import ROOT


def rehearsed(python, part, asked=""):
    """What the part printed."""
    run = subprocess.run(
        [python, "-c", f"from cli.deploy.rehearsal import {part}; {part}({asked})"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
