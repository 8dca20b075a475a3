"""Which pair of buckets a command works on, and the pipeline on them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.cdn import queue_invalidation
from chalicelib.errors import ImgyError
from chalicelib.flows.prerender import Prerender
from chalicelib.presets.file import load_configuration
from chalicelib.settings import Settings
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.s3 import S3Store, client_options
from cli.deploy.functions import QUEUE, assert_stage, config
from cli.deploy.stacks import outputs
from cli.deploy.stage import stage_name
from cli.embedded import environment as local
from cli.operate.findings import INSPECTORS
from cli.operate.options import BucketOptions
from cli.operate.queue import Events

_WHICH = "imgy: say which buckets: --local, --stage STAGE, or --originals NAME with --derivatives NAME"
_ASKING = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True)
class Environment:
    """A pipeline, its settings, and the session that reaches its queues."""

    prerender: Prerender
    settings: Settings
    session: boto3.Session


def environment(where: BucketOptions) -> Environment:
    """The pipeline on the buckets that were chosen; raises SystemExit that says what is wrong with them."""
    if [where.local, bool(where.stage), bool(where.originals or where.derivatives)].count(True) != 1:
        raise SystemExit(_WHICH)
    if where.local:
        local.point_to_this_machine(where.s3_port)
    try:
        session = boto3.Session(profile_name=None if where.local else where.profile)
        settings = _settings(where, session)
        _assert_there(session, settings, local.endpoint(where.s3_port) if where.local else "")
        return Environment(_prerender(session, settings), settings, session)
    except (BotoCoreError, ClientError, ImgyError) as error:
        raise SystemExit(f"imgy: {error}") from None


def events(at: Environment, queue: str) -> Events:
    """The queue of this name; raises SystemExit where there is none."""
    sqs = at.session.client("sqs")
    try:
        return Events(sqs, sqs.get_queue_url(QueueName=queue)["QueueUrl"], at.settings.originals)
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: there is no queue {queue} here: {error}") from None


def _settings(where: BucketOptions, session: boto3.Session) -> Settings:
    if where.stage:
        return _deployed(where.stage, where.queue, session)
    chosen = Settings.of(os.environ)
    if not where.local:
        chosen = replace(chosen, originals=where.originals, derivatives=where.derivatives)
    if not chosen.originals or not chosen.derivatives or chosen.originals == chosen.derivatives:
        raise SystemExit("imgy: expected two buckets, --originals NAME and --derivatives NAME")
    return chosen


def _deployed(stage: str, queue: str, session: boto3.Session) -> Settings:
    """The settings of a stage's functions, as its configuration and its foundation have them."""
    assert_stage(stage)
    known = config()
    found = outputs(session.client("cloudformation"), f"{stage_name(stage)}-foundation")
    if not found:
        raise SystemExit(f"imgy: stage {stage} is not deployed; make deploy STAGE={stage}")
    if queue == found["Events"] and found["Mode"] != QUEUE:
        raise SystemExit(f"imgy: nobody reads {queue}; make deploy STAGE={stage} with Mode=queue, or leave --queue out")
    written = {**known["environment_variables"], **known["stages"][stage].get("environment_variables", {})}
    made = {f"IMGY_{name.upper()}": found[name] for name in ("Originals", "Derivatives", "Invalidations")}
    return Settings.of({**written, **made, "IMGY_EXPIRE_DAYS": found.get("ExpireAfterDays", "0")})


def _prerender(session: boto3.Session, settings: Settings) -> Prerender:
    s3 = session.client("s3", config=client_options(3 * INSPECTORS, read_seconds=20, attempts=5))
    derivatives = Derivatives(S3Store(s3, settings.derivatives), settings.cache_control, settings.expire_days > 0)
    originals = S3Store(s3, settings.originals)
    invalidate = _invalidate(session, settings.invalidations)
    found = load_configuration()
    renderers = settings.renderers
    return Prerender(originals, derivatives, found.presets, found.limits, invalidate=invalidate, renderers=renderers)


def _invalidate(session: boto3.Session, queue: str) -> Callable[[str], object]:
    """Queues an original for invalidation, as the functions do; does nothing where there is no queue."""
    if not queue:
        return lambda key: None
    sqs: Any = session.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    return partial(queue_invalidation, lambda: (sqs, url))


def _assert_there(session: boto3.Session, settings: Settings, endpoint: str) -> None:
    s3 = session.client("s3", config=_ASKING)
    for bucket in (settings.originals, settings.derivatives):
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            reason = {404: "does not exist", 403: "is closed to these credentials"}.get(status, f"fails: {error}")
            raise SystemExit(f"imgy: bucket {bucket} {reason}") from None
        except BotoCoreError as error:
            at = f"no S3 answers at {endpoint}; start it first: make run" if endpoint else str(error)
            raise SystemExit(f"imgy: {at}") from None
