"""What many tests share: the stores they run on, and the app on top of them."""

import fcntl
import logging
import os
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace

import boto3
import hypothesis
import pytest
from moto import mock_aws

import chalicelib.rendering.magick  # before any test imports Wand: it chooses the ImageMagick  # noqa: F401
from chalicelib.flows.on_demand import OnDemand
from chalicelib.flows.prerender import Prerender
from chalicelib.http.route import Route
from chalicelib.monitoring.timing import Timing
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.file import read_configuration
from chalicelib.sandbox.pool import WORKERS
from chalicelib.settings import Settings
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.memory import MemoryStore
from chalicelib.storage.s3 import S3Store
from chalicelib.storage.store import Content
from chalicelib.transformation import parse_path
from cli import ROOT
from cli.embedded.s3 import embedded_s3
from support.aws_events import Web
from support.originals import picture
from support.pipeline import PRESETS, client_of
from support.watched_store import Watched

# Before anything makes a client: no test may reach an account.
for _name in [name for name in os.environ if name.startswith(("AWS_", "IMGY_"))]:
    del os.environ[_name]
os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# The same examples in every run, so that a change alone can make a test fail; `make explore` looks for new ones.
hypothesis.settings.register_profile("repeat", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=3000, deadline=None, print_blob=True)
hypothesis.settings.register_profile("mutate", derandomize=True, deadline=None, phases=[hypothesis.Phase.generate])
hypothesis.settings.load_profile("repeat")


@pytest.fixture(scope="session")
def embedded_endpoint(tmp_path_factory):
    """The URL of an embedded S3 of this test run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with embedded_s3(port, tmp_path_factory.mktemp("s3")):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def backend(request):
    """Where the buckets are: in memory, unless a test asks for another or for all."""
    return getattr(request, "param", "memory")


@pytest.fixture
def s3(backend, request):
    """A client of the backend's S3; none for the memory."""
    if backend == "memory":
        yield None
    elif backend == "moto":
        with mock_aws():
            yield boto3.client("s3")
    else:
        yield client_of(request.getfixturevalue("embedded_endpoint"))


@pytest.fixture
def bucket(s3, backend):
    """Makes empty buckets by name."""

    def made(name):
        if backend == "memory":
            return MemoryStore()
        s3.create_bucket(Bucket=name)
        store = S3Store(s3, name)
        store.delete(found.key for found in store.listing())
        return store

    return made


@pytest.fixture
def originals(bucket):
    return Watched(bucket("imgy-originals"))


@pytest.fixture
def derivatives(bucket):
    return Watched(bucket("imgy-derivatives"))


@pytest.fixture(scope="session")
def lambda_python():
    """The Python that packages and deploys, with all that it needs, kept from one run to the next."""
    asked = ["sh", "cli/prepare.sh", "python", "12", "test"]
    if subprocess.run(asked, cwd=ROOT, capture_output=True).returncode:
        pytest.skip("no Python 3.12 or newer here to package with")
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "lambda.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(["make", "-s", ".venv-lambda/installed"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return ROOT / ".venv-lambda" / "bin" / "python"


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture
def upload(originals):
    """Puts an original, as any client would."""
    return lambda key, body: originals.store.put(key, Content(body, "application/octet-stream"))


@pytest.fixture
def configuration():
    return read_configuration(PRESETS)


@pytest.fixture
def presets(configuration):
    return configuration.presets


class Counted:
    """Opens and renders in another process, as the app does, and counts how often."""

    def __init__(self):
        self.counts = {"opened": 0, "rendered": 0}

    @contextmanager
    def prepare(self, *asked):
        with WORKERS.prepare(*asked) as rendering:
            self.counts["opened"] += 1
            yield CountedRendering(rendering, self.counts)


@dataclass(frozen=True)
class CountedRendering:
    rendering: object
    counts: dict

    def __getattr__(self, name):
        return getattr(self.rendering, name)

    def render(self, derivative):
        self.counts["rendered"] += 1
        return self.rendering.render(derivative)


@pytest.fixture
def counted():
    return Counted()


@pytest.fixture
def counts(counted):
    """How often an original was opened and a derivative rendered."""
    return counted.counts


@pytest.fixture
def prerender(originals, derivatives, presets, settings, counted):
    store = Derivatives(derivatives, settings.cache_control)
    return Prerender(originals, store, presets, prepare=counted.prepare)


@pytest.fixture
def on_demand(prerender):
    return OnDemand(prerender)


@pytest.fixture
def stored(derivatives):
    """The names of what stands below an original in the derivatives bucket."""
    return lambda key="cat.jpg": sorted(name[len(key) + 1 :] for name in derivatives.store.names(f"{key}/"))


@pytest.fixture
def body(derivatives):
    return lambda key: derivatives.store.get(key).read()


@pytest.fixture
def manifest(prerender):
    return lambda key="cat.jpg": prerender.derivatives.manifest(key)


@pytest.fixture
def find(on_demand):
    return lambda key: on_demand.find(parse_path(key), Timing())


@pytest.fixture
def configure(monkeypatch, prerender, derivatives, settings):
    """Puts the test's stores, configuration and settings under the real app."""
    import app

    def configured(settings=settings, prerender=prerender, configuration=None, **flow):
        def url_of(key):
            url = getattr(derivatives.store, "url", None)
            return url(key, 60) if url else f"https://s3.example/{key}"

        configuration = configuration or Configuration(prerender.presets, limits=prerender.limits)
        prerender = replace(prerender, presets=configuration.presets, limits=configuration.limits)
        monkeypatch.setattr(app, "settings", settings)
        monkeypatch.setattr(app, "configuration", configuration)
        monkeypatch.setattr(app, "prerender", prerender)
        monkeypatch.setattr(app, "events", replace(app.events, prerender=prerender))
        monkeypatch.setattr(app, "route", Route(OnDemand(prerender, **flow), configuration, settings, url_of))
        return app

    return configured


@pytest.fixture
def app(configure):
    """The app on the test's stores."""
    return configure()


@pytest.fixture
def web(app):
    return Web(app.app)


@pytest.fixture
def cat(upload):
    """An original, uploaded; no event has come."""
    upload("cat.jpg", picture((120, 80)))


@pytest.fixture
def web_of(configure, configuration):
    """A client of the app with other settings or other presets."""

    def made(presets="", **named):
        wanted = read_configuration(presets) if presets else configuration
        return Web(configure(Settings(**named), configuration=wanted).app)

    return made


@pytest.fixture(autouse=True)
def log_to_caplog(monkeypatch):
    """Chalice keeps the log of an app to itself as soon as one is made; caplog listens above it."""
    monkeypatch.setattr(logging.getLogger("imgy"), "propagate", True)


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that no worker ends long after the other."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
