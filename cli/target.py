"""Which pair of buckets a command works on, and the pipeline on them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.derivatives import Derivatives
from chalicelib.errors import ImgyError
from chalicelib.pipeline import Pipeline
from chalicelib.settings import Settings
from chalicelib.storage import S3Store
from cli import local
from cli.deploy import stage_name
from cli.edge import shipped_presets
from cli.findings import LOOKERS
from cli.functions import QUEUE, config
from cli.sending import Events
from cli.stacks import outputs
from cli.where import Where

_WHICH = "imgy: say which buckets: --local, --stage STAGE, or --originals NAME with --derivatives NAME"
_ASKING = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
_WORKING = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=3 * LOOKERS,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


@dataclass(frozen=True)
class Target:
    """A pipeline, its settings, and the session that reaches its queues."""

    pipeline: Pipeline
    settings: Settings
    session: boto3.Session


def target(where: Where) -> Target:
    """The pipeline on the buckets that were chosen; raises SystemExit that says what is wrong with them."""
    if [where.local, bool(where.stage), bool(where.originals or where.derivatives)].count(True) != 1:
        raise SystemExit(_WHICH)
    if where.local:
        local.point_to_this_machine(where.s3_port)
    try:
        session = boto3.Session(profile_name=None if where.local else where.profile)
        settings = _settings(where, session)
        _assert_there(session, settings, local.endpoint(where.s3_port) if where.local else "")
        return Target(_pipeline(session, settings), settings, session)
    except (BotoCoreError, ClientError, ImgyError) as error:
        raise SystemExit(f"imgy: {error}") from None


def events(at: Target, queue: str) -> Events:
    """The queue of this name; raises SystemExit where there is none."""
    sqs = at.session.client("sqs")
    try:
        return Events(sqs, sqs.get_queue_url(QueueName=queue)["QueueUrl"], at.settings.originals)
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: there is no queue {queue} here: {error}") from None


def _settings(where: Where, session: boto3.Session) -> Settings:
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
    known = config()
    if stage not in known["stages"]:
        raise SystemExit(f"imgy: expected one of the stages {', '.join(known['stages'])}, received '{stage}'")
    found = outputs(session.client("cloudformation"), f"{stage_name(stage)}-foundation")
    if not found:
        raise SystemExit(f"imgy: stage {stage} is not deployed; make deploy STAGE={stage}")
    if queue == found["Events"] and found["Mode"] != QUEUE:
        raise SystemExit(f"imgy: nobody reads {queue}; make deploy STAGE={stage} with Mode=queue, or leave --queue out")
    written = {**known["environment_variables"], **known["stages"][stage].get("environment_variables", {})}
    made = {f"IMGY_{name.upper()}": found[name] for name in ("Originals", "Derivatives", "Invalidations")}
    return Settings.of({**written, **made, "IMGY_EXPIRE_DAYS": found.get("ExpireAfterDays", "0")})


def _pipeline(session: boto3.Session, settings: Settings) -> Pipeline:
    s3 = session.client("s3", config=_WORKING)
    derivatives = Derivatives(S3Store(s3, settings.derivatives), settings.cache_control, settings.expire_days > 0)
    originals = S3Store(s3, settings.originals)
    forget = _forget(session, settings.invalidations)
    return Pipeline(originals, derivatives, shipped_presets(), forget=forget, renderers=settings.renderers)


def _forget(session: boto3.Session, queue: str) -> Callable[[str], object]:
    """Has CloudFront forget, by the queue that the functions use; where there is none, nobody is told."""
    if not queue:
        return lambda key: None
    sqs: Any = session.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    return lambda key: sqs.send_message(QueueUrl=url, MessageBody=key)


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
