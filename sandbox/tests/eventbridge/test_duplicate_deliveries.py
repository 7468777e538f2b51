"""EventBridge delivers at least once: under the worst conditions, some events arrive twice."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.conditions import ideal
from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.eventbridge.event_resources import Queue, entry, rule_in, target

NUMBER = 40


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(conditions=replace(ideal(), seed=1, duplicate_rate=0.3)) as running:
        yield running


def test_no_event_is_lost_and_some_are_delivered_twice(sandbox: Sandbox) -> None:
    rule = rule_in(SECURITY.id)
    queue = Queue(sandbox, SECURITY.id, rule)
    rule.put(sandbox, target(queue.arn))
    events = sandbox.client("events", SECURITY.id)
    sent = [events.put_events(Entries=[entry()])["Entries"][0]["EventId"] for _ in range(NUMBER)]

    received: list[str] = []
    while some := [event["id"] for event in queue.events()]:
        received += some

    times = {received.count(one) for one in sent}
    assert set(received) == set(sent)
    assert times == {1, 2}
    assert NUMBER < len(received) < 2 * NUMBER
