"""Prints the folders and files of the tests that belong to what changed since the last commit, one a line.

The tests mirror the rooms: chalicelib/storage/s3.py belongs to tests/chalicelib/storage. Where nothing changed that has
tests of its own, all tests of chalicelib are printed.
"""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
OTHERS = {"app.py": "tests/system/test_app.py", "presets.yaml": "tests/chalicelib/presets"}
FOLDERS = {"edge": "tests/cli/edge", "playground": "tests/cli/local/test_page.py", "bench": "tests/bench"}


def changed():
    """The paths that git sees as changed or new."""
    commands = (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"])
    return [
        Path(line)
        for command in commands
        for line in subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    ]


def tests_of(path):
    """Where the tests of a file are; None where it has none of its own."""
    top = path.parts[0]
    if top == "tests":
        return str(path) if path.name.startswith("test_") and path.suffix == ".py" else None
    if top in ("chalicelib", "cli"):
        mirrored = Path("tests") / path.parent
        return str(mirrored / f"test_{path.name}" if path.parent.name == top else mirrored)
    return OTHERS.get(str(path)) or FOLDERS.get(top)


if __name__ == "__main__":
    found = {tests for path in changed() if (tests := tests_of(path)) and (ROOT / tests).exists()}
    print(*sorted(found or {"tests/chalicelib"}), sep="\n")
