"""Service control policies that tests attach to accounts, units and the root."""

from typing import Any

from sandbox.local import Sandbox
from sandbox.tests.resources import policy, unique

FULL_ACCESS = "p-FullAWSAccess"


def deny(actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": actions, "Resource": resource, **more}


class ControlPolicies:
    """Creates and attaches policies; `clear` detaches and deletes all of them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._organizations = sandbox.client("organizations")
        self._attached: list[tuple[str, str]] = []

    def attach(self, target: str, *statements: Any) -> str:
        """The id of the policy."""
        created = self._organizations.create_policy(
            Name=unique("policy"),
            Description="",
            Type="SERVICE_CONTROL_POLICY",
            Content=policy(*statements),
        )
        identifier = str(created["Policy"]["PolicySummary"]["Id"])
        self._organizations.attach_policy(PolicyId=identifier, TargetId=target)
        self._attached.append((identifier, target))
        return identifier

    def detach_full_access(self, target: str) -> None:
        self._organizations.detach_policy(PolicyId=FULL_ACCESS, TargetId=target)

    def restore_full_access(self, target: str) -> None:
        self._organizations.attach_policy(PolicyId=FULL_ACCESS, TargetId=target)

    def clear(self) -> None:
        for identifier, target in self._attached:
            self._organizations.detach_policy(PolicyId=identifier, TargetId=target)
            self._organizations.delete_policy(PolicyId=identifier)
        self._attached.clear()
