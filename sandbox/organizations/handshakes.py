"""Invitations of accounts into the organization, as AWS Organizations tells of them."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.organizations.organization import MANAGEMENT, ORGANIZATION_ID, PARTITION, organization

LIFETIME_SECONDS = 15 * 24 * 3600
PENDING = frozenset({"REQUESTED", "OPEN"})


@dataclass(slots=True)
class Handshake:
    """https://docs.aws.amazon.com/organizations/latest/APIReference/API_Handshake.html."""

    account: str
    target: Mapping[str, str]  # as the invitation named the account: by number or by e-mail
    notes: str | None
    state: str = "OPEN"
    id: str = field(default_factory=lambda: f"h-{secrets.token_hex(6)}")
    requested: float = field(default_factory=time.time)

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING

    def describe(self) -> dict[str, Any]:
        path = f"handshake/{ORGANIZATION_ID}/invite/{self.id}"
        return {
            "Id": self.id,
            "Arn": f"arn:{PARTITION}:organizations::{MANAGEMENT.id}:{path}",
            "Parties": [{"Id": ORGANIZATION_ID, "Type": "ORGANIZATION"}, {**self.target}],
            "State": self.state,
            "RequestedTimestamp": self.requested,
            "ExpirationTimestamp": self.requested + LIFETIME_SECONDS,
            "Action": "INVITE",
            "Resources": self._resources(),
        }

    def _resources(self) -> list[dict[str, Any]]:
        inviting = organization().org
        assert inviting is not None  # noqa: S101  the sandbox has one organization from the start
        details = [
            {"Type": "MASTER_EMAIL", "Value": inviting.master_account_email},
            {"Type": "ORGANIZATION_FEATURE_SET", "Value": inviting.feature_set},
        ]
        notes = [{"Type": "NOTES", "Value": self.notes}] if self.notes else []
        return [
            {"Type": "ORGANIZATION", "Value": ORGANIZATION_ID, "Resources": details},
            {"Type": self.target["Type"], "Value": self.target["Id"]},
            *notes,
        ]
