"""The policy of an event bus: one document, checked when it is put.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.events.exceptions import ResourceNotFoundException
from moto.events.models import EventBus, EventsBackend

from sandbox.eventbridge.refusals import EventBridgeError, InvalidRequestError
from sandbox.iam.policy import PolicyError, ResourcePolicyKind, parse_policy
from sandbox.organizations.organization import PARTITION

if TYPE_CHECKING:
    from collections.abc import Iterator

    type Policy = dict[str, Any]

VERSION = "2012-10-17"
POLICY_CHARACTERS = 10_240
STATEMENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}")
PRINCIPAL = re.compile(r"\d{12}|\*")
DOCUMENT = "policy_document"  # moto keeps statements, and never lets go of one


@contextmanager
def installed() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(patch.object(EventBus, "policy", property(_policy)))
        stack.enter_context(patch.object(EventsBackend, "put_permission", _put_permission))
        stack.enter_context(patch.object(EventsBackend, "remove_permission", _remove_permission))
        yield


def _policy(bus: EventBus) -> str | None:
    document: Policy | None = vars(bus).get(DOCUMENT)
    return json.dumps(document) if document else None


def _put_permission(
    backend: EventsBackend,
    event_bus_name: str | None,
    action: str | None,
    principal: str | None,
    statement_id: str | None,
    condition: dict[str, str] | None,
    policy: str | None,
) -> None:
    """A whole policy in place of the one that is there, or one statement more."""
    bus = backend.describe_event_bus(event_bus_name or "default")
    if policy is None:
        statement = _statement(bus, action, principal, statement_id, condition)
        _keep(bus, [*_others(bus, statement["Sid"]), statement])
        return
    if (action, principal, statement_id, condition) != (None, None, None, None):
        raise InvalidRequestError("Policy excludes Action, Principal, StatementId and Condition.")
    try:
        document = json.loads(policy)
    except ValueError as error:
        raise InvalidRequestError("This policy contains invalid Json") from error
    statements = document.get("Statement") if isinstance(document, dict) else None
    _keep(bus, statements, document)


def _statement(
    bus: EventBus,
    action: str | None,
    principal: str | None,
    statement_id: str | None,
    condition: dict[str, str] | None,
) -> Policy:
    if not STATEMENT_ID.fullmatch(statement_id or ""):
        raise InvalidRequestError(f"StatementId must match {STATEMENT_ID.pattern}")
    if not principal or not PRINCIPAL.fullmatch(principal):
        raise InvalidRequestError(f"Principal must match {PRINCIPAL.pattern}")
    everyone = principal == "*"
    conditions = (
        {"Condition": {condition["Type"]: {condition["Key"]: condition["Value"]}}}
        if condition
        else {}
    )
    return {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": "*" if everyone else {"AWS": f"arn:{PARTITION}:iam::{principal}:root"},
        "Action": action,
        "Resource": bus.arn,
        **conditions,
    }


def _keep(bus: EventBus, statements: Any, document: Policy | None = None) -> None:
    whole = document or {"Version": VERSION, "Statement": statements}
    text = json.dumps(whole)
    if len(text) > POLICY_CHARACTERS:
        raise EventBridgeError(
            "PolicyLengthExceededException",
            f"The policy has {len(text)} characters; at most {POLICY_CHARACTERS} fit.",
        )
    try:
        parse_policy(text, bus.arn, ResourcePolicyKind.ORDINARY)
    except PolicyError as error:
        raise InvalidRequestError(f"The policy is not valid: {error}") from error
    for statement in statements if isinstance(statements, list) else [statements]:
        _check_statement(bus, statement)
    vars(bus)[DOCUMENT] = whole


def _check_statement(bus: EventBus, statement: Policy) -> None:
    """That each is about this bus or its rules, by its own name."""
    if not STATEMENT_ID.fullmatch(str(statement.get("Sid", ""))):
        raise InvalidRequestError(f"Each statement's Sid must match {STATEMENT_ID.pattern}")
    if any(not action.startswith("events:") for action in _texts(statement.get("Action"))):
        raise InvalidRequestError("A bus's policy allows actions of events alone.")
    rules = bus.arn.replace(":event-bus/", ":rule/")
    for resource in _texts(statement.get("Resource")):
        if resource != bus.arn and not resource.startswith(f"{rules}/"):
            raise InvalidRequestError(f"Resource {resource} is neither {bus.arn} nor a rule of it")


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _remove_permission(
    backend: EventsBackend,
    event_bus_name: str | None,
    statement_id: str | None,
    remove_all_permissions: bool | None,  # noqa: FBT001  moto's own signature
) -> None:
    bus = backend.describe_event_bus(event_bus_name or "default")
    kept = [] if remove_all_permissions else _others(bus, statement_id)
    if not remove_all_permissions and len(kept) == len(_statements(bus)):
        raise ResourceNotFoundException("Statement with the provided id does not exist.")
    if kept:
        _keep(bus, kept)
    else:
        vars(bus).pop(DOCUMENT, None)


def _others(bus: EventBus, statement_id: str | None) -> list[Policy]:
    return [one for one in _statements(bus) if one["Sid"] != statement_id]


def _statements(bus: EventBus) -> list[Policy]:
    statements = vars(bus).get(DOCUMENT, {}).get("Statement", [])
    return list(statements) if isinstance(statements, list) else [statements]
