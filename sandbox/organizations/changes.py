"""Operations of AWS Organizations that create, invite, move, remove and close accounts.

The sandbox does not check what AWS requires of an account that leaves: a payment method, contact
information, and an age of more than four days.
https://docs.aws.amazon.com/organizations/latest/APIReference/action-reference.html
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.organizations import utils
from moto.organizations.exceptions import OrganizationsClientError
from moto.organizations.responses import OrganizationsResponse

from sandbox.organizations import organization as members
from sandbox.organizations.organization import (
    CHANGE_LOCK,
    MANAGEMENT,
    ORGANIZATION_ID,
    PARTITION,
)
from sandbox.overrides import Override, add, replace

LIFETIME_SECONDS = 15 * 24 * 3600
PENDING = frozenset({"REQUESTED", "OPEN"})

type Request = dict[str, Any]
type Answer = dict[str, Any]
type Operation = Callable[[str, Request], Answer]  # from the caller's account and the request


@dataclass(slots=True)
class Handshake:
    """https://docs.aws.amazon.com/organizations/latest/APIReference/API_Handshake.html."""

    account: str
    target: Mapping[str, str]  # the account by number or by email, as in the invitation
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
        inviting = members.organization().org
        assert inviting is not None  # noqa: S101  the sandbox always has an organization
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


class OrganizationChanges:
    def __init__(self) -> None:
        self._invitations: dict[str, Handshake] = {}
        self._creations: dict[str, Answer] = {}  # the statuses of CreateAccount, by their id

    def overrides(self) -> list[Override]:
        return [
            *replace(
                OrganizationsResponse,
                create_account=_operation(self._create_account),
                describe_create_account_status=_operation(self._describe_creation),
                move_account=_operation(_move_account),
                close_account=_operation(_close_account),
                remove_account_from_organization=_operation(_remove_account),
            ),
            *add(
                OrganizationsResponse,
                leave_organization=_operation(_leave),
                invite_account_to_organization=_operation(self._invite),
                accept_handshake=_operation(self._accept),
                describe_handshake=_operation(self._describe_handshake),
                list_handshakes_for_account=_operation(self._list_handshakes),
            ),
        ]

    def _create_account(self, _caller: str, request: Request) -> Answer:
        """The response has no account ID yet; DescribeCreateAccountStatus returns it."""
        if members.account_with_email(request["Email"]):
            status = _failure(request["AccountName"], "EMAIL_ALREADY_EXISTS")
        else:
            account = members.create_account(members.new_number(), request)
            status = account.create_account_status["CreateAccountStatus"]
        self._creations[status["Id"]] = status
        started = {name: status[name] for name in ("Id", "AccountName", "RequestedTimestamp")}
        return {"CreateAccountStatus": {**started, "State": "IN_PROGRESS"}}

    def _describe_creation(self, _caller: str, request: Request) -> Answer:
        status = self._creations.get(request["CreateAccountRequestId"])
        if status is None:
            raise _error(
                "CreateAccountStatusNotFoundException",
                "You specified a create account request that doesn't exist.",
            )
        return {"CreateAccountStatus": status}

    def _invite(self, _caller: str, request: Request) -> Answer:
        account = _invited(request["Target"])
        if members.organization_of(account):
            raise _error(
                "HandshakeConstraintViolationException",
                "The invited account is already a member of an organization.",
                "ALREADY_IN_AN_ORGANIZATION",
            )
        if any(one.is_pending and one.account == account for one in self._invitations.values()):
            raise _error(
                "DuplicateHandshakeException", "This account has a pending invitation already."
            )
        handshake = Handshake(account, request["Target"], request.get("Notes"))
        self._invitations[handshake.id] = handshake
        return {"Handshake": handshake.describe()}

    def _accept(self, caller: str, request: Request) -> Answer:
        handshake = self._find(request["HandshakeId"])
        if handshake.account != caller:
            raise _access_denied()
        if handshake.state == "ACCEPTED":
            raise _error("HandshakeAlreadyInStateException", "It was accepted already.")
        handshake.state = "ACCEPTED"
        members.accept_invitation(caller)
        return {"Handshake": handshake.describe()}

    def _describe_handshake(self, caller: str, request: Request) -> Answer:
        handshake = self._find(request["HandshakeId"])
        if caller not in (handshake.account, MANAGEMENT.id):
            raise _access_denied()
        return {"Handshake": handshake.describe()}

    def _list_handshakes(self, caller: str, _request: Request) -> Answer:
        own = (one for one in self._invitations.values() if one.account == caller)
        return {"Handshakes": [one.describe() for one in own]}

    def _find(self, handshake: str) -> Handshake:
        found = self._invitations.get(handshake)
        if found is None:
            raise _error(
                "HandshakeNotFoundException", "You specified a handshake that doesn't exist."
            )
        return found


def _error(code: str, message: str, reason: str | None = None) -> OrganizationsClientError:
    error = OrganizationsClientError(code, message)
    if reason:
        vars(error)["reason"] = reason  # moto adds the members of the error's model
    return error


def _operation(operation: Operation) -> Callable[[OrganizationsResponse], str]:
    def answer(response: OrganizationsResponse) -> str:
        _ = response.organizations_backend  # checks who may call
        with CHANGE_LOCK:
            return json.dumps(operation(response.current_account, response.request_params))

    return answer


def _move_account(_caller: str, request: Request) -> Answer:
    account, source = request["AccountId"], request["SourceParentId"]
    destination = request["DestinationParentId"]
    units = {one.id for one in members.organization().ou}
    _require_member(account)
    if members.ancestors(account)[0] != source:
        raise _error("SourceParentNotFoundException", "The account is not in this parent.")
    if destination not in units:
        raise _error(
            "DestinationParentNotFoundException",
            "You specified a destination parent that doesn't exist.",
        )
    if destination == source:
        raise _error(
            "DuplicateAccountException", "The account is already in the specified destination."
        )
    members.move(account, destination)
    return {}


def _close_account(_caller: str, request: Request) -> Answer:
    account = request["AccountId"]
    _require_member(account)
    if account == MANAGEMENT.id:
        raise _error(
            "ConstraintViolationException",
            "You can't close the management account.",
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
        )
    if members.is_suspended(account):
        raise _error("AccountAlreadyClosedException", "The provided account is already closed.")
    members.suspend(account)
    return {}


def _remove_account(_caller: str, request: Request) -> Answer:
    _remove(request["AccountId"])
    return {}


def _leave(caller: str, _request: Request) -> Answer:
    _remove(caller)
    return {}


def _remove(account: str) -> None:
    _require_member(account)
    if account == MANAGEMENT.id:
        raise _error(
            "MasterCannotLeaveOrganizationException",
            "You can't remove the management account from its organization.",
        )
    if any(admin.account.id == account for admin in members.organization().admins):
        raise _error(
            "ConstraintViolationException",
            "You must deregister the delegated administrator before you remove it.",
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
        )
    members.leave(account)


def _require_member(account: str) -> None:
    if members.organization_of(account) is None:
        raise _error("AccountNotFoundException", "You specified an account that doesn't exist.")


def _invited(target: Request) -> str:
    """The account ID; the target has that ID or the email address."""
    by_email = target["Type"] == "EMAIL"
    account = members.account_with_email(target["Id"]) if by_email else target["Id"]
    if account is None or not (
        members.standalone_account(account) or members.organization_of(account)
    ):
        reason = "INVALID_PARTY_TYPE_TARGET"
        raise _error("InvalidInputException", f"Account {target['Id']} does not exist.", reason)
    return account


def _failure(name: str, reason: str) -> Answer:
    now = time.time()
    return {
        "Id": utils.make_random_create_account_status_id(),
        "AccountName": name,
        "State": "FAILED",
        "FailureReason": reason,
        "RequestedTimestamp": now,
        "CompletedTimestamp": now,
    }


def _access_denied() -> OrganizationsClientError:
    return _error("AccessDeniedException", "You don't have permissions to access this resource.")
