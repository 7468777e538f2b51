"""Rules: the checks of PutRule, and the events that trigger a rule.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
"""

import re
from collections.abc import Mapping
from typing import Any

from moto.events.models import EventsBackend, Rule

from sandbox.eventbridge import EventBridgeError, InvalidRequestError, patterns
from sandbox.overrides import Override, wrap

NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
MAX_DESCRIPTION_CHARACTERS = 512
MAX_PATTERN = 2048  # the default quota; AWS raises it to 4,096 on request
ALL_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
STATES = ("ENABLED", "DISABLED", ALL_EVENTS)
VIA_CLOUDTRAIL = " via CloudTrail"
READ_ONLY_NAMES = ("Describe", "Get", "List")
NOT_READ_ONLY = frozenset({"GetFederationToken", "GetSessionToken"})


def overrides() -> list[Override]:
    return wrap(EventsBackend, put_rule=_put_rule)


def triggers(rule: Rule, event: Mapping[str, Any]) -> bool:
    """A scheduled rule has no pattern. Read-only events trigger only rules that enable them.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    """
    text = rule.event_pattern.dump()
    if rule.state == "DISABLED" or text is None:
        return False
    if rule.state != ALL_EVENTS and _is_read_only(event):
        return False
    return patterns.load(text).matches(event)


def _is_read_only(event: Mapping[str, Any]) -> bool:
    if not event["detail-type"].endswith(VIA_CLOUDTRAIL):
        return False
    name = str(event["detail"].get("eventName"))
    if name in NOT_READ_ONLY:
        return False
    return event["detail"].get("readOnly") is True or name.startswith(READ_ONLY_NAMES)


def _put_rule(put_rule: Any, backend: EventsBackend, name: str, **settings: Any) -> Rule:
    if not NAME.fullmatch(name or ""):
        raise InvalidRequestError(f"Value {name!r} at 'name' must match {NAME.pattern}")
    if (state := settings.get("state")) not in (None, *STATES):
        raise InvalidRequestError(f"Value {state!r} at 'state' must be one of {STATES}")
    if len(settings.get("description") or "") > MAX_DESCRIPTION_CHARACTERS:
        raise InvalidRequestError(
            f"Value at 'description' must have at most {MAX_DESCRIPTION_CHARACTERS} characters"
        )
    if pattern := settings.get("event_pattern"):
        _check_length(pattern)
        patterns.load(pattern)
    rule: Rule = put_rule(backend, name, **settings)
    return rule


def _check_length(pattern: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html."""
    if len(pattern) > MAX_PATTERN:
        raise EventBridgeError(
            "LimitExceededException",
            f"EventPattern: got {len(pattern)} characters, expected at most {MAX_PATTERN}.",
        )
