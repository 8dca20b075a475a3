"""The tests have teeth: each defence is switched off in turn, in a copy, and a test must fail.

Those of the flows stand here, those against strangers in walls.py.

python tests/teeth.py [WORD]      those whose name holds the word; exit 1 where nothing is noticed
"""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from walls import DEFENCES as WALLS

ROOT = Path(__file__).parents[1]
COPIED = ("chalicelib", "cli", "edge")
PYTEST = ["-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider", "--hypothesis-profile", "teeth"]
# The quick ones first.
TESTS = ["tests/test_store_faults.py::test_any_call_may_fail_once", "tests/test_histories.py"]
EXPIRY, AUDIT = ["tests/test_pipeline.py", "-k", "expire or stays"], ["tests/test_audit.py"]

PIPELINE, DERIVATIVES, FINDINGS = "chalicelib/pipeline.py", "chalicelib/derivatives.py", "cli/findings.py"
FORGET = """        if survey.changed or any(replaced for _, replaced in kept):
            self.forget(original.key)
"""
COMMIT = "        self.derivatives.put_manifest(original.key, manifest)\n"
WITHDRAWN = """            self.forget(key)
            self.derivatives.delete([manifest_key(key)])
"""
EARLY = """            entries = {derivative.name: {} for derivative in wanted.values()}
            manifest = Manifest.telling(original.etag, original.length, rendering.describe(), entries)
            self.derivatives.put_manifest(original.key, manifest)
"""
SWAP = "self.store.swap(key, over, body, content_type, self.cache_control, metadata, tag)"
PUT = "self.store.put(key, body, content_type, self.cache_control, metadata)"
RENDER = "            kept = side_by_side("

FLOWS = {
    "an event looks again, whether its original is still there": [
        (PIPELINE, "if self._current(key) == (", "if 1 or (")
    ],
    "a hit looks at its original": [(PIPELINE, "original_etag(found) == original.etag", "True")],
    "a request looks again": [
        (PIPELINE, 'if timing("check", self._current, original.key) != original.etag:', "if False:")
    ],
    "the original is read as it was when its ETag was": [
        (PIPELINE, "return original.read()", "return (self.originals.get(original.key) or original).read()")
    ],
    "the manifest is written last": [(PIPELINE, COMMIT, ""), (PIPELINE, RENDER, EARLY + RENDER)],
    "a picture is put on a condition": [(DERIVATIVES, SWAP, PUT)],
    "before a picture is put over another, the original is looked at": [
        (DERIVATIVES, "if current() != original.etag:", "if False:")
    ],
    "a request looks at what it takes back": [
        (DERIVATIVES, "own = there is not None and original_etag(there) == original.etag", "own = there is not None")
    ],
    "a request takes back on a condition": [
        (DERIVATIVES, "self.store.drop(key, there.etag)", "self.store.delete([key])")
    ],
    "events look for stale pictures, though the manifest be right": [
        (DERIVATIVES, "if self.manifest is None or self.changed:", "if self.manifest is None or self.overwritten:")
    ],
    "events look for missing pictures, though the manifest be right": [
        (DERIVATIVES, "wanted.keys() <= self.own.keys() and ", "")
    ],
    "what is replaced is forgotten before the manifest is written": [
        (PIPELINE, FORGET, ""),
        (PIPELINE, COMMIT, COMMIT + FORGET),
    ],
    "what is removed is forgotten before the manifest goes": [
        (PIPELINE, WITHDRAWN, "".join(reversed(WITHDRAWN.splitlines(keepends=True))))
    ],
    "the manifest is unsettled before what is stale goes": [
        (PIPELINE, "if survey.stale and not survey.overwritten:", "if False:")
    ],
    "a manifest is written before pictures without one go": [(PIPELINE, "if pictures and not known:", "if False:")],
    "an event that was overtaken forgets": [(PIPELINE, "self.forget(key)  # of what", "pass  # of what")],
    "an event forgets what it put a picture over": [
        (PIPELINE, "survey.changed or any(", "survey.changed or False and any(")
    ],
    "a request forgets what it put a picture over": [(PIPELINE, "        if replaced:\n", "        if False:\n")],
    "a request forgets what it took back": [
        (
            PIPELINE,
            "                self.forget(original.key)\n            raise Overtaken",
            "                pass\n            raise Overtaken",
        )
    ],
}

BESIDE = {
    "an audit looks at pictures that no manifest tells of": (
        [(FINDINGS, "return there is None or original_etag(there) == survey.etag", "return True")],
        AUDIT,
    ),
    "an audit holds pictures against what the manifest tells of them": (
        [("chalicelib/manifest.py", '.get("etag") == etag)', '.get("etag"))')],
        AUDIT,
    ),
    "only what no preset names expires": (
        [
            (
                PIPELINE,
                "self.derivatives.expire and derivative.key not in",
                "self.derivatives.expire or derivative.key not in",
            )
        ],
        EXPIRY,
    ),
    "what a preset has come to name does not expire": (
        [(PIPELINE, "self.derivatives.let_stay(", "bool(")],
        EXPIRY,
    ),
    "what was made for somebody meanwhile does not expire, where a preset names it": (
        [(DERIVATIVES, "self.let_stay([] if adhoc else [there])", "pass")],
        EXPIRY,
    ),
}

DEFENCES = {**{defence: (edits, TESTS) for defence, edits in FLOWS.items()}, **BESIDE, **WALLS}


def without(defence):
    """The test that fails without a defence, and what it says; nothing where none does."""
    with TemporaryDirectory(prefix="imgy-teeth-") as folder:
        for entry in ROOT.iterdir():
            if entry.name not in (*COPIED, "app.py"):
                (Path(folder) / entry.name).symlink_to(entry)
        for name in COPIED:
            shutil.copytree(ROOT / name, Path(folder) / name)
        shutil.copy(ROOT / "app.py", folder)
        edits, tests = DEFENCES[defence]
        for file, old, new in edits:
            _replace(Path(folder) / file, old, new, defence)
        done = subprocess.run([sys.executable, *PYTEST, *tests], cwd=folder, capture_output=True, text=True)
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
            print(f"{'bites' if noticed else 'SLEEPS':7} {defence}", flush=True)
            if noticed:
                print(f"{'':7}   {noticed[0]}: {noticed[1]}", flush=True)
            unnoticed += not noticed
    print(f"of {len(chosen)} defences, a test notices when {len(chosen) - unnoticed} are off")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
