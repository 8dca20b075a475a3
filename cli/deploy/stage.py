"""A stage on AWS: the foundation, the functions, the edge, a picture fetched through it, and the way back."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import boto3

from chalicelib.access.signatures import Keys
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.file import load_configuration
from cli import ROOT
from cli.deploy import smoke_test as proof
from cli.deploy.buckets import DERIVATIVES, ORIGINALS, OwnBuckets
from cli.deploy.checks import assert_concurrency, assert_function, assert_no_policy, shield_region
from cli.deploy.functions import DIRECT, HANDLERS, QUEUE, TRIGGERS, Functions, config, own_names
from cli.deploy.notifications import notify
from cli.deploy.stacks import Stack, outputs
from cli.edge.access import items
from cli.edge.function import TEMPLATE, function, needs_store
from cli.edge.store import add, sync
from cli.signing.key_store import ParameterKeys, ensured

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

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
    def configuration(self) -> Configuration:
        """What presets.yaml says for this stage."""
        return load_configuration(self.functions.stage)

    @property
    def keys(self) -> ParameterKeys:
        """Where the keys of signed URLs are."""
        return ParameterKeys(self.session.client("ssm"), f"/{self.name}/keys")

    @property
    def signing(self) -> Keys:
        """The keys of signed URLs: one is made where the stage needs it; none where nothing is signed."""
        return ensured(self.keys) if self.configuration.access.mode == "signed" else self.keys.read() or {}

    @property
    def guarded(self) -> bool:
        """Whether the edge has a store."""
        return needs_store(self.configuration, bool(self.keys.read()))

    def foundation(self) -> Stack:
        """Buckets, queues, log groups and alarms; buckets that an earlier deploy left are taken on."""
        known = {} if self._outputs("foundation") else self.own_buckets.there()
        kept = {f"Existing{kind.capitalize()}": bucket for kind, bucket in known.items()}
        return self._stack("foundation", FOUNDATION.read_text("utf-8"), kept)

    def edge(self) -> Stack:
        """CloudFront before the functions that are deployed."""
        found, api = self.founded(), urlparse(self.functions.api_url())
        template, configuration = TEMPLATE.read_text("utf-8"), self.configuration
        known = {
            "DerivativesBucket": found["Derivatives"],
            "ApiDomain": api.netloc,
            "ApiPath": api.path.rstrip("/"),
            "OriginSecret": self.secret(found),
            "Guarded": str(self.guarded).lower(),
            **({} if self._outputs("edge") else {"ShieldRegion": shield_region(self.session.region_name)}),
        }
        return self._stack("edge", template.replace(_CODE, _block(function(configuration, self.guarded))), known)

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
        stored = items(self.configuration, self.signing) if self.guarded else {}
        if "Store" in known:
            add(self.session, known, stored)
        made = self.edge().apply()
        if "Store" in made:
            sync(self.session, made, stored)
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
        s3, paths = self.session.client("s3"), proof.paths(self.configuration, self.signing)
        proof.smoke_test(s3, self.founded(), paths, edge["CloudFrontUrl"], self.show)
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
