"""Finds and deletes what an interrupted first deploy of the functions left, which Chalice did not record."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3

from cli.deploy.functions import function_name

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client


def drop_leftovers(
    session: boto3.Session,
    app: str,
    name: str,
    handlers: Sequence[str],
    bucket: str | None,
    show: Callable[[str], None],
) -> None:
    """Delete the API, functions and roles of a stage, and the notifications to them from its bucket of originals.

    `app` is the title of the API, `name` is APP-STAGE. They are found by their names; the API also by its function.
    """
    functions = [function_name(name, handler) for handler in handlers]
    if bucket:
        _drop_notifications(session.client("s3"), bucket, functions)
    clients = session.client("lambda"), session.client("iam")
    dropped = [
        *_drop_apis(session.client("apigateway"), app, name),
        *(left for function in functions for left in _drop_function(clients[0], function)),
        *(left for handler in handlers for left in _drop_role(clients[1], f"{name}-{handler}")),
    ]
    for left in dropped:
        show(f"  deleted what an interrupted deploy left: {left}")


def _drop_notifications(s3: "S3Client", bucket: str, functions: Sequence[str]) -> None:
    known: dict[str, Any] = {**s3.get_bucket_notification_configuration(Bucket=bucket)}
    known.pop("ResponseMetadata", None)
    entries = known.get("LambdaFunctionConfigurations", [])
    kept = [entry for entry in entries if entry["LambdaFunctionArn"].rpartition(":")[2] not in functions]
    if kept != entries:
        wanted: Any = {**known, "LambdaFunctionConfigurations": kept}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)


def _drop_apis(client: Any, app: str, function: str) -> Iterator[str]:
    for page in client.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            if api["name"] == app and _calls(client, api["id"], function):
                client.delete_rest_api(restApiId=api["id"])
                yield f"API {api['id']}"


def _calls(client: Any, api: str, function: str) -> bool:
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    resources = json.dumps([page["items"] for page in pages], default=str)
    return f":function:{function}/" in resources


def _drop_function(client: "LambdaClient", name: str) -> Iterator[str]:
    with suppress(client.exceptions.ResourceNotFoundException):
        for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            client.delete_event_source_mapping(UUID=mapping["UUID"])
        client.delete_function(FunctionName=name)
        yield f"function {name}"


def _drop_role(client: Any, name: str) -> Iterator[str]:
    with suppress(client.exceptions.NoSuchEntityException):
        for policy in client.list_role_policies(RoleName=name)["PolicyNames"]:
            client.delete_role_policy(RoleName=name, PolicyName=policy)
        client.delete_role(RoleName=name)
        yield f"role {name}"
