"""Event buses: which are made and deleted, how calls name them, and their tags.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus.html
"""

import functools
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.utils import unix_time
from moto.events.exceptions import ResourceNotFoundException
from moto.events.models import EventBus, EventsBackend
from moto.events.responses import EventsHandler

from sandbox.eventbridge.addresses import DEFAULT, BusAddress
from sandbox.eventbridge.refusals import EventBridgeError, InvalidRequestError

NAME = re.compile(r"[.\-_A-Za-z0-9]{1,256}")
NOT_COVERED = ("EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


@contextmanager
def installed() -> Iterator[None]:
    replacements: list[tuple[type, str, Any]] = [
        (EventsBackend, "_normalize_event_bus_arn", _own_bus),
        (EventsBackend, "_get_event_bus", _getting),
        (EventsBackend, "delete_event_bus", _deleting(EventsBackend.delete_event_bus)),
        (EventsBackend, "list_tags_for_resource", _list_tags),
        (EventsBackend, "tag_resource", _tag),
        (EventsBackend, "untag_resource", _untag),
        (EventsHandler, "create_event_bus", _creating(EventsHandler.create_event_bus)),
        (EventsHandler, "update_event_bus", _update),
    ]
    with ExitStack() as stack:
        for owner, name, replacement in replacements:
            stack.enter_context(patch.object(owner, name, replacement, create=True))
        yield


def _own_bus(backend: EventsBackend, name_or_arn: str | None) -> str:
    """The name; moto takes the last part of any ARN for a bus of the caller's own."""
    address = BusAddress.named(name_or_arn, backend.account_id, backend.region_name)
    if address.region != backend.region_name:
        raise InvalidRequestError("Cross-region api call is not allowed.")
    if address.account != backend.account_id:
        raise EventBridgeError(
            "AccessDeniedException",
            f"{address.arn} is another account's: the sandbox has no rules on buses of others.",
        )
    return address.name


def _getting(backend: EventsBackend, name_or_arn: str | None) -> EventBus:
    name = _own_bus(backend, name_or_arn)
    if name not in backend.event_buses:
        raise ResourceNotFoundException(f"Event bus {name} does not exist.")
    return backend.event_buses[name]


def _creating(create_event_bus: Any) -> Any:
    @functools.wraps(create_event_bus)
    def creating(response: EventsHandler) -> Any:
        request = json.loads(response.body)
        if not NAME.fullmatch(str(request.get("Name", ""))):
            raise InvalidRequestError(f"An event bus's Name must match {NAME.pattern}")
        _refuse_not_covered(request)
        return create_event_bus(response)

    return creating


def _update(response: EventsHandler) -> str:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateEventBus.html."""
    request = json.loads(response.body)
    _refuse_not_covered(request)
    bus = response.events_backend.describe_event_bus(request.get("Name", DEFAULT))
    bus.description = request.get("Description")
    bus.last_modified_time = unix_time()
    return json.dumps({"Arn": bus.arn, "Name": bus.name, "Description": bus.description})


def _refuse_not_covered(request: dict[str, Any]) -> None:
    refused = [name for name in NOT_COVERED if request.get(name)]
    if refused:
        raise InvalidRequestError(f"The sandbox does not support {', '.join(refused)} of a bus.")


def _deleting(delete_event_bus: Any) -> Any:
    @functools.wraps(delete_event_bus)
    def deleting(backend: EventsBackend, name: str) -> None:
        bus = backend.event_buses.get(name)
        if bus and bus.rules:
            raise InvalidRequestError(f"Event bus {name} can't be deleted since it has rules.")
        delete_event_bus(backend, name)

    return deleting


def _list_tags(backend: EventsBackend, arn: str) -> dict[str, list[dict[str, str]]]:
    """By the ARN: moto takes a bus and a rule of one name for the same."""
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
