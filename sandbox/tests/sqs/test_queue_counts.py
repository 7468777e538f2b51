"""The counts of a queue's messages."""

from typing import Any

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import create_queue

PREFIX = "ApproximateNumberOfMessages"


def counts(sqs: Any, url: str) -> list[int]:
    """Of visible, in-flight and delayed messages."""
    names = [PREFIX, f"{PREFIX}NotVisible", f"{PREFIX}Delayed"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(attributes[name]) for name in names]


def test_visible_hidden_and_delayed_messages_are_counted(sandbox: Sandbox) -> None:
    url, sqs = create_queue(sandbox, SECURITY.id), sandbox.client("sqs", SECURITY.id)
    for delay_seconds in (0, 0, 0, 900, 900):
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=delay_seconds)
    before = counts(sqs, url)
    sqs.receive_message(QueueUrl=url)
    received = counts(sqs, url)
    sandbox.let_time_pass()

    assert before == [3, 0, 2]
    assert received == [2, 1, 2]
    assert counts(sqs, url) == [5, 0, 0]
