"""docs/architecture.md is what the code is: its rooms, its modules and the steps of the pipeline."""

import re
import tomllib

import pytest

from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.parameters.schema import Operation
from chalicelib.rendering.renderer import PIPELINE
from cli import ROOT

PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text("utf-8")
CONTRACTS = {
    contract["containers"][0]: [layer.split(" | ") for layer in contract["layers"]]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    if "containers" in contract
}
FLOWS = {flow.__name__: flow for flow in (Prerender, OnDemand)}


def section(heading):
    """What stands below a heading."""
    parts = re.split(r"^#{2,3} (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def rows(text):
    """The cells of each row of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def drawn(folder):
    """The layers in the box of the drawing below a folder's name."""
    box = section("The packages").partition(f"  {folder}/")[2].partition("┌")[2].partition("└")[0]
    lines = [line for line in box.splitlines() if "│" in line]
    return [[room.strip() for room in line.strip(" │").split("│")] for line in lines]


def modules(folder):
    """The names of the modules in a folder, and of the packages in it, but for __init__ and __main__."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}


def name_of(step):
    return step.name if isinstance(step, Operation) else step.__name__


def module_of(step):
    return (step.function if isinstance(step, Operation) else step).__module__


@pytest.mark.parametrize("folder", CONTRACTS)
def test_the_drawing_has_the_layers_of_the_contract(folder):
    assert drawn(folder) == CONTRACTS[folder]


@pytest.mark.parametrize("folder", CONTRACTS)
def test_every_room_is_described_and_no_other(folder):
    described = {}
    for room, promise, listed in rows(section(folder)):
        name = re.match(r"\[(\w+)\]", room)[1]
        assert promise, name
        described[name] = set(re.findall(r"`(\w+)`", listed))
    assert described.keys() == modules(ROOT / folder)
    for name, listed in described.items():
        assert listed == modules(ROOT / folder / name), name


@pytest.mark.parametrize("folder", CONTRACTS)
def test_the_rooms_are_described_in_the_order_of_the_drawing(folder):
    described = [re.match(r"\[(\w+)\]", room)[1] for room, *_ in rows(section(folder))]
    assert described == [room for layer in CONTRACTS[folder] for room in layer]


def test_the_steps_of_the_pipeline_are_listed_in_their_order():
    assert [row[0] for row in rows(section("The pipeline"))] == [f"`{name_of(step)}`" for step in PIPELINE]


def test_each_step_of_the_pipeline_is_in_the_module_that_is_named():
    named = [f"chalicelib/{row[1]}" for row in rows(section("The pipeline"))]
    assert named == [f"{module_of(step).replace('.', '/')}.py" for step in PIPELINE]


def test_each_step_of_the_pipeline_works_on_what_is_said():
    said = {row[0].strip("`"): row[2] for row in rows(section("The pipeline"))}
    subjects = {step.name: step.subject for step in PIPELINE if isinstance(step, Operation)}
    assert said.items() >= {name: on for name, on in subjects.items() if on in ("layout", "image")}.items()


def test_every_link_and_every_path_leads_somewhere():
    links = re.findall(r"\]\(([^)#\s]+)", TEXT)
    paths = re.findall(r"(?<![\w/(.])((?:\w+/)+\w+\.\w+)", re.sub(r"\]\([^)]+\)", "]", TEXT).replace("\\", ""))
    assert len(links) > 40
    assert len(paths) > 20
    for link in links:
        assert (PAGE.parent / link).exists(), link
    for path in paths:
        assert any((ROOT / parent / path).exists() for parent in (".", "chalicelib")), path


def test_every_method_of_a_flow_that_is_named_is_there():
    named = re.findall(r"`(\w+)\.(\w+)`", TEXT.replace(".py`", "`"))
    methods = [(flow, method) for flow, method in named if flow in FLOWS]
    assert methods
    for flow, method in methods:
        assert hasattr(FLOWS[flow], method), f"{flow}.{method}"
