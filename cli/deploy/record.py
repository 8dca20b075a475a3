"""Stores in the account what Chalice deployed, so that a deploy from any checkout can continue from it."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True)
class DeployedResources:
    """A parameter of Systems Manager with the content of .chalice/deployed/STAGE.json."""

    ssm: "SSMClient"
    name: str

    def read(self) -> str:
        """The record as Chalice wrote it; an empty record if nothing is deployed."""
        try:
            return self.ssm.get_parameter(Name=self.name)["Parameter"]["Value"]
        except self.ssm.exceptions.ParameterNotFound:
            return json.dumps({"resources": [], "schema_version": "2.0", "backend": "api"})

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources by name; empty if nothing is deployed."""
        return {resource["name"]: resource for resource in json.loads(self.read())["resources"]}

    def write(self, text: str) -> None:
        """Store a record; delete the parameter if the record has no resources."""
        if json.loads(text)["resources"]:
            compact = json.dumps(json.loads(text), separators=(",", ":"))
            self.ssm.put_parameter(Name=self.name, Value=compact, Type="String", Overwrite=True)
        else:
            self.delete()

    def delete(self) -> None:
        """Delete the parameter, if there is one."""
        try:
            self.ssm.delete_parameter(Name=self.name)
        except self.ssm.exceptions.ParameterNotFound:
            return
