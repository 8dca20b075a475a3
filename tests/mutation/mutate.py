"""Switches each defence off in turn, in a copy of the project, where a test must fail.

The defences of the flows are listed here, those against strangers in defences.py.

python tests/mutation/mutate.py [WORD]      only the defences whose name has the word; exit 1 if one is missed
"""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from defences import DEFENCES as STRANGERS

ROOT = Path(__file__).parents[2]
COPIED = ("chalicelib", "cli", "edge")
PYTEST = ["-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider", "--hypothesis-profile", "mutate"]
# The quick ones first.
_FLOWS = "tests/chalicelib/flows"
TESTS = [f"{_FLOWS}/test_store_faults.py::test_any_call_may_fail_once", "tests/system/test_interleaving.py"]
EXPIRY = [f"{_FLOWS}/test_prerender.py", "-k", "expire or stays"]
AUDIT = ["tests/cli/operate/test_audit.py"]

PRERENDER, ON_DEMAND = "chalicelib/flows/prerender.py", "chalicelib/flows/on_demand.py"
DERIVATIVES, FINDINGS = "chalicelib/storage/derivatives.py", "cli/operate/findings.py"
INVALIDATE = """        if changed:
            self.invalidate(key)
"""
COMMIT = "        self.derivatives.put_manifest(key, manifest)\n"
FORGET_FIRST = """        if manifest is None:
            self.derivatives.put_manifest(key, manifest)
"""
EARLY = """            entries = {derivative.name: {} for derivative in wanted.values()}
            manifest = Manifest.of_rendered(original.etag, original.length, rendering.describe(), entries)
            self.derivatives.put_manifest(original.key, manifest)
"""
FINISHED = "state.changed or any(picture.replaced for picture in stored), manifest)"
RENDER = "            stored = render_all("

FLOWS = {
    "an event looks again, whether its original is still there": [
        (PRERENDER, "if self.etags([key]) == [original.etag if original else None]:", "if True:")
    ],
    "a hit looks at its original": [
        (ON_DEMAND, "current = len(originals) == len(asked) and made_from(originals, found)", "current = True")
    ],
    "a request looks again": [
        (ON_DEMAND, 'if not timing("check", self.prerender.are_current, originals):', "if False:")
    ],
    "the original is read as it was when its ETag was": [
        (PRERENDER, "original.read()) for", "(self.originals.get(original.key) or original).read()) for")
    ],
    "the manifest is written last": [
        (PRERENDER, FINISHED, FINISHED.replace("manifest)", "self.derivatives.manifest(original.key))")),
        (PRERENDER, RENDER, EARLY + RENDER),
    ],
    "a picture is put on a condition": [
        (DERIVATIVES, "self.store.swap(key, over, content)", "self.store.put(key, content)")
    ],
    "before a picture is put over another, the original is looked at": [
        (DERIVATIVES, "if not is_current():", "if False:")
    ],
    "a request looks at what it takes back": [
        (DERIVATIVES, "own = present is not None and made_from(originals, present)", "own = present is not None")
    ],
    "a request takes back on a condition": [
        (DERIVATIVES, "self.store.drop(key, present.etag)", "self.store.delete([key])")
    ],
    "events look for stale pictures, though the manifest be right": [
        (DERIVATIVES, "if self.manifest is None or self.changed:", "if self.manifest is None or self.overwritten:")
    ],
    "events look for missing pictures, though the manifest be right": [
        (DERIVATIVES, "wanted.keys() <= self.own.keys() and ", "")
    ],
    "what is replaced is invalidated before the manifest is written": [
        (PRERENDER, INVALIDATE + COMMIT, COMMIT + INVALIDATE)
    ],
    "what is removed is invalidated before the manifest goes": [(PRERENDER, INVALIDATE, FORGET_FIRST + INVALIDATE)],
    "the manifest is marked stale before what is stale goes": [
        (PRERENDER, "if state.stale and not state.overwritten:", "if False:")
    ],
    "a manifest is written before pictures without one go": [
        (PRERENDER, "if pictures and not has_manifest:", "if False:")
    ],
    "an event that was overtaken invalidates": [(PRERENDER, "self.invalidate(key)  # the next", "pass  # the next")],
    "an event invalidates what it put a picture over": [
        (PRERENDER, "state.changed or any(", "state.changed or False and any(")
    ],
    "a request invalidates what it put a picture over": [(ON_DEMAND, "        if replaced:\n", "        if False:\n")],
    "a request invalidates what it took back": [
        (
            ON_DEMAND,
            "                self.prerender.invalidate(derivative.original)\n            raise OriginalChanged",
            "                pass\n            raise OriginalChanged",
        )
    ],
}

BESIDE = {
    "an audit looks at pictures that no manifest lists": (
        [(FINDINGS, "return there is None or is_of(original, there)", "return True")],
        AUDIT,
    ),
    "an audit compares pictures with what the manifest says of them": (
        [("chalicelib/storage/manifest.py", '.get("etag") == etag)', '.get("etag"))')],
        AUDIT,
    ),
    "only what no preset names expires": (
        [
            (
                PRERENDER,
                "self.derivatives.expire and derivative.key not in",
                "self.derivatives.expire or derivative.key not in",
            )
        ],
        EXPIRY,
    ),
    "what a preset has come to name does not expire": (
        [(PRERENDER, "self.derivatives.clear_expiry(", "bool(")],
        EXPIRY,
    ),
    "what was made for somebody meanwhile does not expire, where a preset names it": (
        [(DERIVATIVES, "self.clear_expiry([] if adhoc else [present])", "pass")],
        EXPIRY,
    ),
}

DEFENCES = {**{defence: (edits, TESTS) for defence, edits in FLOWS.items()}, **BESIDE, **STRANGERS}


def without(defence):
    """The test that fails without a defence, and what it says; nothing where none does."""
    with TemporaryDirectory(prefix="imgy-mutate-") as folder:
        for entry in ROOT.iterdir():
            if entry.name not in (*COPIED, "app.py"):
                (Path(folder) / entry.name).symlink_to(entry)
        for name in COPIED:
            shutil.copytree(ROOT / name, Path(folder) / name)
        shutil.copy(ROOT / "app.py", folder)
        edits, tests = DEFENCES[defence]
        for file, old, new in edits:
            _replace(Path(folder) / file, old, new, defence)
        command, environment = [sys.executable, *PYTEST, *tests], {**os.environ, "HISTORIES": "10000"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    failed = re.search(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)
    said = re.search(
        r"^E +(?:AssertionError: |assert |Failed: |chalicelib\.errors\.\w+: |(?=MemoryError))(.{,140})",
        done.stdout,
        re.MULTILINE,
    )
    if done.returncode and not (failed and said):
        sys.exit(f"{defence}: expected tests that pass or fail by an assertion, received:\n{done.stdout[-2000:]}")
    return failed and said and (failed[1], said[1])


def _replace(file, old, new, defence):
    text = file.read_text()
    if text.count(old) != 1:
        sys.exit(f"{defence}: expected this once in {file.name}, found it {text.count(old)} times:\n{old}")
    file.write_text(text.replace(old, new))


def main():
    chosen = [defence for defence in DEFENCES if not sys.argv[1:] or sys.argv[1] in defence]
    unnoticed = 0
    with ThreadPoolExecutor(2) as pool:
        for defence, noticed in zip(chosen, pool.map(without, chosen), strict=True):
            print(f"{'noticed' if noticed else 'MISSED':7} {defence}", flush=True)
            if noticed:
                print(f"{'':7}   {noticed[0]}: {noticed[1]}", flush=True)
            unnoticed += not noticed
    print(f"of {len(chosen)} defences, a test notices when {len(chosen) - unnoticed} are off")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
