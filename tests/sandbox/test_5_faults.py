"""Over many random schedules of faults no sign-in is lost, and nobody is told twice.

`ROOTWATCH_SCHEDULES` says how many, from the first seed on; a seed that fails can be run alone by
`pytest tests/sandbox -k "deployment or seed"` with `ROOTWATCH_SEED`.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.faults import Crash, Hang
from tests.sandbox.schedules import Schedule, schedule
from tests.sandbox.test_4_outcomes import event_bridge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandbox.faults import Rule
    from sandbox.sign_ins import Record
    from tests.sandbox.observer import Observer
    from tests.sandbox.schedules import Delivery

SCHEDULES = int(os.environ.get("ROOTWATCH_SCHEDULES", "1000"))
FIRST_SEED = int(os.environ.get("ROOTWATCH_SEED", "1"))
# The function as deployed, but for its patience: a schedule must not take minutes.
PATIENCE = {"MAX_ATTEMPTS": "1", "READ_TIMEOUT_SECONDS": "3", "RESERVED_SECONDS": "1"}
TIMEOUT_SECONDS = 5
ROUNDS = 30  # more than a message is received
CLAIM_PAUSE_SECONDS = TIMEOUT_SECONDS / 15  # a claim ends before a message is received 18 times


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    counted: Counter[str] = Counter()
    yield counted
    print("\n" + "\n".join(f"{name}: {number}" for name, number in sorted(counted.items())))  # noqa: T201


@pytest.fixture
def quick(observer: Observer) -> Iterator[Observer]:
    with observer.environment(**PATIENCE), observer.timeout(TIMEOUT_SECONDS):
        yield observer


def test_every_sign_in_ends_once_or_as_a_dead_letter(quick: Observer, tally: Counter[str]) -> None:
    wrong = [
        problem
        for seed in range(FIRST_SEED, FIRST_SEED + SCHEDULES)
        for problem in _run(schedule(seed), quick, tally)
    ]

    assert wrong == []
    assert tally["schedules"] == SCHEDULES


def _run(plan: Schedule, observer: Observer, tally: Counter[str]) -> list[str]:
    """What is not as it must be, if anything."""
    observer.begin()
    faults = observer.sandbox.faults
    rules = [
        faults.inject(one.fault, *one.call, times=one.times, after=one.after, account=one.account)
        for one in plan.injections
    ]
    for delivery in plan.deliveries:
        _deliver(delivery, observer)
    _let_it_end(plan, observer)
    letters = observer.dead_letters()
    _count(plan, rules, letters, tally)
    exact = not any(
        one.is_of_the_table or one.hides_a_notice
        for one, rule in zip(plan.injections, rules, strict=True)
        if rule.applied
    )
    outcomes = [_outcome(record, observer, letters) for record in plan.records]
    tally.update(outcome.name for outcome in outcomes)
    tally["schedules with exactly one notice demanded"] += exact
    return [
        f"seed {plan.seed}: {record['eventID']}: {outcome}; {plan.injections}"
        for record, outcome in zip(plan.records, outcomes, strict=True)
        if not outcome.holds(exact=exact)
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    findings: int  # active ones
    notices: int
    is_dead_letter: bool

    @property
    def name(self) -> str:
        told = {0: "no notice", 1: "one notice"}.get(self.notices, "several notices")
        letter = ", a dead letter" if self.is_dead_letter else ""
        return f"sign-ins: {self.findings} finding, {told}{letter}"

    def holds(self, *, exact: bool) -> bool:
        """Never two findings, never two notices of what is known to be told; all, or a letter."""
        if self.findings > 1 or (exact and self.notices > 1):
            return False
        return self.is_dead_letter or (self.findings == 1 and self.notices >= 1)


def _outcome(record: Record, observer: Observer, letters: Sequence[dict[str, Any]]) -> Outcome:
    return Outcome(
        findings=len(observer.active(record)),
        notices=len(observer.notices_of(record)),
        is_dead_letter=any(record["eventID"] in _text(letter["body"]) for letter in letters),
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
    """Time passes until nothing waits any more; what lasts is mended on the way."""
    observer.sandbox.settle()
    may_hold_a_claim = any(isinstance(one.fault, Crash | Hang) for one in plan.injections)
    for number in range(ROUNDS):
        if number == plan.rounds_until_repair:
            observer.sandbox.faults.clear()
        if not observer.waiting():
            break
        observer.let_time_pass()
        if may_hold_a_claim:
            time.sleep(CLAIM_PAUSE_SECONDS)
    observer.sandbox.faults.clear()
    observer.sandbox.settle()


def _count(
    plan: Schedule, rules: Sequence[Rule], letters: Sequence[Any], tally: Counter[str]
) -> None:
    tally["schedules"] += 1
    tally["deliveries"] += len(plan.deliveries)
    tally["dead letters"] += len(letters)
    for one, rule in zip(plan.injections, rules, strict=True):
        tally[f"faults: {one.call[1]} {type(one.fault).__name__}"] += rule.applied
