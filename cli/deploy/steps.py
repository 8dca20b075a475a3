"""The steps of deploy and plan, in order."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cli import ROOT
from cli.deploy.functions import (
    ALWAYS,
    HANDLERS,
    Functions,
    assert_library,
    assert_python,
    assert_stage,
)
from cli.deploy.record import DeployedResources
from cli.deploy.stage import FOUNDATION, Deployment, stage_name
from cli.edge.function import TEMPLATE


def functions_of(session: boto3.Session, stage: str, folder: Path, profile: str | None = None) -> Functions:
    """The functions of a stage, staged in a folder."""
    return Functions(stage, folder, DeployedResources(session.client("ssm"), f"/{stage_name(stage)}/deployed"), profile)


def deployment(stage: str, options: Sequence[str], profile: str | None) -> Deployment:
    """The deployment of a stage, with parameters set as NAME=VALUE. Raises SystemExit if it cannot be deployed."""
    assert_python()
    assert_stage(stage)
    chosen = _chosen(options)
    session = _session(profile)
    return Deployment(session, functions_of(session, stage, ROOT / ".local" / "deploy" / stage, profile), chosen)


def _chosen(options: Sequence[str]) -> dict[str, str]:
    for option in options:
        if not re.fullmatch(r"[A-Za-z]+=.*", option) or not _is_parameter(option.partition("=")[0]):
            raise SystemExit(f"imgy: expected NAME=VALUE with a parameter of the templates, received '{option}'")
    chosen = {name: value for name, _, value in (option.partition("=") for option in options)}
    if chosen.get("ExistingOriginals") and chosen["ExistingOriginals"] == chosen.get("ExistingDerivatives"):
        raise SystemExit("imgy: expected two buckets, received one, in which each derivative would be an upload")
    return chosen


def deploy_stage(deployment: Deployment, only: str | None = None) -> None:
    """Run all steps in order, or only one. Each step can be repeated at any time."""
    assert_library()
    deployment.shield()
    steps: dict[str, Callable[[], object]] = {
        "foundation": lambda: deployment.foundation().apply(),
        "functions": deployment.deploy_functions,
        "edge": deployment.deploy_edge,
        "proof": deployment.smoke_test,
    }
    if only and only not in steps:
        raise SystemExit(f"imgy: expected one of {', '.join(steps)} for --only, received '{only}'")
    for name, step in steps.items():
        if only in (None, name):
            deployment.show(f"{deployment.name}: {name}")
            step()


def plan_stage(deployment: Deployment) -> None:
    """Show what a deploy would change, as far as the deployed parts allow to say."""
    for line in deployment.foundation().plan() or ["no changes to the foundation"]:
        deployment.show(line)
    known = deployment.functions.record.resources()
    mode = deployment.options.get("Mode") or deployment.mode()
    for name in (*ALWAYS, *HANDLERS[mode], "rest_api"):
        deployment.show(f"{'modify' if name in known else 'add':7} {name}, its code and its settings")
    for line in (deployment.edge().plan() or ["no changes to the edge"]) if known else ["add     CloudFront"]:
        deployment.show(line)


def _is_parameter(name: str) -> bool:
    return any(f"\n  {name}:\n" in template.read_text("utf-8") for template in (FOUNDATION, TEMPLATE))


def _session(profile: str | None) -> boto3.Session:
    """A session with credentials and a region. Raises SystemExit if either is missing."""
    try:
        session = boto3.Session(profile_name=profile)
        if not session.region_name:
            raise SystemExit("imgy: no region is set; set AWS_DEFAULT_REGION, or run aws configure")
        session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"imgy: AWS does not accept these credentials: {error}") from None
    return session
