"""A stage on AWS: the foundation, the functions, the edge, a picture fetched through it, and the way back."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.presetfile import load_presets
from chalicelib.presets import Presets
from chalicelib.signing import Keys
from cli import proof
from cli.checks import assert_concurrency, assert_function, assert_no_policy, shield_region
from cli.edge import TEMPLATE, function, is_guarded
from cli.edge_access import items
from cli.edge_store import add, hold
from cli.functions import (
    ALWAYS,
    DIRECT,
    HANDLERS,
    QUEUE,
    TRIGGERS,
    Functions,
    assert_library,
    assert_python,
    config,
    own_names,
)
from cli.keys import ParameterKeys, ensured
from cli.notifications import notify
from cli.own_buckets import DERIVATIVES, ORIGINALS, OwnBuckets
from cli.record import Record
from cli.stacks import Stack, outputs

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ROOT = Path(__file__).parent.parent
FOUNDATION = ROOT / "deploy" / "foundation.yaml"
_CODE = '"edge/function.js"'
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
        return stage_name(self.functions.stage)

    @property
    def own_buckets(self) -> OwnBuckets:
        """Those that the foundation makes, where no others are named."""
        return OwnBuckets(self.session, self.name)

    @property
    def presets(self) -> Presets:
        """What presets.yaml says for this stage."""
        return load_presets(ROOT / "presets.yaml", self.functions.stage)

    @property
    def keys(self) -> ParameterKeys:
        """Where the keys of signed URLs are."""
        return ParameterKeys(self.session.client("ssm"), f"/{self.name}/keys")

    @property
    def signing(self) -> Keys:
        """The keys of signed URLs: one is made where the stage needs it; none where nothing is signed."""
        return ensured(self.keys) if self.presets.access == "signed" else self.keys.read() or {}

    @property
    def guarded(self) -> bool:
        """Whether the edge has a store."""
        return is_guarded(self.presets, bool(self.keys.read()))

    def foundation(self) -> Stack:
        """Buckets, queues, log groups and alarms; buckets that an earlier deploy left are taken on."""
        known = {} if self._outputs("foundation") else self.own_buckets.there()
        kept = {f"Existing{kind.capitalize()}": bucket for kind, bucket in known.items()}
        return self._stack("foundation", FOUNDATION.read_text("utf-8"), kept)

    def edge(self) -> Stack:
        """CloudFront before the functions that are deployed."""
        found, api = self.founded(), urlparse(self.functions.api_url())
        template, presets = TEMPLATE.read_text("utf-8"), self.presets
        known = {
            "DerivativesBucket": found["Derivatives"],
            "ApiDomain": api.netloc,
            "ApiPath": api.path.rstrip("/"),
            "OriginSecret": self.secret(found),
            "Guarded": str(self.guarded).lower(),
            **({} if self._outputs("edge") else {"ShieldRegion": shield_region(self.session.region_name)}),
        }
        return self._stack("edge", template.replace(_CODE, _block(function(presets, self.guarded))), known)

    def founded(self) -> dict[str, str]:
        """The foundation's outputs; raises SystemExit where it does not stand."""
        found = self._outputs("foundation")
        if not found:
            raise SystemExit(f"imgy: there is no {self.name}-foundation yet; make deploy STAGE={self.functions.stage}")
        return found

    def deploy_edge(self) -> None:
        """Put CloudFront before the functions, which the first time are deployed again to know what to invalidate.

        Where access wants it, its store holds keys and presets; where there is one, the new come first.
        """
        known = self._outputs("edge")
        if not known:
            assert_no_policy(self.session.client("s3"), self.founded()["Derivatives"])
        stored = items(self.presets, self.signing) if self.guarded else {}
        if "Store" in known:
            add(self.session, known, stored)
        made = self.edge().apply()
        if "Store" in made:
            hold(self.session, made, stored)
        if not known:
            self.deploy_functions()

    def deploy_functions(self) -> None:
        """Deploy the functions on the foundation."""
        assert_concurrency(self.session.client("lambda"), config(), self.functions.stage)
        self.stage_functions()
        if not self.functions.record.resources():
            self._drop_leftovers(self.session.client("lambda"))
        found = self.founded()
        # S3 takes no two receivers of one event: the queue goes before the triggers come, and comes after they went.
        if found["Mode"] == DIRECT:
            self._notify(found, None)
        self.functions.deploy()
        if found["Mode"] == QUEUE:
            self._notify(found, found["EventsArn"])
        else:
            self._hand_failures_over(found["FailuresArn"])

    def _notify(self, found: Mapping[str, str], queue: str | None) -> None:
        notify(self.session.client("s3"), found["Originals"], f"{self.name}-events", queue)

    def stage_functions(self) -> None:
        """Write the project as Chalice shall see it, with what is known of the foundation and of the edge."""
        found = self.founded()
        environment = {
            "IMGY_ORIGIN_SECRET": self.secret(found),
            "IMGY_INVALIDATIONS": found["Invalidations"],
            "IMGY_DISTRIBUTION": self.distribution(),
            "IMGY_EXPIRE_DAYS": found.get("ExpireAfterDays", "0"),
            "IMGY_STAGE": self.functions.stage,
            **({"IMGY_KEYS": self.keys.reference} if self.signing else {}),
            **({"IMGY_EVENTS": found["Events"]} if found["Mode"] == QUEUE else {}),
        }
        self.functions.staged(own_names(self.name, found["Originals"], found["Derivatives"]), environment)

    def mode(self) -> str:
        """How uploads come to the functions: direct or queue."""
        return self._outputs("foundation").get("Mode", DIRECT)

    def distribution(self) -> str:
        """CloudFront's id of the edge; empty where there is none yet."""
        return self._outputs("edge").get("DistributionId", "")

    def prove(self) -> None:
        """See the edge function run, and a picture through the edge; says where the pictures are."""
        edge = self._outputs("edge")
        if not edge:
            raise SystemExit("imgy: there is no edge yet; deploy it before its proof")
        assert_function(self.session.client("cloudfront"), f"{self.name}-viewer-request", self.show)
        s3, paths = self.session.client("s3"), proof.paths(self.presets, self.signing)
        proof.prove(s3, self.founded(), paths, edge["CloudFrontUrl"], self.show)
        if edge["Url"] != edge["CloudFrontUrl"]:
            self.show(f"  {edge['Url']}: a CNAME (or an alias) to {urlparse(edge['CloudFrontUrl']).netloc}")
        self.show(f"{self.name}: {edge['Url']}")

    def undeploy(self, may_delete: Callable[[str], bool]) -> None:
        """Take down all that was made; `may_delete` is asked before a bucket with originals goes."""
        client = self.session.client("cloudformation")
        Stack(client, f"{self.name}-edge", "", {}, self.show).delete()
        if self.functions.record.resources():
            self._notify(self.founded(), None)
            self.stage_functions()
            self.functions.delete()
        Stack(client, f"{self.name}-foundation", "", {}, self.show).delete()
        self.keys.drop()
        self.own_buckets.drop(DERIVATIVES, lambda bucket: True, self.show)
        self.own_buckets.drop(ORIGINALS, may_delete, self.show)

    def secret(self, found: Mapping[str, str]) -> str:
        """What CloudFront says to the API."""
        return self.session.client("secretsmanager").get_secret_value(SecretId=found["OriginSecret"])["SecretString"]

    def _outputs(self, part: str) -> dict[str, str]:
        return outputs(self.session.client("cloudformation"), f"{self.name}-{part}")

    def _stack(self, part: str, template: str, known: Mapping[str, str]) -> Stack:
        wanted = {name: value for name, value in self.options.items() if f"\n  {name}:\n" in template}
        client = self.session.client("cloudformation")
        return Stack(client, f"{self.name}-{part}", template, {"Name": self.name, **known, **wanted}, self.show)

    def _drop_leftovers(self, client: "LambdaClient") -> None:
        """What a deploy that broke off has left, and Chalice, which was not done, knows nothing of."""
        for name in ("invalidation_trigger", *HANDLERS[QUEUE]):
            with suppress(client.exceptions.ResourceNotFoundException):
                found = client.list_event_source_mappings(FunctionName=f"{self.name}-{name}")
                for mapping in found["EventSourceMappings"]:
                    client.delete_event_source_mapping(UUID=mapping["UUID"])

    def _hand_failures_over(self, queue: str) -> None:
        client = self.session.client("lambda")
        for trigger in TRIGGERS:
            proof.until(partial(_handed_over, client, f"{self.name}-{trigger}", queue), "a role's policy to be known")
            self.show(f"  {trigger}: after {_RETRIES} retries an event goes to {queue.rpartition(':')[2]}")


def _handed_over(client: "LambdaClient", function: str, queue: str) -> bool:
    try:
        client.put_function_event_invoke_config(
            FunctionName=function,
            MaximumRetryAttempts=_RETRIES,
            DestinationConfig={"OnFailure": {"Destination": queue}},
        )
    except client.exceptions.InvalidParameterValueException:
        return False  # the role was just written, and is not known everywhere yet
    return True


def stage_name(stage: str) -> str:
    """App and stage."""
    return f"{config()['app_name']}-{stage}"


def _block(text: str) -> str:
    """A text as a YAML block that stands in for a property's value."""
    return "|\n" + "".join(f"        {line}\n" for line in text.splitlines())


def functions_of(session: boto3.Session, stage: str, folder: Path, profile: str | None = None) -> Functions:
    """The functions of a stage, staged in a folder."""
    return Functions(stage, folder, Record(session.client("ssm"), f"/{stage_name(stage)}/deployed"), profile)


def deployment(stage: str, options: Sequence[str], profile: str | None) -> Deployment:
    """A stage with the parameters that were set as NAME=VALUE; raises SystemExit for what cannot be deployed."""
    assert_python()
    known = config()["stages"]
    if stage not in known:
        raise SystemExit(f"imgy: expected one of the stages {', '.join(known)}, received '{stage}'")
    chosen = _chosen(options)
    session = _session(profile)
    return Deployment(session, functions_of(session, stage, ROOT / ".local" / "deploy" / stage, profile), chosen)


def _chosen(options: Sequence[str]) -> dict[str, str]:
    for option in options:
        if not re.fullmatch(r"[A-Za-z]+=.*", option) or not _is_parameter(option.partition("=")[0]):
            raise SystemExit(f"imgy: expected NAME=VALUE with a parameter of the templates, received '{option}'")
    chosen = {name: value for name, _, value in (option.partition("=") for option in options)}
    if chosen.get("ExistingOriginals") and chosen["ExistingOriginals"] == chosen.get("ExistingDerivatives"):
        raise SystemExit("imgy: expected two buckets, received one: derivatives among the originals would be uploads")
    return chosen


def deploy_stage(deployment: Deployment, only: str | None = None) -> None:
    """Every step in turn, or one alone; each may be run again at any time."""
    assert_library()
    steps: dict[str, Callable[[], object]] = {
        "foundation": lambda: deployment.foundation().apply(),
        "functions": deployment.deploy_functions,
        "edge": deployment.deploy_edge,
        "proof": deployment.prove,
    }
    if only and only not in steps:
        raise SystemExit(f"imgy: expected one of {', '.join(steps)} for --only, received '{only}'")
    for name, step in steps.items():
        if only in (None, name):
            deployment.show(f"{deployment.name}: {name}")
            step()


def plan_stage(deployment: Deployment) -> None:
    """Say what a deploy would change, as far as what stands already tells."""
    for line in deployment.foundation().plan() or ["nothing in the foundation"]:
        deployment.show(line)
    known = deployment.functions.record.resources()
    mode = deployment.options.get("Mode") or deployment.mode()
    for name in (*ALWAYS, *HANDLERS[mode], "rest_api"):
        deployment.show(f"{'modify' if name in known else 'add':7} {name}, its code and its settings")
    for line in (deployment.edge().plan() or ["nothing at the edge"]) if known else ["add     CloudFront before them"]:
        deployment.show(line)


def _is_parameter(name: str) -> bool:
    return any(f"\n  {name}:\n" in template.read_text("utf-8") for template in (FOUNDATION, TEMPLATE))


def _session(profile: str | None) -> boto3.Session:
    """A session with credentials and a region; raises SystemExit that says which is missing."""
    try:
        session = boto3.Session(profile_name=profile)
        if not session.region_name:
            raise SystemExit("imgy: no region is set; set AWS_DEFAULT_REGION, or run aws configure")
        session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: AWS does not take these credentials: {error}") from None
    return session
