"""What Chalice deployed of a stage, remembered in the account, so that any checkout can go on from there."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True)
class DeployedResources:
    """A parameter of Systems Manager that holds what Chalice writes to .chalice/deployed/STAGE.json."""

    ssm: "SSMClient"
    name: str

    def read(self) -> str:
        """The record as Chalice wrote it; one of nothing where nothing is deployed."""
        try:
            return self.ssm.get_parameter(Name=self.name)["Parameter"]["Value"]
        except self.ssm.exceptions.ParameterNotFound:
            return json.dumps({"resources": [], "schema_version": "2.0", "backend": "api"})

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources by name; empty where nothing is deployed."""
        return {resource["name"]: resource for resource in json.loads(self.read())["resources"]}

    def write(self, text: str) -> None:
        """Remember a record; one without resources is forgotten."""
        if json.loads(text)["resources"]:
            compact = json.dumps(json.loads(text), separators=(",", ":"))
            self.ssm.put_parameter(Name=self.name, Value=compact, Type="String", Overwrite=True)
        else:
            self.forget()

    def forget(self) -> None:
        """Remember nothing."""
        try:
            self.ssm.delete_parameter(Name=self.name)
        except self.ssm.exceptions.ParameterNotFound:
            return
