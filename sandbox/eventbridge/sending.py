"""The right of a rule's role to send to an event bus, elsewhere or beside the rule.

It is asked for at each delivery, and already when the target is put.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
"""

import json
from collections.abc import Mapping
from itertools import product

from moto.events.models import Rule
from moto.sts.models import AssumedRole

from sandbox.eventbridge.addresses import BusAddress
from sandbox.iam.authority import authorize_session
from sandbox.iam.policy import Decision
from sandbox.iam.resources import bus_access

TOLD_APART_BY = ("source", "detail-type")  # members of an event that a policy may ask for


def may_send(
    session: AssumedRole, rule: Rule, address: BusAddress, event: Mapping[str, str]
) -> Decision:
    """By the role's policies and that of the bus, which exists; `event` may lack any member."""
    context = {
        **{f"events:{name}": event[name] for name in TOLD_APART_BY if name in event},
        "events:eventBusInvocation": "true",
        "aws:SourceArn": rule.arn,
        "aws:SourceAccount": rule.account_id,
    }
    access = bus_access("events:PutEvents", address.arn, context)
    return authorize_session(session, access, address.region)


def announced(rule: Rule) -> list[dict[str, str]]:
    """Events as far as the rule's pattern names them; a member that it does not name is absent."""
    pattern = json.loads(rule.event_pattern.dump() or "{}")
    values = {
        name: [value for value in pattern.get(name, ()) if isinstance(value, str)]
        for name in TOLD_APART_BY
    }
    named = {name: found for name, found in values.items() if found}
    return [dict(zip(named, chosen, strict=True)) for chosen in product(*named.values())]
