"""Over many random schedules of faults, no sign-in is lost and no notification is repeated.

`ROOTWATCH_SCHEDULES` says how many, and `ROOTWATCH_SEED` from which seed on: CI draws 500.
"""

import base64
import gzip
import json
import os
import random
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from sandbox.cloudtrail import sign_ins
from sandbox.cloudtrail.sign_ins import Record
from sandbox.faults import Crash, ErrorResponse, FailedImports, Fault, FaultRule, Hang, LostResponse
from sandbox.organizations.organization import MEMBERS
from tests.e2e.observer import Observer
from tests.e2e.test_4_outcomes import event_bridge

SCHEDULES = int(os.environ.get("ROOTWATCH_SCHEDULES", "250"))
FIRST_SEED = int(os.environ.get("ROOTWATCH_SEED", "1"))
# Short timeouts, so that a schedule does not take minutes.
SHORT_TIMEOUTS = {"MAX_ATTEMPTS": "1", "READ_TIMEOUT_SECONDS": "3", "RESERVED_SECONDS": "1"}
TIMEOUT_SECONDS = 5
ENOUGH_FOR_ALL = 250  # so that each call was hit
ROUNDS = 30  # more than a message is received


type Way = Literal["trail", "subscription", "event", "queue"]

WAYS: Sequence[Way] = ("trail", "subscription", "subscription", "event", "queue", "queue")
HANG_SECONDS = 60.0  # longer than the function waits for an answer
IMPORT = ("securityhub", "BatchImportFindings")
ASSUME = ("sts", "AssumeRole")
CLAIM, COMPLETE, RELEASE = (("dynamodb", f"{verb}Item") for verb in ("Put", "Update", "Delete"))
PUBLISH = ("sns", "Publish")
SEND = ("sqs", "SendMessageBatch")
DELAY_RETRY = ("sqs", "ChangeMessageVisibility")
LOOK_UP = ("organizations", "DescribeAccount")
# The more often it is drawn, the more a call decides.
CALLS = (
    *[IMPORT] * 6,
    *[ASSUME] * 3,
    *[PUBLISH] * 3,
    *[SEND] * 2,
    CLAIM,
    COMPLETE,
    RELEASE,
    DELAY_RETRY,
    LOOK_UP,
)
TRANSIENT: Sequence[Fault] = (
    ErrorResponse("ThrottlingException", 400),
    ErrorResponse("TooManyRequestsException", 429),
    ErrorResponse("InternalFailure", 500),
    ErrorResponse("ServiceUnavailable", 503),
)
OF_OWNER = {
    IMPORT: (
        ErrorResponse("InvalidAccessException", 401),  # the hub is off
        ErrorResponse("AccessDeniedException", 403),
        ErrorResponse("UnrecognizedClientException", 403),  # the Region is off
        ErrorResponse("ExpiredTokenException", 403),
        FailedImports(frozenset({0}), "InvalidAccess"),
    ),
    ASSUME: (ErrorResponse("AccessDenied", 403),),  # the role is missing
}


@dataclass(frozen=True, slots=True)
class Injection:
    fault: Fault
    call: tuple[str, str]
    times: int | None  # None: as long as the sign-ins are tried
    after: int
    account: str | None  # the caller's

    @property
    def is_of_the_table(self) -> bool:
        """Whether the table fails; a process that dies at it does not make it fail."""
        return self.call[0] == "dynamodb" and not isinstance(self.fault, Crash)

    @property
    def hides_a_notification(self) -> bool:
        """Whether SNS may accept a publication whose response is lost, so that it is repeated."""
        if self.call == COMPLETE:
            return self.fault == Crash(after_call=False)
        lost = isinstance(self.fault, LostResponse) or self.fault == Crash(after_call=True)
        return self.call == PUBLISH and lost


@dataclass(frozen=True, slots=True)
class Delivery:
    way: Way
    records: tuple[Record, ...]
    poisoned: bool  # something that is no record comes with them
    settled: bool  # all that follows is over before the next delivery


@dataclass(frozen=True, slots=True)
class Schedule:
    seed: int
    records: tuple[Record, ...]
    deliveries: tuple[Delivery, ...]
    injections: tuple[Injection, ...]
    fresh: bool  # no process of the function is there yet
    rounds_until_repair: int  # rounds of elapsed time before lasting faults are removed


def schedule(seed: int) -> Schedule:
    """Which sign-ins are delivered how often by which ways, and what goes wrong.

    A function of its seed.
    """
    draw = random.Random(seed)  # noqa: S311  the same schedule for a seed is the point
    records = tuple(_sign_in(draw) for _ in range(draw.choice((1, 1, 1, 2, 3))))
    return Schedule(
        seed=seed,
        records=records,
        deliveries=tuple(_deliveries(draw, records)),
        injections=tuple(_injection(draw) for _ in range(draw.choice((0, 1, 1, 2, 2, 3)))),
        fresh=draw.random() < 0.1,
        rounds_until_repair=draw.choice((1, 2, 4, 25)),
    )


def _sign_in(draw: random.Random) -> Record:
    record = sign_ins.root_without_mfa(draw.choice(MEMBERS).id)
    return {**record, "eventID": str(uuid.UUID(int=draw.getrandbits(128), version=4))}


def _deliveries(draw: random.Random, records: tuple[Record, ...]) -> list[Delivery]:
    """Each sign-in once or more, some together, in any order."""
    copies = [record for record in records for _ in range(draw.choice((1, 1, 2, 3)))]
    draw.shuffle(copies)
    deliveries = []
    while copies:
        together = draw.choice((1, 1, 2))
        chosen, copies = copies[:together], copies[together:]
        deliveries.append(
            Delivery(
                way=draw.choice(WAYS),
                records=tuple(chosen),
                poisoned=draw.random() < 0.1,
                settled=draw.random() < 0.5,
            )
        )
    return deliveries


def _injection(draw: random.Random) -> Injection:
    call = draw.choice(CALLS)
    return Injection(
        fault=_fault(draw, call),
        call=call,
        times=draw.choice((1, 1, 1, 2, 3, None)),
        after=draw.choice((0, 0, 0, 1, 2)),
        account=draw.choice((None, *(member.id for member in MEMBERS))) if call == IMPORT else None,
    )


def _fault(draw: random.Random, call: tuple[str, str]) -> Fault:
    kind = draw.random()
    if kind < 0.15:
        return Crash(after_call=draw.random() < 0.5)
    if kind < 0.19:
        return Hang(HANG_SECONDS)
    if kind < 0.28:
        return LostResponse(draw.choice(TRANSIENT))
    if kind < 0.6 and call in OF_OWNER:
        return draw.choice(OF_OWNER[call])
    if kind < 0.7 and call == IMPORT:
        return FailedImports(frozenset({draw.randrange(2)}))
    return draw.choice(TRANSIENT)


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
        """As required: one finding and a notification, or a dead-letter message."""
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
