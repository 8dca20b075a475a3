"""A stage on AWS: the foundation, the functions, the edge, a picture fetched through it, and the way back."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import urlopen

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cli import functions
from cli.edge import function, shipped_presets
from cli.samples import landscape
from cli.stacks import Stack, outputs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parent.parent
FOUNDATION = ROOT / "deploy" / "foundation.yaml"
EDGE = ROOT / "edge" / "template.yaml"
_CODE = '"edge/function.js"'
_PROOF = "imgy-proof.jpg"
_PROOF_SECONDS = 120
_RETRIES = 2


@dataclass(frozen=True)
class Deployment:
    """One stage of the app in one account; `options` are parameters of its stacks, each step is told to `show`."""

    session: boto3.Session
    stage: str
    options: Mapping[str, str]
    show: Callable[[str], None] = print

    @property
    def name(self) -> str:
        """What every name begins with, so that two stages never touch each other."""
        return f"{functions.config()['app_name']}-{self.stage}"

    @property
    def s3(self) -> "S3Client":
        return self.session.client("s3")

    def foundation(self) -> Stack:
        """Buckets, queues, log groups and alarms."""
        return self._stack("foundation", FOUNDATION.read_text("utf-8"), {})

    def edge(self) -> Stack:
        """CloudFront before the functions that are deployed."""
        found, api = self.founded(), urlparse(functions.api_url(self.stage))
        template = EDGE.read_text("utf-8")
        known = {
            "DerivativesBucket": found["Derivatives"],
            "ApiDomain": api.netloc,
            "ApiPath": api.path.rstrip("/"),
            "OriginSecret": self._secret(found),
        }
        return self._stack("edge", template.replace(_CODE, _block(function(shipped_presets()))), known)

    def founded(self) -> dict[str, str]:
        """The foundation's outputs; raises SystemExit where it does not stand."""
        found = outputs(self.session.client("cloudformation"), f"{self.name}-foundation")
        if not found:
            raise SystemExit(f"imgy: there is no foundation of stage {self.stage} yet; make deploy STAGE={self.stage}")
        return found

    def url(self) -> str:
        """Where the pictures are: CloudFront's URL, or the API's where there is no edge yet."""
        edge = outputs(self.session.client("cloudformation"), f"{self.name}-edge")
        return edge.get("Url") or functions.api_url(self.stage)

    def deploy_functions(self) -> str:
        """Deploy the functions on the foundation; returns the URL of their API."""
        functions.chalice(self.stage_functions(), "deploy", "--stage", self.stage)
        self._hand_failures_over(self.founded()["FailuresArn"])
        return functions.api_url(self.stage)

    def stage_functions(self) -> Path:
        """The project as Chalice is to see it; returns its folder."""
        found = self.founded()
        names = functions.own_names(found["Originals"], found["Derivatives"], f"{self.name}-failures")
        environment = {"IMGY_ORIGIN_SECRET": self._secret(found)}
        return functions.staged(ROOT / ".local" / "deploy" / self.stage, self.stage, names, environment)

    def prove(self, url: str) -> str:
        """Upload a picture, fetch a preset of it from a URL, take it away again; returns what was seen."""
        originals, preset = self.founded()["Originals"], next(iter(shipped_presets().presets))
        self.s3.put_object(Bucket=originals, Key=_PROOF, Body=landscape(), ContentType="image/jpeg")
        try:
            return _fetched(f"{url.rstrip('/')}/{_PROOF}?preset={preset}")
        finally:
            self.s3.delete_object(Bucket=originals, Key=_PROOF)

    def undeploy(self, may_delete: Callable[[str], bool]) -> None:
        """Take down all that was made; `may_delete` is asked before a bucket with originals goes."""
        found = outputs(self.session.client("cloudformation"), f"{self.name}-foundation")
        Stack(self.session.client("cloudformation"), f"{self.name}-edge", "", {}, self.show).delete()
        if functions.deployed(self.stage):
            functions.chalice(self.stage_functions(), "delete", "--stage", self.stage)
        self.foundation().delete()
        for output in ("Derivatives", "Originals"):
            bucket = found.get(output)
            if bucket and f"Existing{output}" not in self.options:
                self._drop(bucket, may_delete if output == "Originals" else lambda _: True)

    def _stack(self, part: str, template: str, known: Mapping[str, str]) -> Stack:
        wanted = {name: value for name, value in self.options.items() if f"\n  {name}:\n" in template}
        client = self.session.client("cloudformation")
        return Stack(client, f"{self.name}-{part}", template, {"Name": self.name, **known, **wanted}, self.show)

    def _secret(self, found: Mapping[str, str]) -> str:
        return self.session.client("secretsmanager").get_secret_value(SecretId=found["OriginSecret"])["SecretString"]

    def _hand_failures_over(self, queue: str) -> None:
        client = self.session.client("lambda")
        for trigger in functions.TRIGGERS:
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


def _fetched(url: str) -> str:
    """Fetch until it is answered with 200; raises SystemExit where that does not come."""
    until, last = time.monotonic() + _PROOF_SECONDS, "nothing"
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=30) as answer:
                length, kind = len(answer.read()), answer.headers["Content-Type"]
                return f"{answer.status} {kind}, {length} bytes, {answer.headers.get('X-Cache', 'no X-Cache')}: {url}"
        except URLError as error:
            last = str(error)
        time.sleep(2)
    raise SystemExit(f"imgy: expected a picture from {url} within {_PROOF_SECONDS} s, received {last}")


def deployment(stage: str, options: Sequence[str], profile: str | None) -> Deployment:
    """A stage with the parameters that were set as NAME=VALUE; raises SystemExit for what cannot be deployed."""
    functions.assert_python()
    known = functions.config()["stages"]
    if stage not in known:
        raise SystemExit(f"imgy: expected one of the stages {', '.join(known)}, received '{stage}'")
    for option in options:
        if not re.fullmatch(r"[A-Za-z]+=.*", option) or not _is_parameter(option.partition("=")[0]):
            raise SystemExit(f"imgy: expected NAME=VALUE with a parameter of the templates, received '{option}'")
    chosen = {name: value for name, _, value in (option.partition("=") for option in options)}
    return Deployment(_session(profile), stage, chosen)


def deploy_stage(deployment: Deployment, only: str | None = None) -> None:
    """Every step in turn, or one alone; each may be run again at any time."""
    steps: dict[str, Callable[[], object]] = {
        "foundation": lambda: deployment.foundation().apply(),
        "functions": deployment.deploy_functions,
        "edge": lambda: deployment.edge().apply(),
        "proof": lambda: deployment.show(deployment.prove(deployment.url())),
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
    if not functions.deployed(deployment.stage):
        deployment.show("add     the functions, their API, and CloudFront before them")
        return
    functions.chalice(deployment.stage_functions(), "dev", "plan", "--stage", deployment.stage)
    for line in deployment.edge().plan() or ["nothing at the edge"]:
        deployment.show(line)


def _is_parameter(name: str) -> bool:
    return any(f"\n  {name}:\n" in template.read_text("utf-8") for template in (FOUNDATION, EDGE))


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
