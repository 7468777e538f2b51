"""What a queue shows and hides, told with one look at the clock.

Moto looks at it twice for each message, and SQS's every answer counts them: thousands of messages
would take minutes.
"""

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, Queue

from sandbox.overrides import Override, replace


def overrides() -> list[Override]:
    return replace(
        Queue,
        messages=property(_shown),
        approximate_number_of_messages_delayed=property(_delayed),
        approximate_number_of_messages_not_visible=property(_hidden),
    )


def _shown(queue: Queue) -> list[Message]:
    now = unix_time_millis()
    return [one for one in _all(queue) if one.visible_at < now and one.delayed_until <= now]


def _delayed(queue: Queue) -> int:
    now = unix_time_millis()
    return sum(one.delayed_until > now for one in _all(queue))


def _hidden(queue: Queue) -> int:
    now = unix_time_millis()
    return sum(one.visible_at >= now for one in _all(queue))


def _all(queue: Queue) -> list[Message]:
    return list(queue._messages)  # noqa: SLF001  moto has no other way
