"""AWS Organizations in the sandbox: accounts that join, move, leave and are closed.

An account that is removed or leaves is taken to have what AWS asks of a standalone account: a
payment method, contact information, and more than four days of age.
https://docs.aws.amazon.com/organizations/latest/APIReference/action-reference.html
"""

import json
import time
from collections.abc import Callable
from typing import Any

from moto.organizations import utils
from moto.organizations.exceptions import OrganizationsClientError
from moto.organizations.responses import OrganizationsResponse

from sandbox.organizations import organization as members
from sandbox.organizations.handshakes import Handshake
from sandbox.organizations.organization import MANAGEMENT, ONE_CHANGE_AT_A_TIME
from sandbox.overrides import Override, add, replace

type Document = dict[str, Any]
type Operation = Callable[[str, Document], Document]  # the caller's account and the request


class OrganizationChanges:
    def __init__(self) -> None:
        self._handshakes: dict[str, Handshake] = {}
        self._requests: dict[str, Document] = {}  # to create an account, by their id

    def overrides(self) -> list[Override]:
        return [
            *replace(
                OrganizationsResponse,
                create_account=_answering(self._create_account),
                describe_create_account_status=_answering(self._describe_request),
                move_account=_answering(_move_account),
                close_account=_answering(_close_account),
                remove_account_from_organization=_answering(_remove_account),
            ),
            *add(
                OrganizationsResponse,
                leave_organization=_answering(_leave),
                invite_account_to_organization=_answering(self._invite),
                accept_handshake=_answering(self._accept),
                describe_handshake=_answering(self._describe_handshake),
                list_handshakes_for_account=_answering(self._list_handshakes),
            ),
        ]

    def _create_account(self, _caller: str, request: Document) -> Document:
        """It answers before the account is made; DescribeCreateAccountStatus tells its number."""
        if members.owned_by(request["Email"]):
            status = _failure(request["AccountName"], "EMAIL_ALREADY_EXISTS")
        else:
            account = members.create_account(members.new_number(), request)
            status = account.create_account_status["CreateAccountStatus"]
        self._requests[status["Id"]] = status
        asked = ("Id", "AccountName", "RequestedTimestamp")
        begun = {name: status[name] for name in asked}
        return {"CreateAccountStatus": {**begun, "State": "IN_PROGRESS"}}

    def _describe_request(self, _caller: str, request: Document) -> Document:
        status = self._requests.get(request["CreateAccountRequestId"])
        if status is None:
            raise refusal(
                "CreateAccountStatusNotFoundException",
                "You specified a create account request that doesn't exist.",
            )
        return {"CreateAccountStatus": status}

    def _invite(self, _caller: str, request: Document) -> Document:
        account = _invited(request["Target"])
        if members.organization_of(account):
            raise refusal(
                "HandshakeConstraintViolationException",
                "The invited account is already a member of an organization.",
                "ALREADY_IN_AN_ORGANIZATION",
            )
        if any(one.is_pending and one.account == account for one in self._handshakes.values()):
            raise refusal(
                "DuplicateHandshakeException", "This account has a pending invitation already."
            )
        handshake = Handshake(account, request["Target"], request.get("Notes"))
        self._handshakes[handshake.id] = handshake
        return {"Handshake": handshake.describe()}

    def _accept(self, caller: str, request: Document) -> Document:
        handshake = self._find(request["HandshakeId"])
        if handshake.account != caller:
            raise _forbidden()
        if handshake.state == "ACCEPTED":
            raise refusal("HandshakeAlreadyInStateException", "It was accepted already.")
        handshake.state = "ACCEPTED"
        members.invite(caller)
        return {"Handshake": handshake.describe()}

    def _describe_handshake(self, caller: str, request: Document) -> Document:
        handshake = self._find(request["HandshakeId"])
        if caller not in (handshake.account, MANAGEMENT.id):
            raise _forbidden()
        return {"Handshake": handshake.describe()}

    def _list_handshakes(self, caller: str, _request: Document) -> Document:
        own = (one for one in self._handshakes.values() if one.account == caller)
        return {"Handshakes": [one.describe() for one in own]}

    def _find(self, handshake: str) -> Handshake:
        found = self._handshakes.get(handshake)
        if found is None:
            raise refusal(
                "HandshakeNotFoundException", "You specified a handshake that doesn't exist."
            )
        return found


def refusal(code: str, message: str, reason: str | None = None) -> OrganizationsClientError:
    error = OrganizationsClientError(code, message)
    if reason:
        vars(error)["reason"] = reason  # moto answers what the error's model knows
    return error


def _answering(operation: Operation) -> Callable[[OrganizationsResponse], str]:
    def answer(response: OrganizationsResponse) -> str:
        _ = response.organizations_backend  # says who may call
        with ONE_CHANGE_AT_A_TIME:
            return json.dumps(operation(response.current_account, response.request_params))

    return answer


def _move_account(_caller: str, request: Document) -> Document:
    account, source = request["AccountId"], request["SourceParentId"]
    destination = request["DestinationParentId"]
    units = {one.id for one in members.organization().ou}
    _require_member(account)
    if members.lineage(account)[0] != source:
        raise refusal("SourceParentNotFoundException", "The account is not in this parent.")
    if destination not in units:
        raise refusal(
            "DestinationParentNotFoundException",
            "You specified a destination parent that doesn't exist.",
        )
    if destination == source:
        raise refusal(
            "DuplicateAccountException", "The account is already in the specified destination."
        )
    members.move(account, destination)
    return {}


def _close_account(_caller: str, request: Document) -> Document:
    account = request["AccountId"]
    _require_member(account)
    if account == MANAGEMENT.id:
        raise refusal(
            "ConstraintViolationException",
            "You can't close the management account.",
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
        )
    if members.is_suspended(account):
        raise refusal("AccountAlreadyClosedException", "The provided account is already closed.")
    members.suspend(account)
    return {}


def _remove_account(_caller: str, request: Document) -> Document:
    _let_go(request["AccountId"])
    return {}


def _leave(caller: str, _request: Document) -> Document:
    _let_go(caller)
    return {}


def _let_go(account: str) -> None:
    _require_member(account)
    if account == MANAGEMENT.id:
        raise refusal(
            "MasterCannotLeaveOrganizationException",
            "You can't remove the management account from its organization.",
        )
    if any(admin.account.id == account for admin in members.organization().admins):
        raise refusal(
            "ConstraintViolationException",
            "You must deregister the delegated administrator before you remove it.",
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
        )
    members.leave(account)


def _require_member(account: str) -> None:
    if members.organization_of(account) is None:
        raise refusal("AccountNotFoundException", "You specified an account that doesn't exist.")


def _invited(target: Document) -> str:
    """The number of the account that the invitation means, by its number or its e-mail."""
    by_email = target["Type"] == "EMAIL"
    account = members.owned_by(target["Id"]) if by_email else target["Id"]
    if account is None or not (members.outsider(account) or members.organization_of(account)):
        raise refusal(
            "InvalidInputException",
            f"There is no account {target['Id']} to invite.",
            "INVALID_PARTY_TYPE_TARGET",
        )
    return account


def _failure(name: str, reason: str) -> Document:
    now = time.time()
    return {
        "Id": utils.make_random_create_account_status_id(),
        "AccountName": name,
        "State": "FAILED",
        "FailureReason": reason,
        "RequestedTimestamp": now,
        "CompletedTimestamp": now,
    }


def _forbidden() -> OrganizationsClientError:
    return refusal("AccessDeniedException", "You don't have permissions to access this resource.")
