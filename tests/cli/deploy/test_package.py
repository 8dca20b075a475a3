"""What `chalice package` makes of the repository: a Terraform package whose zip is all that Lambda needs, and no more.

Chalice packages for the version of the Python that runs it, and finds a libvips for 3.12 and newer alone. So these
tests are skipped where this machine has no such Python; packaging with 3.11 says so.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from chalicelib.formats import WRITTEN
from cli import ROOT
from cli.deploy.functions import AS_LISTED, missing

pytestmark = pytest.mark.slow

VENDOR = ROOT / "vendor"
TESTS = ROOT / "tests"
OF_PICTURES = [
    f"tests/chalicelib/{name}.py"
    for name in (
        "rendering/test_renderer",
        "operations/test_pixels",
        "decoding/test_decoder",
        "rendering/test_odd_sizes",
    )
]
NOTHING = {"PATH": ""}
PACKAGED_TOO_OLD = sys.version_info < (3, 12)

needs_vendor = pytest.mark.skipif(not VENDOR.exists(), reason="no ImageMagick for Lambda: make imagemagick builds it")


def package(python, project, out, ends=0):
    """Run `chalice package`; returns what it printed. Without vendor/, the package is one for this machine."""
    here = {} if VENDOR.exists() else {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    command = [python, "-c", "from chalice.cli import main; main()", "package", "--pkg-format", "terraform", out]
    run = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, **AS_LISTED, **here},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert run.returncode == ends, run.stdout
    return run.stdout


def checkout(target):
    """The repository's files as a fresh clone has them, with the names of two buckets."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("this is no git repository: what belongs to it is not known")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name, follow_symlinks=False)
    for file in (target / ".chalice").glob("*.json"):
        file.write_text(re.sub(r"imgy-(originals|derivatives)\b", r"somebody-s-\1", file.read_text()))
    return target


@pytest.fixture(scope="session")
def packaged(lambda_python, tmp_path_factory):
    """The package's folder."""
    project = checkout(tmp_path_factory.mktemp("checkout"))
    if VENDOR.exists():
        shutil.copytree(VENDOR, project / "vendor")
    out = tmp_path_factory.mktemp("package") / "out"
    said = package(lambda_python, project, out)
    assert "Could not install" not in said, said
    return out


@pytest.fixture(scope="session")
def names(packaged):
    with zipfile.ZipFile(packaged / "deployment.zip") as archive:
        return archive.namelist()


@pytest.fixture(scope="session")
def resources(packaged):
    return json.loads((packaged / "chalice.tf.json").read_text())["resource"]


def test_the_zip_holds_all_that_lambda_needs(names):
    tops = {name.split("/")[0] for name in names}
    assert {"app.py", "chalicelib", "chalice", "wand", "pyvips", "yaml"} <= tops
    assert any(name.startswith("_pi_heif") for name in names), tops
    assert "chalicelib/presets.yaml" in names
    assert "chalicelib/rendering/policy/policy.xml" in names
    assert any(name.startswith("_libvips") for name in names), tops
    assert any(name.startswith("pyvips_binary.libs/") for name in names), tops


def test_what_is_listed_and_not_in_the_zip_is_told(packaged):
    listed = (ROOT / "requirements.txt").read_text()
    assert missing(packaged / "deployment.zip", listed) == []
    assert missing(packaged / "deployment.zip", f"{listed}\nAn-Other.one==1.0 \\\n") == ["An-Other.one==1.0"]


def test_every_module_of_chalicelib_is_in_the_zip(names):
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "chalicelib").rglob("*.py")}
    assert modules <= set(names)


def test_the_presets_in_the_zip_are_those_that_people_edit(packaged):
    with zipfile.ZipFile(packaged / "deployment.zip") as archive:
        assert archive.read("chalicelib/presets.yaml") == (ROOT / "presets.yaml").read_bytes()


def test_nothing_of_development_is_in_the_zip(names):
    tops = {name.split("/")[0] for name in names}
    assert not tops & {"tests", "cli", "bench", "playground", "docs", "edge", "deploy", "presets.yaml", "README.md"}
    assert not tops & {"boto3", "botocore", "pytest", "moto", "werkzeug", "typer", "rich", "ministack", "hypothesis"}
    assert "PIL" not in tops
    assert not [name for name in names if name.endswith(".pyc") or "__pycache__" in name]


def test_the_zip_stays_under_20_mb(packaged):
    assert (packaged / "deployment.zip").stat().st_size < 20_000_000


def test_whatever_ships_has_its_licence_beside_it_and_none_is_gpl(packaged, names):
    with zipfile.ZipFile(packaged / "deployment.zip") as archive:
        described = {name: archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")}
    assert len(described) == len(re.findall(r"^[a-z]", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    for name, text in described.items():
        assert any(other.startswith(name.replace("METADATA", "")) and "LICEN" in other.upper() for other in names), name
        said = re.findall(r"^(?:License|License-Expression|Classifier: License ::.*::) *:? *(.*)", text, re.MULTILINE)
        assert said, name
        assert not [line for line in said if re.search(r"(?<!L)GPL|(?<!Lesser )General Public", line)], name
    if VENDOR.exists():
        listed = " ".join(name for name in names if name.startswith("licences/"))
        for library in ("imagemagick", "jpeg", "png", "freetype", "zlib", "dejavu"):
            assert library in listed


def test_both_triggers_and_the_route_are_deployed(resources):
    handlers = {entry["handler"] for entry in resources["aws_lambda_function"].values()}
    assert handlers == {"app.upload_trigger", "app.removal_trigger", "app.app"}
    (notification,) = resources["aws_s3_bucket_notification"].values()
    events = sorted(event for entry in notification["lambda_function"] for event in entry["events"])
    assert (notification["bucket"], events) == (
        "somebody-s-originals",
        ["s3:LifecycleExpiration:*", "s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    )
    assert list(resources["aws_api_gateway_rest_api"]) == ["rest_api"]


def test_the_route_is_greedy_and_binary(packaged, resources):
    package = json.loads((packaged / "chalice.tf.json").read_text())
    swagger = json.dumps(package)
    assert "/{key+}" in swagger
    assert "/-/health" in swagger
    assert resources["aws_api_gateway_rest_api"]["rest_api"]["binary_media_types"] == ["*/*"]


RENDER = """
import sys
sys.path.insert(0, sys.argv[1])
import app
from chalicelib.storage.derivatives import Derivatives
from chalicelib.flows.prerender import Prerender
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content
originals, derivatives = MemoryStore(), MemoryStore()
drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><circle r="9"/></svg>'
originals.put("a.svg", Content(drawing))
settled = Prerender(originals, Derivatives(derivatives, ""), app.configuration.presets).reconcile("a.svg")
import wand, pyvips, yaml, _pi_heif, chalice
for module in (app, wand, pyvips, yaml, _pi_heif, chalice):
    assert module.__file__.startswith(sys.argv[1]), module.__file__
print(settled.outcome, settled.made)
"""


@pytest.fixture(scope="session")
def task(packaged, tmp_path_factory):
    """The folder as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(packaged / "deployment.zip") as archive:
        archive.extractall(folder)
    return folder


COMPILED = """
import sys
sys.path.insert(0, sys.argv[1])
import app
from chalicelib.rendering import renderer
of_package = [module for module in sys.modules.values() if (getattr(module, "__file__", "") or "").endswith(".py")]
of_package = [module for module in of_package if module.__file__.startswith(sys.argv[1])]
print(len(of_package), [module.__name__ for module in of_package if not os.path.exists(module.__cached__)])
"""


def test_what_is_deployed_holds_compiled_modules_that_this_python_takes(packaged, lambda_python, tmp_path):
    deployed = str(shutil.copy(packaged / "deployment.zip", tmp_path / "deployment.zip"))
    script = (
        f"from pathlib import Path; from cli.deploy.functions import add_compiled; add_compiled(Path({deployed!r}))"
    )
    for _ in range(2):  # the second time changes nothing
        size = os.stat(deployed).st_size
        subprocess.run([lambda_python, "-c", script], cwd=ROOT, check=True, timeout=300)
    with zipfile.ZipFile(deployed) as archive:
        archive.extractall(tmp_path / "task")
        assert len(archive.namelist()) == len(set(archive.namelist()))
    assert os.stat(deployed).st_size == size < 25_000_000
    run = subprocess.run(
        [lambda_python, "-B", "-c", "import os" + COMPILED, str(tmp_path / "task")], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    count, lacking = run.stdout.split(maxsplit=1)
    assert (int(count) > 100, lacking.strip()) == (True, "[]")


def test_what_is_in_the_zip_reconciles(task, lambda_python):
    run = subprocess.run(
        [lambda_python, "-c", RENDER, str(task)], cwd=task, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    outcome, made = run.stdout.split()[-2:]
    assert (outcome, int(made) > 5) == ("made", True)


def test_the_package_alone_renders_every_format_and_a_line_of_text(task, lambda_python):
    # Without vendor/ (`make imagemagick`), ImageMagick's library is this machine's, and no font ships.
    command = [lambda_python, "-I", "-S", ROOT / "tests" / "support" / "smoke_package.py", task]
    run = subprocess.run(command, cwd=task, env=NOTHING, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    said = dict(line.split(" ", 1) for line in run.stdout.splitlines())
    assert said["formats"].split() == [*WRITTEN]
    assert VENDOR.exists() == ("text" in said) == said["ImageMagick"].startswith("7.1.1-43")


@needs_vendor
def test_the_tests_of_pictures_pass_on_what_lambda_gets(task, lambda_python, tmp_path):
    for name in ("tests", "cli", "presets.yaml"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    environment = {**NOTHING, "PYTHONPATH": f"{task}:{tmp_path}", "HOME": str(tmp_path), "PYTHONSAFEPATH": "1"}
    asked = (
        "import chalicelib, wand, pyvips, _libvips, _pi_heif as heif\nprint(chalicelib, wand, pyvips, _libvips, heif)"
    )
    where = subprocess.run([lambda_python, "-c", asked], env=environment, capture_output=True, text=True)
    assert where.stdout.count(str(task)) == 5, where
    command = [lambda_python, "-m", "pytest", "-p", "no:cacheprovider", *OF_PICTURES]
    run = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, timeout=900)
    assert run.returncode == 0, run.stdout
    print(run.stdout)


@needs_vendor
def test_nothing_in_vendor_asks_for_a_newer_c_library_than_lambda_has():
    """Amazon Linux 2023 has glibc 2.34 and a libstdc++ with GLIBCXX_3.4.29."""
    libraries = [*(VENDOR / "lib").glob("*.so*")]
    dumped = subprocess.run(["objdump", "-p", *libraries], capture_output=True, text=True, check=True).stdout
    for name, newest in (("GLIBC", (2, 34)), ("GLIBCXX", (3, 4, 29))):
        asked = {tuple(map(int, version.split("."))) for version in re.findall(rf"\b{name}_([0-9.]+)", dumped)}
        assert max(asked, default=(0,)) <= newest
    assert {runpath.split()[-1] for runpath in dumped.splitlines() if "RUNPATH" in runpath} == {"$ORIGIN"}
    assert not [library for library in libraries if library.is_symlink()]


@pytest.mark.skipif(not PACKAGED_TOO_OLD, reason="this Python is new enough to package with")
def test_whoever_packages_with_an_old_python_is_told_to_take_a_newer_one(tmp_path):
    said = package(sys.executable, checkout(tmp_path / "project"), tmp_path / "out", ends=1)
    assert said.splitlines()[-1].startswith("imgy: expected Python 3.12 or newer for a deploy, this is ")
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
