"""EventBridge in the sandbox: buses, rules and targets as strict as AWS's, and deliveries.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.events.models import EventsBackend

from sandbox.eventbridge import bus_policies, buses, rules, targets, templates
from sandbox.eventbridge.addresses import BusAddress
from sandbox.eventbridge.delivery import Deliveries
from sandbox.eventbridge.entries import check_request, envelope, event_of, refusal_of

__all__ = ["BusAddress", "EventBridge", "envelope"]


class EventBridge(Deliveries):
    """Deliveries of what arrives, and the API's operations as long as it is installed."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            for part in (bus_policies, buses, rules, targets, templates):
                stack.enter_context(part.installed())
            stack.enter_context(patch.object(EventsBackend, "put_events", self._put_events()))
            yield

    def _put_events(self) -> Any:
        def put_events(
            backend: EventsBackend, events: list[dict[str, Any]] | None
        ) -> list[dict[str, Any]]:
            caller = backend.account_id, backend.region_name
            check_request(events, *caller)
            return [self._put(entry, *caller) for entry in events or ()]

        return put_events

    def _put(self, entry: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        refusal = refusal_of(entry)
        if refusal:
            return refusal.answer()
        event = event_of(entry, account, region)
        self.bring(event, BusAddress.named(entry.get("EventBusName"), account, region))
        return {"EventId": event["id"]}
