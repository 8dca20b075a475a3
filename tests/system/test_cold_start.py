"""What a cache hit imports: a cold start pays for every module, so it takes none that only rendering needs."""

import subprocess
import sys

import pytest

from cli import ROOT
from support.originals import picture

ONLY_FOR_RENDERING = [
    "wand",
    "pyvips",
    "PIL",
    "_pi_heif",
    "chalicelib.rendering.renderer",
    "chalicelib.rendering.magick",
    "chalicelib.decoding.libvips",
    "chalicelib.decoding.decoder",
    "numpy",
]

HIT = """
import sys
sys.path[:0] = sys.argv[1:]
import app
from chalicelib.storage.derivatives import Derivatives
from chalicelib.flows.prerender import Prerender
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.store import Content
from chalicelib.flows.on_demand import OnDemand
from chalicelib.http.route import Route

originals, derivatives = MemoryStore(), MemoryStore()
etag = originals.put("cat.jpg", Content(b"an original"))
told = {"original-etag": etag, "original-modified": "Mon, 23 Nov 2026 00:00:00 GMT", "width": "1", "height": "1"}
derivatives.put("cat.jpg/w=480,h=320,fit=crop.webp", Content(b"picture", "image/webp", "", told))
prerender = Prerender(originals, Derivatives(derivatives, ""), app.configuration.presets)
app.route = Route(OnDemand(prerender), app.configuration, app.settings, lambda key: "")
event = {
    "requestContext": {"resourcePath": "/{key+}", "httpMethod": "GET"},
    "headers": {"accept": "image/webp", "if-modified-since": "Sun, 22 Nov 2026 00:00:00 GMT"},
    "multiValueQueryStringParameters": {"preset": ["card"]},
    "pathParameters": {"key": "cat.jpg"},
    "stageVariables": None, "body": None, "isBase64Encoded": False,
}
answer = app.app(event, None)
assert (answer["statusCode"], answer["headers"]["X-Cache"]) == (200, "HIT"), answer
print(*sys.modules)
"""


MISS = (
    HIT.replace('b"an original"', "bytes.fromhex(sys.argv.pop())")
    .replace('"HIT"', '"MISS"')
    .replace('derivatives.put("cat.jpg/', 'derivatives.put("dog.jpg/')
)


def modules_of(script, *arguments):
    """Every module that a process has imported when it has answered a request."""
    command = [sys.executable, "-c", script, str(ROOT), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.fixture(scope="module")
def imported():
    return modules_of(HIT)


def test_a_miss_is_opened_and_rendered_in_another_process():
    modules = modules_of(MISS, picture().hex())
    assert "chalicelib.sandbox.pool" in modules
    assert modules.isdisjoint(ONLY_FOR_RENDERING)


@pytest.mark.parametrize("module", ONLY_FOR_RENDERING)
def test_a_hit_does_not_import_what_only_rendering_needs(imported, module):
    assert module not in imported


@pytest.mark.parametrize("module", ["cli", "moto", "ministack", "pytest", "rich", "typer", "werkzeug"])
def test_a_hit_imports_nothing_of_development(imported, module):
    assert module not in imported


def test_a_hit_does_not_import_what_boto3_adds_to_botocore(imported):
    assert not imported & {"boto3", "s3transfer"}


def test_presets_are_read_by_the_fast_loader(imported):
    import yaml

    from chalicelib.presets import file as presetfile

    assert "yaml" in imported
    assert presetfile._Loader is yaml.CSafeLoader
