"""Finds the pair of buckets that a command works on, and makes the pipeline on them."""

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
from cli.embedded.environment import endpoint, point_to_this_machine
from cli.operate.findings import INSPECTORS
from cli.operate.options import BucketOptions
from cli.operate.queue import Events

_WHICH = "imgy: choose the buckets: --local, --stage STAGE, or --originals NAME with --derivatives NAME"
_CHECK_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True)
class Environment:
    """A pipeline on a pair of buckets, its settings, and a session for its queues."""

    prerender: Prerender
    settings: Settings
    session: boto3.Session


def environment(where: BucketOptions) -> Environment:
    """The pipeline on the chosen buckets. Raises SystemExit if the choice is invalid or a bucket is not accessible."""
    if [where.local, bool(where.stage), bool(where.originals or where.derivatives)].count(True) != 1:
        raise SystemExit(_WHICH)
    if where.local:
        point_to_this_machine(where.s3_port)
    try:
        session = boto3.Session(profile_name=None if where.local else where.profile)
        settings = _settings(where, session)
        _assert_buckets(session, settings, endpoint(where.s3_port) if where.local else "")
        return Environment(_prerender(session, settings), settings, session)
    except (BotoCoreError, ClientError, ImgyError) as error:
        raise SystemExit(f"imgy: {error}") from None


def events(at: Environment, queue: str) -> Events:
    """The queue with this name. Raises SystemExit if there is none."""
    sqs = at.session.client("sqs")
    try:
        return Events(sqs, sqs.get_queue_url(QueueName=queue)["QueueUrl"], at.settings.originals)
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: queue {queue} was not found: {error}") from None


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
    """The settings of a stage's functions, from its configuration and its foundation."""
    assert_stage(stage)
    known = config()
    found = outputs(session.client("cloudformation"), f"{stage_name(stage)}-foundation")
    if not found:
        raise SystemExit(f"imgy: stage {stage} is not deployed; run: make deploy STAGE={stage}")
    if queue == found["Events"] and found["Mode"] != QUEUE:
        raise SystemExit(f"imgy: no function reads {queue}; deploy stage {stage} with Mode=queue, or omit --queue")
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
    """A function that queues an original for invalidation, or does nothing if there is no queue."""
    if not queue:
        return lambda key: None
    sqs: Any = session.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    return partial(queue_invalidation, lambda: (sqs, url))


def _assert_buckets(session: boto3.Session, settings: Settings, url: str) -> None:
    s3 = session.client("s3", config=_CHECK_CONFIG)
    for bucket in (settings.originals, settings.derivatives):
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            reason = {404: "does not exist", 403: "is closed to these credentials"}.get(status, f"fails: {error}")
            raise SystemExit(f"imgy: bucket {bucket} {reason}") from None
        except BotoCoreError as error:
            reason = f"no S3 answers at {url}; start it first: make run" if url else str(error)
            raise SystemExit(f"imgy: {reason}") from None
