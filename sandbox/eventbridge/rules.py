"""Rules: what PutRule takes, and which events a rule is for.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
"""

import functools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.events.models import EventsBackend, Rule

from sandbox.eventbridge import patterns
from sandbox.eventbridge.refusals import EventBridgeError, InvalidRequestError

NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
DESCRIPTION_CHARACTERS = 512
PATTERN_CHARACTERS = 2048  # an account's quota, which AWS raises to 4,096 when asked
ALL_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
STATES = ("ENABLED", "DISABLED", ALL_EVENTS)
VIA_CLOUDTRAIL = " via CloudTrail"
READ_ONLY_NAMES = ("Describe", "Get", "List")
NEVERTHELESS_SENT = frozenset({"GetFederationToken", "GetSessionToken"})


@contextmanager
def installed() -> Iterator[None]:
    with patch.object(EventsBackend, "put_rule", _putting(EventsBackend.put_rule)):
        yield


def triggers(rule: Rule, event: Mapping[str, Any]) -> bool:
    """A scheduled rule has no pattern; read-only events reach only the rules that ask for them.

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
    if name in NEVERTHELESS_SENT:
        return False
    return event["detail"].get("readOnly") is True or name.startswith(READ_ONLY_NAMES)


def _putting(put_rule: Any) -> Any:
    @functools.wraps(put_rule)
    def putting(backend: EventsBackend, name: str, **settings: Any) -> Rule:
        if not NAME.fullmatch(name or ""):
            raise InvalidRequestError(f"Value {name!r} at 'name' must match {NAME.pattern}")
        if (state := settings.get("state")) not in (None, *STATES):
            raise InvalidRequestError(f"Value {state!r} at 'state' must be one of {STATES}")
        if len(settings.get("description") or "") > DESCRIPTION_CHARACTERS:
            raise InvalidRequestError(
                f"Value at 'description' must have at most {DESCRIPTION_CHARACTERS} characters"
            )
        if settings.get("event_pattern"):
            _check_pattern(settings["event_pattern"])
        rule: Rule = put_rule(backend, name, **settings)
        return rule

    return putting


def _check_pattern(text: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html."""
    if len(text) > PATTERN_CHARACTERS:
        raise EventBridgeError(
            "LimitExceededException",
            f"The event pattern has {len(text)} characters; the quota is {PATTERN_CHARACTERS}.",
        )
    patterns.load(text)
