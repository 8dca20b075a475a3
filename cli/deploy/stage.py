"""A stage on AWS: foundation, functions and edge, its smoke test, and its removal."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import boto3

from chalicelib.access.signatures import Keys
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.file import load_configuration
from chalicelib.settings import Settings
from cli import ROOT
from cli.deploy.buckets import DERIVATIVES, ORIGINALS, OwnBuckets
from cli.deploy.checks import assert_function, assert_no_policy, free_concurrency, shield_region, worker_concurrency
from cli.deploy.functions import ALWAYS, DIRECT, HANDLERS, QUEUE, TRIGGERS, Functions, config, own_names
from cli.deploy.leftovers import drop_leftovers
from cli.deploy.notifications import notify
from cli.deploy.smoke_test import paths, smoke_test, wait_for
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
    """One stage of the app in one account. `options` are parameters of its stacks; `show` prints each step."""

    session: boto3.Session
    functions: Functions
    options: Mapping[str, str]
    show: Callable[[str], None] = print

    @property
    def name(self) -> str:
        """The prefix of all the stage's names, so that two stages never share a resource."""
        return stage_name(self.functions.stage)

    @property
    def own_buckets(self) -> OwnBuckets:
        """The buckets that the foundation creates, if none are named."""
        return OwnBuckets(self.session, self.name)

    @property
    def configuration(self) -> Configuration:
        """The configuration in presets.yaml for this stage."""
        return load_configuration(self.functions.stage)

    @property
    def keys(self) -> ParameterKeys:
        """The store of the signing keys."""
        return ParameterKeys(self.session.client("ssm"), f"/{self.name}/keys")

    @property
    def signing(self) -> Keys:
        """The signing keys. Creates the first one if the stage needs it; empty if nothing is signed."""
        return ensured(self.keys) if self.configuration.access.mode == "signed" else self.keys.read() or {}

    @property
    def guarded(self) -> bool:
        """Whether the edge needs a key-value store."""
        return needs_store(self.configuration, bool(self.keys.read()))

    def foundation(self) -> Stack:
        """The stack of buckets, queues, log groups and alarms. It reuses buckets that an earlier deploy left."""
        left = {} if self._outputs("foundation") else self.own_buckets.existing()
        parameters = {f"Existing{kind.capitalize()}": bucket for kind, bucket in left.items()}
        return self._stack("foundation", FOUNDATION.read_text("utf-8"), parameters)

    def edge(self) -> Stack:
        """The stack of CloudFront, in front of the deployed functions."""
        found, api = self.founded(), urlparse(self.functions.api_url())
        template, configuration = TEMPLATE.read_text("utf-8"), self.configuration
        known = {
            "DerivativesBucket": found["Derivatives"],
            "ApiDomain": api.netloc,
            "ApiPath": api.path.rstrip("/"),
            "OriginSecret": self.secret(found),
            "Guarded": str(self.guarded).lower(),
            **self.shield(),
        }
        return self._stack("edge", template.replace(_CODE, _block(function(configuration, self.guarded))), known)

    def shield(self) -> dict[str, str]:
        """The region of Origin Shield, for a new distribution. Raises SystemExit if none is known or set."""
        if self._outputs("edge") or "ShieldRegion" in self.options:
            return {}
        return {"ShieldRegion": shield_region(self.session.region_name)}

    def founded(self) -> dict[str, str]:
        """The foundation's outputs. Raises SystemExit if it is not deployed."""
        found = self._outputs("foundation")
        if not found:
            raise SystemExit(
                f"imgy: stage {self.functions.stage} is not deployed; run: make deploy STAGE={self.functions.stage}"
            )
        return found

    def deploy_edge(self) -> None:
        """Deploy CloudFront. The first time, deploy the functions again, since they need the distribution's id.

        Items are added to an existing store before the stack changes, and old ones are deleted after it.
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
        self.stage_functions(free_concurrency(self.session.client("lambda"), config(), self.functions.stage, self.show))
        if not self.functions.record.resources():
            self._drop_leftovers()
        found = self.founded()
        # S3 allows one receiver of an event: remove the queue before triggers are added, add it after they are removed.
        if found["Mode"] == DIRECT:
            self._notify(found, None)
        self.functions.deploy()
        if found["Mode"] == QUEUE:
            self._notify(found, found["EventsArn"])
        else:
            self._set_failure_destination(found["FailuresArn"])

    def _notify(self, found: Mapping[str, str], queue: str | None) -> None:
        notify(self.session.client("s3"), found["Originals"], f"{self.name}-events", queue)

    def stage_functions(self, free: float = math.inf) -> None:
        """Copy the project for Chalice, with the names and settings of the foundation and the edge.

        `free` is the number of concurrent executions that the queue's workers share with requests.
        """
        found = self.founded()
        environment = {
            "IMGY_ORIGIN_SECRET": self.secret(found),
            "IMGY_INVALIDATIONS": found["Invalidations"],
            "IMGY_DISTRIBUTION": self.distribution(),
            "IMGY_EXPIRE_DAYS": found.get("ExpireAfterDays", "0"),
            "IMGY_STAGE": self.functions.stage,
            **({"IMGY_KEYS": self.keys.reference} if self.signing else {}),
            **({"IMGY_EVENTS": found["Events"], **self._workers(free)} if found["Mode"] == QUEUE else {}),
        }
        self.functions.staged(own_names(self.name, found["Originals"], found["Derivatives"]), environment)

    def _workers(self, free: float) -> dict[str, str]:
        """The setting of the queue's workers, if the account has too few executions for as many as are configured."""
        wanted = Settings.of(self.functions.environment()).concurrency
        workers = worker_concurrency(wanted, free)
        if workers == wanted:
            return {}
        self.show(
            f"  {workers} workers read the queue and not {wanted}, because the account has {free} executions free"
        )
        return {"IMGY_CONCURRENCY": str(workers)}

    def mode(self) -> str:
        """How uploads reach the functions: direct or queue."""
        return self._outputs("foundation").get("Mode", DIRECT)

    def distribution(self) -> str:
        """The id of the edge's distribution; empty if there is none yet."""
        return self._outputs("edge").get("DistributionId", "")

    def smoke_test(self) -> None:
        """Run the edge function, fetch pictures through the edge, and show the URL of the edge."""
        edge = self._outputs("edge")
        if not edge:
            raise SystemExit("imgy: the edge is not deployed yet; deploy it before the proof")
        assert_function(self.session.client("cloudfront"), f"{self.name}-viewer-request", self.show)
        s3, fetched = self.session.client("s3"), paths(self.configuration, self.signing)
        smoke_test(s3, self.founded(), fetched, edge["CloudFrontUrl"], self.show)
        if edge["Url"] != edge["CloudFrontUrl"]:
            self.show(f"  point {edge['Url']} to {urlparse(edge['CloudFrontUrl']).netloc} (CNAME or alias)")
        self.show(f"{self.name}: {edge['Url']}")

    def undeploy(self, may_delete: Callable[[str], bool]) -> None:
        """Delete everything; `may_delete` is asked before a bucket with originals is deleted."""
        client = self.session.client("cloudformation")
        Stack(client, f"{self.name}-edge", "", {}, self.show).delete()
        if self._outputs("foundation"):
            self._notify(self.founded(), None)
        if self.functions.record.resources():
            self.stage_functions()
            self.functions.delete()
        else:
            self._drop_leftovers()
        Stack(client, f"{self.name}-foundation", "", {}, self.show).delete()
        self.keys.drop()
        self.own_buckets.drop(DERIVATIVES, lambda bucket: True, self.show)
        self.own_buckets.drop(ORIGINALS, may_delete, self.show)

    def secret(self, found: Mapping[str, str]) -> str:
        """The secret that CloudFront sends to the API."""
        return self.session.client("secretsmanager").get_secret_value(SecretId=found["OriginSecret"])["SecretString"]

    def _outputs(self, part: str) -> dict[str, str]:
        return outputs(self.session.client("cloudformation"), f"{self.name}-{part}")

    def _stack(self, part: str, template: str, known: Mapping[str, str]) -> Stack:
        wanted = {name: value for name, value in self.options.items() if f"\n  {name}:\n" in template}
        client = self.session.client("cloudformation")
        return Stack(client, f"{self.name}-{part}", template, {"Name": self.name, **known, **wanted}, self.show)

    def _drop_leftovers(self) -> None:
        """Delete what an interrupted first deploy left, which Chalice did not record."""
        handlers = [*ALWAYS, *HANDLERS[DIRECT], *HANDLERS[QUEUE]]
        bucket = self._outputs("foundation").get("Originals")
        drop_leftovers(self.session, config()["app_name"], self.name, handlers, bucket, self.show)

    def _set_failure_destination(self, queue: str) -> None:
        client = self.session.client("lambda")
        for trigger in TRIGGERS:
            wait_for(partial(_has_destination, client, f"{self.name}-{trigger}", queue), "a role's policy in effect")
            self.show(f"  {trigger}: after {_RETRIES} retries, events go to {queue.rpartition(':')[2]}")


def _has_destination(client: "LambdaClient", function: str, queue: str) -> bool:
    try:
        client.put_function_event_invoke_config(
            FunctionName=function,
            MaximumRetryAttempts=_RETRIES,
            DestinationConfig={"OnFailure": {"Destination": queue}},
        )
    except client.exceptions.InvalidParameterValueException:
        return False  # a new role takes a while until it is in effect
    return True


def stage_name(stage: str) -> str:
    """The name of a stage's app: APP-STAGE."""
    return f"{config()['app_name']}-{stage}"


def _block(text: str) -> str:
    """A text as a YAML block, for the value of a property."""
    return "|\n" + "".join(f"        {line}\n" for line in text.splitlines())
