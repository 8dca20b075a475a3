"""requirements.lock: all that is installed, by hash, of just the versions that the two lists name; and its audit."""

import os
import re
import subprocess
import sys

import pytest

from cli import ROOT
from cli.deploy.functions import AS_LISTED, pin_hashes, with_hashes

NAMED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


def versions(file):
    text = (ROOT / file).read_text("utf-8")
    return {re.sub(r"[._-]+", "-", name).lower(): version for name, version in NAMED.findall(text)}


def test_the_lock_is_of_what_is_listed():
    listed, locked = versions("requirements.txt") | versions("requirements-dev.txt"), versions("requirements.lock")
    assert len(listed) > 30
    assert {name: locked.get(name) for name in listed} == listed, "stale: run `make lock`"


def test_everything_in_the_lock_has_a_hash():
    text = (ROOT / "requirements.lock").read_text("utf-8")
    entries = re.split(r"\n(?=[a-z])", text.partition("\n\n")[2] or text)
    packages = [entry for entry in entries if "==" in entry]
    assert len(packages) > 80
    assert [entry.split()[0] for entry in packages if "--hash=sha256:" not in entry] == []


def test_what_ships_is_held_to_its_hashes():
    listed, hashed = versions("requirements.txt"), with_hashes((ROOT / "requirements.txt").read_text("utf-8"))
    entry = re.compile(r"^([a-z0-9-]+)==(\S+)(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", re.MULTILINE)
    assert dict(entry.findall(hashed)) == listed
    assert entry.sub("", hashed).strip() == ""


@pytest.mark.parametrize("ships", [True, False])
def test_a_wheel_for_another_platform_is_held_to_its_hash(tmp_path, ships):
    """As Chalice asks for it: by name and version, with no list of requirements."""
    wand, listed = f"wand=={versions('requirements.txt')['wand']}", tmp_path / "requirements.txt"
    listed.write_text(wand)
    pin_hashes(tmp_path)
    if not ships:
        listed.write_text(re.sub(r"(?<=sha256:)[0-9a-f]{4}", "beef", listed.read_text()))
    command = [sys.executable, "-m", "pip", "download", "--only-binary=:all:", "--no-deps", "--dest", "wheels"]
    ran = subprocess.run(
        [*command, "--platform", "manylinux2014_aarch64", wand],
        cwd=tmp_path,
        env={**os.environ, **AS_LISTED},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode == 0) == ships, ran.stderr
    assert ("THESE PACKAGES DO NOT MATCH THE HASHES" in ran.stderr) == (not ships)


@pytest.mark.parametrize(
    ("prints", "code", "expected", "says"),
    [
        ("No known vulnerabilities found", 0, 0, "audit: no known vulnerabilities"),
        ("Found 1 known vulnerability in 1 package", 1, 1, "pins vulnerable packages"),
        ("ConnectionError: nobody answers", 1, 0, "audit: skipped: ConnectionError"),
        ("x could not be audited\n" * 90, 0, 0, "audit: skipped, because this registry"),
    ],
)
def test_the_audit_fails_for_what_is_known_and_for_nothing_else(tmp_path, prints, code, expected, says):
    fake = tmp_path / "pip-audit"
    fake.write_text(f"#!/bin/sh\nprintf '%s\\n' '{prints}'\nexit {code}\n")
    fake.chmod(0o755)
    command, environment = ["sh", "cli/prepare.sh", "audit"], {"PIP_AUDIT": str(fake), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == expected, ran.stderr
    assert says in ran.stdout + ran.stderr


def test_no_function_of_the_preparation_hides_a_program_that_it_looks_for():
    text = (ROOT / "cli" / "prepare.sh").read_text()
    functions, programs = re.findall(r"^(\w+)\(\) \{", text, re.MULTILINE), re.findall(r"\bhas ([\w-]+)", text)
    assert {"browser", "magick"} <= set(functions)
    assert {"chromium", "apt-get"} <= set(programs)
    assert not set(functions) & set(programs)
