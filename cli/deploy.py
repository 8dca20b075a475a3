"""A stage on AWS: the foundation, the functions, the edge, a picture fetched through it, and the way back."""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.manifest import manifest_key
from chalicelib.storage import S3Store
from cli.edge import TEMPLATE, function, shipped_presets
from cli.functions import TRIGGERS, Functions, assert_python, config, own_names
from cli.samples import landscape
from cli.stacks import Stack, outputs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parent.parent
FOUNDATION = ROOT / "deploy" / "foundation.yaml"
_CODE = '"edge/function.js"'
PROOF = "imgy-proof.jpg"
_PROOF_SECONDS = 120
_NO_HEADERS: Mapping[str, str] = {}
_RETRIES = 2


@dataclass(frozen=True)
class Deployment:
    """One stage of the app in one account; `options` are parameters of its stacks, each step is told to `show`."""

    session: boto3.Session
    functions: Functions
    options: Mapping[str, str]
    show: Callable[[str], None] = print

    @property
    def name(self) -> str:
        """What every name begins with, so that two stages never touch each other."""
        return f"{config()['app_name']}-{self.functions.stage}"

    @property
    def s3(self) -> "S3Client":
        return self.session.client("s3")

    def foundation(self) -> Stack:
        """Buckets, queues, log groups and alarms."""
        return self._stack("foundation", FOUNDATION.read_text("utf-8"), {})

    def edge(self) -> Stack:
        """CloudFront before the functions that are deployed."""
        found, api = self.founded(), urlparse(self.functions.api_url())
        template = TEMPLATE.read_text("utf-8")
        known = {
            "DerivativesBucket": found["Derivatives"],
            "ApiDomain": api.netloc,
            "ApiPath": api.path.rstrip("/"),
            "OriginSecret": self.secret(found),
        }
        return self._stack("edge", template.replace(_CODE, _block(function(shipped_presets()))), known)

    def founded(self) -> dict[str, str]:
        """The foundation's outputs; raises SystemExit where it does not stand."""
        found = outputs(self.session.client("cloudformation"), f"{self.name}-foundation")
        if not found:
            raise SystemExit(f"imgy: there is no {self.name}-foundation yet; make deploy STAGE={self.functions.stage}")
        return found

    def url(self) -> str:
        """Where the pictures are: CloudFront's URL, or the API's where there is no edge yet."""
        return self._edge_outputs().get("Url") or self.functions.api_url()

    def deploy_edge(self) -> None:
        """Put CloudFront before the functions, which the first time are deployed again to know what to invalidate."""
        known = self._edge_outputs()
        self.edge().apply()
        if not known:
            self.deploy_functions()

    def deploy_functions(self) -> str:
        """Deploy the functions on the foundation; returns the URL of their API."""
        self.stage_functions()
        self.functions.chalice("deploy")
        self._hand_failures_over(self.founded()["FailuresArn"])
        return self.functions.api_url()

    def stage_functions(self) -> None:
        """Write the project as Chalice shall see it, with what is known of the foundation and of the edge."""
        found = self.founded()
        environment = {
            "IMGY_ORIGIN_SECRET": self.secret(found),
            "IMGY_INVALIDATIONS": found["Invalidations"],
            "IMGY_DISTRIBUTION": self.distribution(),
        }
        self.functions.staged(own_names(self.name, found["Originals"], found["Derivatives"]), environment)

    def distribution(self) -> str:
        """CloudFront's id of the edge; empty where there is none yet."""
        return self._edge_outputs().get("DistributionId", "")

    def _edge_outputs(self) -> dict[str, str]:
        return outputs(self.session.client("cloudformation"), f"{self.name}-edge")

    def prove(self, url: str, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """Upload a picture, see its derivatives come, fetch a preset and another size, see all go with the original."""
        found, preset = self.founded(), next(iter(shipped_presets().presets))
        derivatives, address = S3Store(self.s3, found["Derivatives"]), f"{url.rstrip('/')}/{PROOF}"
        self.s3.put_object(Bucket=found["Originals"], Key=PROOF, Body=landscape(), ContentType="image/jpeg")
        try:
            until(lambda: derivatives.head(manifest_key(PROOF)), "the manifest of an upload")
            made = len(list(derivatives.names(f"{PROOF}/"))) - 1
            self.show(f"  an upload made {made} derivatives")
            for query in (f"preset={preset}", f"w={random.randint(100, 999)}"):
                asked = Request(f"{address}?{query}", headers=dict(headers))
                self.show(f"  {query}: {until(partial(_fetched, asked), f'a picture from {url}')}")
        finally:
            self.s3.delete_object(Bucket=found["Originals"], Key=PROOF)
        until(lambda: not list(derivatives.names(f"{PROOF}/")), "no derivative of what was removed")
        self.show("  the removal of the original took all of them away")

    def undeploy(self, may_delete: Callable[[str], bool]) -> None:
        """Take down all that was made; `may_delete` is asked before a bucket with originals goes."""
        found = outputs(self.session.client("cloudformation"), f"{self.name}-foundation")
        Stack(self.session.client("cloudformation"), f"{self.name}-edge", "", {}, self.show).delete()
        if self.functions.deployed():
            self.stage_functions()
            self.functions.chalice("delete")
        self.foundation().delete()
        for output in ("Derivatives", "Originals"):
            bucket = found.get(output)
            if bucket and f"Existing{output}" not in self.options:
                self._drop(bucket, may_delete if output == "Originals" else lambda _: True)

    def _stack(self, part: str, template: str, known: Mapping[str, str]) -> Stack:
        wanted = {name: value for name, value in self.options.items() if f"\n  {name}:\n" in template}
        client = self.session.client("cloudformation")
        return Stack(client, f"{self.name}-{part}", template, {"Name": self.name, **known, **wanted}, self.show)

    def secret(self, found: Mapping[str, str]) -> str:
        """What CloudFront says to the API."""
        return self.session.client("secretsmanager").get_secret_value(SecretId=found["OriginSecret"])["SecretString"]

    def _hand_failures_over(self, queue: str) -> None:
        client = self.session.client("lambda")
        for trigger in TRIGGERS:
            client.put_function_event_invoke_config(
                FunctionName=f"{self.name}-{trigger}",
                MaximumRetryAttempts=_RETRIES,
                DestinationConfig={"OnFailure": {"Destination": queue}},
            )
            self.show(f"  {trigger}: after {_RETRIES} retries an event goes to {queue.rpartition(':')[2]}")

    def _drop(self, bucket: str, may_delete: Callable[[str], bool]) -> None:
        try:
            held = bool(self.s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("Contents"))
        except self.s3.exceptions.NoSuchBucket:
            return
        if held and not may_delete(bucket):
            self.show(f"{bucket}: kept, with everything in it")
            return
        boto_bucket = self.session.resource("s3").Bucket(bucket)
        boto_bucket.object_versions.delete()
        boto_bucket.objects.delete()
        boto_bucket.delete()
        self.show(f"{bucket}: deleted")


def _block(text: str) -> str:
    """A text as a YAML block that stands in for a property's value."""
    return "|\n" + "".join(f"        {line}\n" for line in text.splitlines())


def until(look: Callable[[], Any], what: str) -> Any:
    """What a look comes to, as soon as it is true; raises SystemExit where that takes too long."""
    until = time.monotonic() + _PROOF_SECONDS
    while time.monotonic() < until:
        seen = look()
        if seen:
            return seen
        time.sleep(1)
    raise SystemExit(f"imgy: expected {what} within {_PROOF_SECONDS} s; the functions' logs say what happened")


def _fetched(request: Request) -> str | None:
    try:
        with urlopen(request, timeout=30) as answer:
            cached = answer.headers.get("X-Cache", "no X-Cache")
            return f"{answer.status} {answer.headers['Content-Type']}, {len(answer.read())} bytes, {cached}"
    except URLError:
        return None


def deployment(stage: str, options: Sequence[str], profile: str | None) -> Deployment:
    """A stage with the parameters that were set as NAME=VALUE; raises SystemExit for what cannot be deployed."""
    assert_python()
    known = config()["stages"]
    if stage not in known:
        raise SystemExit(f"imgy: expected one of the stages {', '.join(known)}, received '{stage}'")
    for option in options:
        if not re.fullmatch(r"[A-Za-z]+=.*", option) or not _is_parameter(option.partition("=")[0]):
            raise SystemExit(f"imgy: expected NAME=VALUE with a parameter of the templates, received '{option}'")
    chosen = {name: value for name, _, value in (option.partition("=") for option in options)}
    return Deployment(_session(profile), Functions(stage, ROOT / ".local" / "deploy" / stage), chosen)


def deploy_stage(deployment: Deployment, only: str | None = None) -> None:
    """Every step in turn, or one alone; each may be run again at any time."""
    steps: dict[str, Callable[[], object]] = {
        "foundation": lambda: deployment.foundation().apply(),
        "functions": deployment.deploy_functions,
        "edge": deployment.deploy_edge,
        "proof": lambda: deployment.prove(deployment.url()),
    }
    if only and only not in steps:
        raise SystemExit(f"imgy: expected one of {', '.join(steps)} for --only, received '{only}'")
    for name, step in steps.items():
        if only in (None, name):
            deployment.show(f"{deployment.name}: {name}")
            step()
    deployment.show(f"{deployment.name}: {deployment.url()}")


def plan_stage(deployment: Deployment) -> None:
    """Say what a deploy would change, as far as what stands already tells."""
    for line in deployment.foundation().plan() or ["nothing in the foundation"]:
        deployment.show(line)
    if not deployment.functions.deployed():
        deployment.show("add     the functions, their API, and CloudFront before them")
        return
    deployment.stage_functions()
    deployment.functions.chalice("dev", "plan")
    for line in deployment.edge().plan() or ["nothing at the edge"]:
        deployment.show(line)


def _is_parameter(name: str) -> bool:
    return any(f"\n  {name}:\n" in template.read_text("utf-8") for template in (FOUNDATION, TEMPLATE))


def _session(profile: str | None) -> boto3.Session:
    """A session with credentials and a region; raises SystemExit that says which is missing."""
    session = boto3.Session(profile_name=profile)
    if not session.region_name:
        raise SystemExit("imgy: no region is set; set AWS_DEFAULT_REGION, or run aws configure")
    try:
        session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: AWS does not take these credentials: {error}") from None
    return session
