"""CloudFormation stacks: planned as change sets, applied with their events shown, and deleted."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef, ParameterTypeDef, StackEventTypeDef, StackTypeDef

_POLL_SECONDS = 2
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_PLANNED = "REVIEW_IN_PROGRESS"
"""The state of a stack that has a change set but was never created."""
_NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
"""States of a stack whose creation failed; it can only be deleted."""


@dataclass(frozen=True)
class Stack:
    """One stack as it should be. `template` is its text; `show` prints each event."""

    client: "CloudFormationClient"
    name: str
    template: str
    parameters: Mapping[str, str]
    show: Callable[[str], None] = print

    def plan(self) -> list[str]:
        """The changes that `apply` would make, one line each. Changes nothing."""
        proposal = self._propose()
        if proposal is None:
            return []
        found = self.client.describe_change_set(ChangeSetName=proposal, StackName=self.name)
        self.client.delete_change_set(ChangeSetName=proposal, StackName=self.name)
        if _state(self.client, self.name) == _PLANNED:
            self.client.delete_stack(StackName=self.name)
        return [_change_line(change) for change in found["Changes"]]

    def apply(self) -> dict[str, str]:
        """Create or update the stack and return its outputs. Raises SystemExit with CloudFormation's reason."""
        proposal = self._propose()
        if proposal is None:
            self.show(f"{self.name}: no changes")
        else:
            stack = self.client.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"]
            seen = self._known_events(stack)
            self.client.execute_change_set(ChangeSetName=proposal, StackName=self.name)
            self._follow(stack, seen, ("CREATE_COMPLETE", "UPDATE_COMPLETE"))
        return outputs(self.client, self.name)

    def delete(self) -> None:
        """Delete the stack, if it exists."""
        found = _described(self.client, self.name)
        if found:
            seen = self._known_events(found["StackId"])
            self.client.delete_stack(StackName=self.name)
            self._follow(found["StackId"], seen, ("DELETE_COMPLETE",))

    def _propose(self) -> str | None:
        """Create a change set and return its name; None if there is nothing to change."""
        if _state(self.client, self.name) in _NEVER_MADE:
            self.delete()
        made = _state(self.client, self.name) not in (None, _PLANNED)
        name = f"{self.name}-{int(time.time() * 1000)}"
        try:
            self.client.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType="UPDATE" if made else "CREATE",
                TemplateBody=self.template,
                Parameters=self._parameters(made),
                OnStackFailure="ROLLBACK" if made else "DELETE",  # a failed creation leaves nothing behind
            )
        except ClientError as error:
            raise SystemExit(f"imgy: stack {self.name} cannot be changed: {error}") from None
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

    def _parameters(self, made: bool) -> "list[ParameterTypeDef]":
        """The parameters set now. An existing stack keeps its other values, which the defaults would undo."""
        stack = _described(self.client, self.name) if made else None
        known = [entry["ParameterKey"] for entry in stack.get("Parameters", [])] if stack else []
        kept = [key for key in known if key not in self.parameters and f"\n  {key}:\n" in self.template]
        wanted: list[ParameterTypeDef] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()
        ]
        return wanted + [{"ParameterKey": key, "UsePreviousValue": True} for key in kept]

    def _follow(self, stack: str, seen: set[str], good: tuple[str, ...]) -> None:
        """Show the stack's new events until its state is final. Raises SystemExit if that state is not in `good`."""
        while True:
            fresh = [event for event in self._events(stack) if event["EventId"] not in seen]
            for event in fresh:
                seen.add(event["EventId"])
                self.show(_event_line(event))
            state = _state(self.client, stack)
            if state is None and "DELETE_COMPLETE" in good:
                return
            # The state may still be that of the last change: only a new event of the stack itself makes it final.
            if state is None or any(_is_final(event) for event in fresh):
                if state not in good:
                    raise SystemExit(f"imgy: stack {self.name} ended in {state}; see the reason above")
                return
            time.sleep(_POLL_SECONDS)

    def _known_events(self, stack: str) -> set[str]:
        return {event["EventId"] for event in self._events(stack)}

    def _events(self, stack: str) -> "list[StackEventTypeDef]":
        """The latest events of a stack, oldest first."""
        try:
            return self.client.describe_stack_events(StackName=stack)["StackEvents"][::-1]
        except ClientError:
            return []


def outputs(client: "CloudFormationClient", name: str) -> dict[str, str]:
    """A stack's outputs by name; empty if there is no such stack."""
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


def _is_final(event: "StackEventTypeDef") -> bool:
    status = event.get("ResourceStatus", "")
    own = event.get("PhysicalResourceId") == event["StackId"]
    return own and status.endswith(("_COMPLETE", "_FAILED")) and "CLEANUP" not in status


def _event_line(event: "StackEventTypeDef") -> str:
    reason = event.get("ResourceStatusReason", "")
    line = (
        f"  {event.get('ResourceStatus', ''):28} {event.get('ResourceType', '')} {event.get('LogicalResourceId', '')}"
    )
    return f"{line}: {reason}" if reason and "FAILED" in event.get("ResourceStatus", "") else line
