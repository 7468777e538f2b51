"""Event buses: their addresses, names, tags and policies.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Self

from moto.core.utils import unix_time
from moto.events.exceptions import ResourceNotFoundException
from moto.events.models import EventBus, EventsBackend, events_backends
from moto.events.responses import EventsHandler

from sandbox.eventbridge import EventBridgeError, InvalidRequestError
from sandbox.iam.policy import PolicyError, ResourcePolicyKind, parse_policy
from sandbox.organizations.organization import PARTITION
from sandbox.overrides import Override, add, replace, wrap

type Document = dict[str, Any]

DEFAULT = "default"
BUS = re.compile(rf"arn:{PARTITION}:events:([a-z0-9-]+):(\d{{12}}):event-bus/([/.\-_A-Za-z0-9]+)")
NAME = re.compile(r"[.\-_A-Za-z0-9]{1,256}")
UNSUPPORTED = ("EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")
VERSION = "2012-10-17"
MAX_POLICY_CHARACTERS = 10_240
STATEMENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}")
PRINCIPAL = re.compile(r"\d{12}|\*")
DOCUMENT = "policy_document"  # moto keeps statements, and removes none


@dataclass(frozen=True, slots=True)
class BusAddress:
    account: str
    region: str
    name: str = DEFAULT

    @classmethod
    def of(cls, arn: str) -> Self | None:
        """None for other ARNs."""
        found = BUS.fullmatch(arn)
        return cls(found[2], found[1], found[3]) if found else None

    @classmethod
    def named(cls, name_or_arn: str | None, account: str, region: str) -> Self:
        """A name is relative to the account and Region of the call."""
        return cls.of(name_or_arn or "") or cls(account, region, name_or_arn or DEFAULT)

    @property
    def arn(self) -> str:
        return f"arn:{PARTITION}:events:{self.region}:{self.account}:event-bus/{self.name}"

    def bus(self) -> EventBus | None:
        try:
            backend = events_backends[self.account][self.region]
        except KeyError:  # the Region does not exist
            return None
        return backend.event_buses.get(self.name)


def overrides() -> list[Override]:
    return [
        *replace(
            EventsBackend,
            _normalize_event_bus_arn=_own_bus_name,
            _get_event_bus=_get_event_bus,
            list_tags_for_resource=_list_tags,
            tag_resource=_tag,
            untag_resource=_untag,
            put_permission=_put_permission,
            remove_permission=_remove_permission,
        ),
        *wrap(EventsBackend, delete_event_bus=_delete_event_bus),
        *wrap(EventsHandler, create_event_bus=_create_event_bus),
        *add(EventsHandler, update_event_bus=_update_event_bus),
        *replace(EventBus, policy=property(_policy)),
    ]


def _own_bus_name(backend: EventsBackend, name_or_arn: str | None) -> str:
    """Moto resolves the ARN of any bus to a bus of the caller."""
    address = BusAddress.named(name_or_arn, backend.account_id, backend.region_name)
    if address.region != backend.region_name:
        raise InvalidRequestError("Cross-region api call is not allowed.")
    if address.account != backend.account_id:
        raise EventBridgeError(
            "AccessDeniedException",
            f"{address.arn}: the sandbox supports no rules on buses of other accounts.",
        )
    return address.name


def _get_event_bus(backend: EventsBackend, name_or_arn: str | None) -> EventBus:
    name = _own_bus_name(backend, name_or_arn)
    if name not in backend.event_buses:
        raise ResourceNotFoundException(f"Event bus {name} does not exist.")
    return backend.event_buses[name]


def _create_event_bus(create_event_bus: Any, response: EventsHandler) -> Any:
    request = json.loads(response.body)
    if not NAME.fullmatch(str(request.get("Name", ""))):
        raise InvalidRequestError(f"An event bus's Name must match {NAME.pattern}")
    _refuse_unsupported(request)
    return create_event_bus(response)


def _update_event_bus(response: EventsHandler) -> str:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateEventBus.html."""
    request = json.loads(response.body)
    _refuse_unsupported(request)
    bus = response.events_backend.describe_event_bus(request.get("Name", DEFAULT))
    bus.description = request.get("Description")
    bus.last_modified_time = unix_time()
    return json.dumps({"Arn": bus.arn, "Name": bus.name, "Description": bus.description})


def _refuse_unsupported(request: Document) -> None:
    refused = [name for name in UNSUPPORTED if request.get(name)]
    if refused:
        raise InvalidRequestError(f"The sandbox does not support {', '.join(refused)} of a bus.")


def _delete_event_bus(delete_event_bus: Any, backend: EventsBackend, name: str) -> None:
    bus = backend.event_buses.get(name)
    if bus and bus.rules:
        raise InvalidRequestError(f"Event bus {name} can't be deleted since it has rules.")
    delete_event_bus(backend, name)


def _list_tags(backend: EventsBackend, arn: str) -> dict[str, list[dict[str, str]]]:
    """Moto keeps one set of tags for a bus and a rule of the same name."""
    tags: dict[str, list[dict[str, str]]] = backend.tagger.list_tags_for_resource(
        _existing(backend, arn)
    )
    return tags


def _tag(backend: EventsBackend, arn: str, tags: dict[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    backend.tagger.tag_resource(_existing(backend, arn), listed)


def _untag(backend: EventsBackend, arn: str, tag_keys: list[str]) -> None:
    backend.tagger.untag_resource_using_names(_existing(backend, arn), tag_keys)


def _existing(backend: EventsBackend, arn: str) -> str:
    buses = list(backend.event_buses.values())
    rules = {rule.arn for bus in buses for rule in bus.rules.values()}
    if arn not in rules | {bus.arn for bus in buses}:
        raise ResourceNotFoundException(f"{arn} does not exist.")
    return arn


def _policy(bus: EventBus) -> str | None:
    document: Document | None = vars(bus).get(DOCUMENT)
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
    """Replace the whole policy, or add one statement."""
    bus = backend.describe_event_bus(event_bus_name or "default")
    if policy is None:
        statement = _statement(bus, action, principal, statement_id, condition)
        _save_policy(bus, [*_others(bus, statement["Sid"]), statement])
        return
    if (action, principal, statement_id, condition) != (None, None, None, None):
        raise InvalidRequestError("Policy excludes Action, Principal, StatementId and Condition.")
    try:
        document = json.loads(policy)
    except ValueError as error:
        raise InvalidRequestError("This policy contains invalid Json") from error
    statements = document.get("Statement") if isinstance(document, dict) else None
    _save_policy(bus, statements, document)


def _statement(
    bus: EventBus,
    action: str | None,
    principal: str | None,
    statement_id: str | None,
    condition: dict[str, str] | None,
) -> Document:
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


def _save_policy(bus: EventBus, statements: Any, document: Document | None = None) -> None:
    whole = document or {"Version": VERSION, "Statement": statements}
    text = json.dumps(whole)
    if len(text) > MAX_POLICY_CHARACTERS:
        raise EventBridgeError(
            "PolicyLengthExceededException",
            f"The policy has {len(text)} characters; the maximum is {MAX_POLICY_CHARACTERS}.",
        )
    try:
        parse_policy(text, bus.arn, ResourcePolicyKind.ORDINARY)
    except PolicyError as error:
        raise InvalidRequestError(f"The policy is not valid: {error}") from error
    for statement in statements if isinstance(statements, list) else [statements]:
        _check_statement(bus, statement)
    vars(bus)[DOCUMENT] = whole


def _check_statement(bus: EventBus, statement: Document) -> None:
    """Sid is required, and actions and resources belong to this bus or its rules."""
    if not STATEMENT_ID.fullmatch(str(statement.get("Sid", ""))):
        raise InvalidRequestError(f"Each statement's Sid must match {STATEMENT_ID.pattern}")
    if any(not action.startswith("events:") for action in _strings(statement.get("Action"))):
        raise InvalidRequestError("Action: a bus policy has actions of events only.")
    rules = bus.arn.replace(":event-bus/", ":rule/")
    for resource in _strings(statement.get("Resource")):
        if resource != bus.arn and not resource.startswith(f"{rules}/"):
            raise InvalidRequestError(
                f"Resource: got {resource}, expected {bus.arn} or a rule of the bus"
            )


def _strings(value: Any) -> list[str]:
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
        _save_policy(bus, kept)
    else:
        vars(bus).pop(DOCUMENT, None)


def _others(bus: EventBus, statement_id: str | None) -> list[Document]:
    return [one for one in _statements(bus) if one["Sid"] != statement_id]


def _statements(bus: EventBus) -> list[Document]:
    statements = vars(bus).get(DOCUMENT, {}).get("Statement", [])
    return list(statements) if isinstance(statements, list) else [statements]
