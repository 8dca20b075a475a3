"""docs/configuration.md is what the code declares now, and says of every setting who sets it."""

import re
from dataclasses import fields
from inspect import getsource

import pytest

from chalicelib.settings import Settings
from cli.__main__ import run
from cli.deploy.stage import Deployment
from cli.docs.configuration import PAGE, SET_BY_DEPLOY, TEMPLATES, markdown, parameters, write

KEPT = PAGE.read_text("utf-8")
SETTINGS = [each for each in fields(Settings) if each.metadata]


def row(name):
    """The cells beside a name, of the one row of the page that begins with it."""
    (found,) = re.findall(rf"^\| `{name}` \| (.+) \|$", KEPT, re.MULTILINE)
    return found.split(" | ")


def test_the_page_is_not_stale():
    assert markdown(run) == KEPT, "stale: run `make docs`"


def test_writing_makes_the_page(tmp_path):
    assert write(run, tmp_path / "configuration.md").read_text("utf-8") == KEPT


@pytest.mark.parametrize(
    ("variable", "cells"),
    [
        ("PORT", ["`--port`", "`8000`", "Port of the web page and the pictures."]),
        ("DATA_DIR", ["`--data-dir`", "`.local`", "Folder in which the buckets are stored."]),
        ("EDGE", ["`--edge`", "off", "Put a simulated CloudFront in front; needs node."]),
    ],
)
def test_an_option_of_the_local_run_is_listed_by_its_variable(variable, cells):
    assert row(variable) == cells


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_listed_setting_is_read_from_its_variable(setting):
    variable, value = f"IMGY_{setting.name.upper()}", "7"
    default, _, meaning = row(variable)
    assert meaning == setting.metadata["meaning"]
    assert default == {"origins": "`*`"}.get(setting.name, "none" if setting.default == "" else f"`{setting.default}`")
    read = getattr(Settings.of({variable: value}), setting.name)
    assert read == (("7",) if setting.name == "origins" else type(setting.default)(value))


def test_every_other_field_is_found_and_not_set():
    assert {each.name for each in fields(Settings)} - {each.name for each in SETTINGS} == {"function", "renderers"}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_every_parameter_of_a_stack_has_a_meaning_and_its_default(template):
    for name, parameter in parameters(template).items():
        found = re.findall(rf"^\| `{name}` \| .+ \| (\S+) \| (?:you|`make deploy`) \| (\S.+) \|$", KEPT, re.MULTILINE)
        assert found, name
        default = parameter.get("Default")
        assert {shown for shown, _ in found} == {"none" if default in (None, "") else f"`{default}`"}


def test_what_make_deploy_sets_is_what_it_sets():
    """By its code: the names of settings and of parameters that it writes down."""
    written = set(re.findall(r'"IMGY_(\w+)"', getsource(Deployment.stage_functions)))
    named = {"ORIGINALS", "DERIVATIVES"}  # as names of buckets in .chalice/config.json, which it replaces
    assert {name.upper() for name in SET_BY_DEPLOY["functions"]} == written | named
    assert set(SET_BY_DEPLOY["edge"]) == {
        "Name",
        *re.findall(r'"(\w+)":', getsource(Deployment.edge) + getsource(Deployment.shield)),
    }
    assert SET_BY_DEPLOY["foundation"] == ("Name",)
