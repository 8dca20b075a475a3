"""CloudFormation stacks: planned as change sets, applied with what happens shown, taken down."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef, StackEventTypeDef, StackTypeDef

_POLL_SECONDS = 2
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_PLANNED = "REVIEW_IN_PROGRESS"
"""The state of a stack that has been proposed and never made."""


@dataclass(frozen=True)
class Stack:
    """One stack as it should be: `template` is its text; each step is told to `show`."""

    client: "CloudFormationClient"
    name: str
    template: str
    parameters: Mapping[str, str]
    show: Callable[[str], None] = print

    def plan(self) -> list[str]:
        """What applying it would change, a line each; changes nothing."""
        proposal = self._propose()
        if proposal is None:
            return []
        found = self.client.describe_change_set(ChangeSetName=proposal, StackName=self.name)
        self.client.delete_change_set(ChangeSetName=proposal, StackName=self.name)
        if _state(self.client, self.name) == _PLANNED:
            self.client.delete_stack(StackName=self.name)
        return [_change_line(change) for change in found["Changes"]]

    def apply(self) -> dict[str, str]:
        """Bring the stack there and return its outputs; raises SystemExit with CloudFormation's reason."""
        started, proposal = time.time(), self._propose()
        if proposal is None:
            self.show(f"{self.name}: is as it should be")
        else:
            self.client.execute_change_set(ChangeSetName=proposal, StackName=self.name)
            self._follow(self.name, started, ("CREATE_COMPLETE", "UPDATE_COMPLETE"))
        return outputs(self.client, self.name)

    def delete(self) -> None:
        """Take the stack down; one that is not there is no error."""
        found = _described(self.client, self.name)
        if found:
            started = time.time()
            self.client.delete_stack(StackName=self.name)
            self._follow(found["StackId"], started, ("DELETE_COMPLETE",))

    def _propose(self) -> str | None:
        """A change set that waits to be carried out; None where there is nothing to change."""
        made = _state(self.client, self.name) not in (None, _PLANNED)
        name = f"{self.name}-{int(time.time() * 1000)}"
        self.client.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if made else "CREATE",
            TemplateBody=self.template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
        )
        try:
            waiter = self.client.get_waiter("change_set_create_complete")
            waiter.wait(StackName=self.name, ChangeSetName=name, WaiterConfig={"Delay": _POLL_SECONDS})
        except WaiterError as error:
            reason = str(error.last_response.get("StatusReason", error))
            self.client.delete_change_set(ChangeSetName=name, StackName=self.name)
            if any(words in reason for words in _NOTHING):
                return None
            raise SystemExit(f"imgy: stack {self.name} cannot be changed: {reason}") from None
        return name

    def _follow(self, stack: str, since: float, good: tuple[str, ...]) -> None:
        """Show the stack's events until it has settled; raises SystemExit where it settled badly."""
        seen: set[str] = set()
        while True:
            state = _state(self.client, stack)
            for event in self._events(stack, since, seen):
                self.show(_event_line(event))
            if state in good or (state is None and "DELETE_COMPLETE" in good):
                return
            if state is None or (state.endswith(("_COMPLETE", "_FAILED")) and "CLEANUP" not in state):
                raise SystemExit(f"imgy: stack {self.name} came to {state}; the lines above say why")
            time.sleep(_POLL_SECONDS)

    def _events(self, stack: str, since: float, seen: set[str]) -> "Iterator[StackEventTypeDef]":
        try:
            events = self.client.describe_stack_events(StackName=stack)["StackEvents"]
        except ClientError:
            return
        for event in reversed(events):
            if event["Timestamp"].timestamp() >= since - 1 and event["EventId"] not in seen:
                seen.add(event["EventId"])
                yield event


def outputs(client: "CloudFormationClient", name: str) -> dict[str, str]:
    """A stack's outputs by name; empty where there is no such stack."""
    found = _described(client, name)
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])} if found else {}


def _described(client: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    try:
        return client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _state(client: "CloudFormationClient", name: str) -> str | None:
    found = _described(client, name)
    return found["StackStatus"] if found else None


def _change_line(change: "ChangeTypeDef") -> str:
    made = change["ResourceChange"]
    replaced = ", replaced" if made.get("Replacement") == "True" else ""
    return f"{made['Action'].lower():7} {made['ResourceType']} {made['LogicalResourceId']}{replaced}"


def _event_line(event: "StackEventTypeDef") -> str:
    reason = event.get("ResourceStatusReason", "")
    line = (
        f"  {event.get('ResourceStatus', ''):28} {event.get('ResourceType', '')} {event.get('LogicalResourceId', '')}"
    )
    return f"{line}: {reason}" if reason and "FAILED" in event.get("ResourceStatus", "") else line
