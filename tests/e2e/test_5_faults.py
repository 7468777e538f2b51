"""Over many random schedules of faults, no sign-in is lost and no notification is repeated.

`ROOTWATCH_SCHEDULES` says how many, and `ROOTWATCH_SEED` from which seed on: CI draws 500.
"""

import base64
import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.cloudtrail.sign_ins import Record
from sandbox.faults import FaultRule
from tests.e2e.observer import Observer
from tests.e2e.schedules import CALLS, Delivery, Injection, Schedule, schedule
from tests.e2e.test_4_outcomes import event_bridge

SCHEDULES = int(os.environ.get("ROOTWATCH_SCHEDULES", "250"))
FIRST_SEED = int(os.environ.get("ROOTWATCH_SEED", "1"))
# Short timeouts, so that a schedule does not take minutes.
SHORT_TIMEOUTS = {"MAX_ATTEMPTS": "1", "READ_TIMEOUT_SECONDS": "3", "RESERVED_SECONDS": "1"}
TIMEOUT_SECONDS = 5
ENOUGH_FOR_ALL = 250  # so that each call was hit
ROUNDS = 30  # more than a message is received


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    counted: Counter[str] = Counter()
    yield counted
    print("\n" + "\n".join(f"{name}: {number}" for name, number in sorted(counted.items())))  # noqa: T201


@pytest.fixture
def quick(observer: Observer) -> Iterator[Observer]:
    with observer.environment(**SHORT_TIMEOUTS), observer.timeout(TIMEOUT_SECONDS):
        yield observer


def test_every_sign_in_is_imported_once_or_dead_lettered(
    quick: Observer, tally: Counter[str]
) -> None:
    wrong = [
        problem
        for seed in range(FIRST_SEED, FIRST_SEED + SCHEDULES)
        for problem in _run(schedule(seed), quick, tally)
    ]

    assert wrong == []
    assert tally["schedules"] == SCHEDULES
    if SCHEDULES >= ENOUGH_FOR_ALL:
        assert {call for call in CALLS if not tally[f"faults at {call[1]}"]} == set()


def _run(plan: Schedule, observer: Observer, tally: Counter[str]) -> list[str]:
    """What is not as it must be, if anything; first by itself, then with all put back."""
    observer.begin()
    if plan.fresh:
        observer.sandbox.services.functions.recycle()  # and with it the credentials that it keeps
    rules = [_inject(one, observer) for one in plan.injections]
    for delivery in plan.deliveries:
        _deliver(delivery, observer)
    _let_it_end(plan, observer)
    exact = _knows_what_was_published(plan, rules)
    messages = observer.dead_letter_messages()
    _count(plan, rules, messages, tally, exact=exact)
    by_itself = [_outcome(record, observer, messages) for record in plan.records]
    tally.update(str(outcome) for outcome in by_itself)
    _put_back(observer)
    put_back = [_outcome(record, observer, []) for record in plan.records]
    return [
        f"seed {plan.seed}: {record['eventID']}: {first}; put back: {last}; {plan.injections}"
        for record, first, last in zip(plan.records, by_itself, put_back, strict=True)
        if not (first.is_in_sight and last.is_done(exact=exact))
    ]


def _inject(one: Injection, observer: Observer) -> FaultRule:
    return observer.sandbox.faults.inject(
        one.fault, *one.call, times=one.times, after=one.after, account=one.account
    )


def _knows_what_was_published(plan: Schedule, rules: Sequence[FaultRule]) -> bool:
    """Whether the table was up, and nothing hid from the function that SNS took a notification."""
    return not any(
        one.is_of_the_table or one.hides_a_notification
        for one, rule in zip(plan.injections, rules, strict=True)
        if rule.applied
    )


def _put_back(observer: Observer) -> None:
    """As docs/operating.md describes it; unreadable content is dead-lettered again."""
    observer.put_back()
    observer.drain()
    observer.delete_dead_letter_messages()


@dataclass(frozen=True, slots=True)
class Outcome:
    findings: int  # active ones
    is_owners: bool  # all of them stand where they belong
    notifications: int
    is_dead_letter: bool

    def __str__(self) -> str:
        findings = {0: "no finding", 1: "one finding"}.get(self.findings, "several findings")
        notifications = {0: "no notification", 1: "one notification"}.get(
            self.notifications, "several notifications"
        )
        return f"{findings}, {notifications}" + (", dead-lettered" if self.is_dead_letter else "")

    @property
    def is_in_sight(self) -> bool:
        """The promise: one finding and a notification, or a dead-letter message."""
        return self.is_dead_letter or (self.findings == 1 and self.notifications >= 1)

    def is_done(self, *, exact: bool) -> bool:
        notified = self.notifications == 1 if exact else self.notifications >= 1
        return notified and self.findings == 1 and self.is_owners


def _outcome(record: Record, observer: Observer, messages: Sequence[dict[str, Any]]) -> Outcome:
    findings = observer.active(record)
    return Outcome(
        findings=len(findings),
        is_owners=all(one["AwsAccountId"] == record["recipientAccountId"] for one in findings),
        notifications=len(observer.notifications_of(record)),
        is_dead_letter=any(record["eventID"] in _text(message["body"]) for message in messages),
    )


def _text(body: str) -> str:
    """What Lambda gave up has its payload packed."""
    data = json.loads(body).get("requestPayload", {}).get("awslogs", {}).get("data")
    return gzip.decompress(base64.b64decode(data)).decode() if data else body


def _deliver(delivery: Delivery, observer: Observer) -> None:
    records = list(delivery.records)
    match delivery.way:
        case "trail":
            observer.put(*records, *(["no record"] if delivery.poisoned else []))
        case "subscription":
            observer.invoke(_subscription(records, poisoned=delivery.poisoned))
        case "event":
            for record in records:
                observer.invoke(event_bridge(record))
        case "queue":
            for record in records:
                observer.send(event_bridge(record))
    if delivery.settled:
        observer.sandbox.settle()


def _subscription(records: Sequence[Record], *, poisoned: bool) -> dict[str, Any]:
    messages = [json.dumps(record) for record in records]
    messages[:0] = ["no record"] if poisoned else []
    payload = {
        "messageType": "DATA_MESSAGE",
        "logEvents": [{"id": "0", "timestamp": 0, "message": message} for message in messages],
    }
    packed = gzip.compress(json.dumps(payload).encode())
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def _let_it_end(plan: Schedule, observer: Observer) -> None:
    """Advance the clock until the queues are empty; lasting faults are removed on the way."""
    observer.sandbox.settle()
    for number in range(ROUNDS):
        if number == plan.rounds_until_repair:
            observer.sandbox.faults.clear()
        if not observer.waiting():
            break
        observer.let_time_pass()
    observer.sandbox.faults.clear()
    observer.sandbox.settle()


def _count(
    plan: Schedule,
    rules: Sequence[FaultRule],
    messages: Sequence[Any],
    tally: Counter[str],
    *,
    exact: bool,
) -> None:
    tally["schedules"] += 1
    tally["schedules in which each notification must come exactly once"] += exact
    tally["deliveries"] += len(plan.deliveries)
    tally["dead-letter messages"] += len(messages)
    for one, rule in zip(plan.injections, rules, strict=True):
        tally[f"faults at {one.call[1]}"] += rule.applied
        tally[f"faults of the kind {type(one.fault).__name__}"] += rule.applied
