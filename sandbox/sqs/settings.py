"""SQS in the sandbox: the queues' attributes, as the API has them and keeps them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

import json
from collections.abc import Mapping
from typing import Any

from moto.sqs.exceptions import InvalidParameterValue
from moto.sqs.models import Queue, sqs_backends

from sandbox.overrides import Override, add, replace, wrap

REDRIVE_ALLOW_POLICY = "RedriveAllowPolicy"
MOST_RECEIPTS = 1000


def overrides() -> list[Override]:
    return [
        *wrap(Queue, _set_attributes=_set_attributes, attributes=_attributes),
        *replace(Queue, BASE_ATTRIBUTES=[*Queue.BASE_ATTRIBUTES, REDRIVE_ALLOW_POLICY]),
        *add(Queue, redrive_allow_policy=None),
    ]


def _set_attributes(
    set_attributes: Any, queue: Queue, attributes: dict[str, Any], now: float | None = None
) -> None:
    if str(attributes.get("FifoQueue")).lower() == "true":
        raise InvalidParameterValue("The sandbox supports standard queues only, not FIFO queues.")
    _check_redrive(queue, attributes)
    kept = {} if "Policy" in attributes else {"Policy": queue.policy}
    set_attributes(queue, {**attributes, **kept}, now)
    if not attributes.get(REDRIVE_ALLOW_POLICY, "kept"):
        vars(queue).pop("redrive_allow_policy")


def _attributes(get_attributes: Any, queue: Queue) -> dict[str, Any]:
    """SQS returns a redrive policy without spaces, and Terraform compares the text."""
    attributes: dict[str, Any] = get_attributes(queue)
    if redrive := attributes.get("RedrivePolicy"):
        attributes["RedrivePolicy"] = json.dumps(json.loads(redrive), separators=(",", ":"))
    return attributes


def _check_redrive(queue: Queue, attributes: Mapping[str, Any]) -> None:
    """The dead letters' queue may say whose it takes."""
    policy = _parsed(attributes.get("RedrivePolicy"))
    if not policy:
        return
    arn = str(policy.get("deadLetterTargetArn", ""))
    target = sqs_backends[queue.account_id][queue.region].queues.get(arn.rsplit(":", 1)[-1])
    if target is None or target.queue_arn != arn:
        raise _invalid_redrive(policy, "Dead letter target does not exist.")
    if not 1 <= int(policy.get("maxReceiveCount", 0)) <= MOST_RECEIPTS:
        raise _invalid_redrive(policy, "Invalid value for maxReceiveCount.")
    if not _admits(target, queue.queue_arn):
        raise _invalid_redrive(policy, "Dead letter target does not admit the source queue.")


def _admits(target: Queue, source_arn: str) -> bool:
    policy = _parsed(vars(target).get("redrive_allow_policy"))
    match policy.get("redrivePermission", "allowAll"):
        case "allowAll":
            return True
        case "byQueue":
            return source_arn in policy.get("sourceQueueArns", [])
    return False


def _parsed(policy: Any) -> dict[str, Any]:
    return dict(json.loads(policy)) if isinstance(policy, str) and policy else dict(policy or {})


def _invalid_redrive(policy: Mapping[str, Any], reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"Value {json.dumps(policy)} for parameter RedrivePolicy is invalid. Reason: {reason}"
    )
