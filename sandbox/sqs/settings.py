"""SQS in the sandbox: the queues' attributes, as the API has them and keeps them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.sqs.exceptions import InvalidParameterValue
from moto.sqs.models import Queue, sqs_backends

REDRIVE_ALLOW_POLICY = "RedriveAllowPolicy"
MOST_RECEIPTS = 1000


@contextmanager
def installed() -> Iterator[None]:
    with ExitStack() as stack:
        setting = _setting(Queue._set_attributes)  # noqa: SLF001  moto has no other way
        stack.enter_context(patch.object(Queue, "_set_attributes", setting))
        names = [*Queue.BASE_ATTRIBUTES, REDRIVE_ALLOW_POLICY]
        stack.enter_context(patch.object(Queue, "BASE_ATTRIBUTES", names))
        attributes = property(_attributes(vars(Queue)["attributes"]))
        stack.enter_context(patch.object(Queue, "attributes", attributes))
        stack.enter_context(patch.object(Queue, "redrive_allow_policy", None, create=True))
        yield


def _setting(set_attributes: Any) -> Any:
    @functools.wraps(set_attributes)
    def setting(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        if str(attributes.get("FifoQueue")).lower() == "true":
            raise InvalidParameterValue("In the sandbox a queue is a standard one, not FIFO.")
        _check_redrive(queue, attributes)
        kept = {} if "Policy" in attributes else {"Policy": queue.policy}
        set_attributes(queue, {**attributes, **kept}, now)
        if not attributes.get(REDRIVE_ALLOW_POLICY, "kept"):
            vars(queue).pop("redrive_allow_policy")

    return setting


def _attributes(original: property) -> Any:
    """SQS answers a redrive policy without a space in it, and Terraform compares the text."""

    def attributes(queue: Queue) -> dict[str, Any]:
        assert original.fget is not None  # noqa: S101  a property of moto's has a getter
        answered: dict[str, Any] = original.fget(queue)
        if redrive := answered.get("RedrivePolicy"):
            answered["RedrivePolicy"] = json.dumps(json.loads(redrive), separators=(",", ":"))
        return answered

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
