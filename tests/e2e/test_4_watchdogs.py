"""Each watchdog detects its fault within the time that docs/operating.md states."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from sandbox.cloudtrail import sign_ins
from sandbox.faults import Crash, ErrorResponse
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from tests.e2e.observer import (
    ADDRESSES,
    DEAD_LETTER_QUEUE,
    IMPORTER,
    PREFIX,
    QUEUE,
    Observer,
)
from tests.e2e.test_4_outcomes import event_bridge
from tests.operating_page import stated_minutes

VICTIM = MEMBERS[0].id
IMPORT = ("securityhub", "BatchImportFindings")
TRAIL = f"arn:aws:cloudtrail:us-east-1:{MANAGEMENT.id}:trail/{PREFIX}-organization-trail"
LONG_MINUTES = 60  # until every alarm is OK again
WAIT_SECONDS = 10
RECEIVES_WITH_AGE = 3  # SQS does not count the age of a message that is received more often
MINUTES = stated_minutes()


@pytest.fixture
def quiet(observer: Observer) -> Observer:
    """No watchdog is in ALARM."""
    observer.delete_dead_letter_messages()
    pass_minutes(observer, LONG_MINUTES)
    assert comes(lambda: {state(observer, name) for name in MINUTES} == {"OK"})
    observer.begin()
    return observer


def pass_minutes(observer: Observer, minutes: int) -> None:
    observer.sandbox.clock.advance(minutes * 60)


def comes(condition: Callable[[], bool]) -> bool:
    """Whether the condition holds soon: the sandbox evaluates alarms on its own."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def state(observer: Observer, name: str) -> str:
    return observer.alarm_state(name.removeprefix("-"))


def mails(observer: Observer, name: str, subject: str = "ALARM") -> set[str]:
    """The addresses that received a message of the alarm."""
    begin = f'{subject}: "{PREFIX}{name}" in '
    return {mail.to for mail in observer.high_priority() if mail.subject.startswith(begin)}


def is_detected(observer: Observer, name: str) -> bool:
    """Within the stated time, by a message to each address."""
    pass_minutes(observer, MINUTES[name])
    return comes(lambda: mails(observer, name) == ADDRESSES)


@contextmanager
def stopped_trail(observer: Observer) -> Iterator[None]:
    cloudtrail = observer.sandbox.client("cloudtrail", MANAGEMENT.id)
    cloudtrail.stop_logging(Name=TRAIL)
    try:
        yield
    finally:
        cloudtrail.start_logging(Name=TRAIL)


@contextmanager
def no_concurrency(observer: Observer) -> Iterator[None]:
    function = observer.sandbox.client("lambda", SECURITY.id)
    function.put_function_concurrency(FunctionName=IMPORTER, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        function.delete_function_concurrency(FunctionName=IMPORTER)


@contextmanager
def disabled_event_source(observer: Observer) -> Iterator[None]:
    function = observer.sandbox.client("lambda", SECURITY.id)
    [mapping] = function.list_event_source_mappings()["EventSourceMappings"]
    function.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        function.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


@contextmanager
def denied_queue(observer: Observer, queue: str, principal: dict[str, str]) -> Iterator[None]:
    """The queue's policy denies sending to a principal."""
    sqs = observer.sandbox.client("sqs", SECURITY.id)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    deployed = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    document = json.loads(deployed["Policy"])
    deny = {"Effect": "Deny", "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*"}
    document["Statement"].append(deny)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=deployed)


def event_rule_cannot_send_to(observer: Observer, *queues: str) -> ExitStack:
    with ExitStack() as stack:
        for queue in queues:
            stack.enter_context(denied_queue(observer, queue, {"Service": "events.amazonaws.com"}))
        return stack.pop_all()


def sign_in_by_event_rule(observer: Observer) -> dict[str, Any]:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.services.trails.emit(record)
    observer.sandbox.settle()
    return record


def test_a_trail_that_stops_is_detected_and_its_recovery_too(quiet: Observer) -> None:
    name = "-trail-silence"
    with stopped_trail(quiet):
        detected = is_detected(quiet, name)
    pass_minutes(quiet, 2)

    assert detected
    assert comes(lambda: mails(quiet, name, "OK") == ADDRESSES)


def test_a_log_group_that_the_trail_cannot_write_is_detected(quiet: Observer) -> None:
    iam, role = quiet.sandbox.client("iam", SECURITY.id), f"{PREFIX}-trail-delivery"
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    quiet.sandbox.let_roles_take_effect()
    try:
        assert is_detected(quiet, "-trail-silence")
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
        quiet.sandbox.let_roles_take_effect()


def test_an_importer_that_crashes_is_detected(quiet: Observer) -> None:
    rule = quiet.sandbox.faults.inject(Crash(), *IMPORT)
    quiet.deliver(sign_ins.root_without_mfa(VICTIM))

    assert rule.applied == 1
    assert is_detected(quiet, "-finding-importer-errors")


def test_an_importer_without_concurrency_is_detected(quiet: Observer) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    with no_concurrency(quiet):
        quiet.deliver(record)
        detected = is_detected(quiet, "-finding-importer-throttles")
    pass_minutes(quiet, 1)  # Lambda invokes the function again
    quiet.sandbox.settle()

    assert detected
    assert len(quiet.active(record)) == 1


def test_a_queue_that_nobody_reads_is_detected(quiet: Observer) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    with disabled_event_source(quiet):
        quiet.send(event_bridge(record))
        detected = is_detected(quiet, "-finding-importer-backlog")
    quiet.sandbox.settle()

    assert detected
    assert len(quiet.active(record)) == 1


def test_retries_for_hours_are_no_backlog(quiet: Observer) -> None:
    failed = ErrorResponse("InternalException", 500)
    rule = quiet.sandbox.faults.inject(failed, *IMPORT, times=None)
    quiet.deliver(sign_ins.root_without_mfa(VICTIM))
    for _ in range(RECEIVES_WITH_AGE + 1):
        quiet.let_time_pass()
    with stopped_trail(quiet):  # its alarm shows that the alarms are evaluated
        evaluated = is_detected(quiet, "-trail-silence")
    waiting = quiet.waiting()
    quiet.sandbox.faults.remove(rule)

    assert evaluated
    assert waiting == 1
    assert mails(quiet, "-finding-importer-backlog") == set()


def test_an_event_rule_that_cannot_send_is_detected_and_so_is_the_dead_letter(
    quiet: Observer,
) -> None:
    with event_rule_cannot_send_to(quiet, QUEUE):
        sign_in_by_event_rule(quiet)

    assert is_detected(quiet, "-sign-ins-failed-invocations")
    assert is_detected(quiet, "-finding-importer-dead-letter-queue")
    assert mails(quiet, "-sign-ins-lost-events") == set()


def test_an_event_that_the_event_rule_loses_is_detected(quiet: Observer) -> None:
    with event_rule_cannot_send_to(quiet, QUEUE, DEAD_LETTER_QUEUE):
        record = sign_in_by_event_rule(quiet)

    assert is_detected(quiet, "-sign-ins-lost-events")
    assert quiet.dead_letter_messages() == []
    assert quiet.active(record) == []


def test_an_event_that_lambda_loses_is_detected(quiet: Observer) -> None:
    role = f"arn:aws:iam::{SECURITY.id}:role/{IMPORTER}"
    rule = quiet.sandbox.faults.inject(Crash(), *IMPORT, times=3)
    with denied_queue(quiet, DEAD_LETTER_QUEUE, {"AWS": role}):
        quiet.deliver(sign_ins.root_without_mfa(VICTIM))

    assert rule.applied == 3
    assert is_detected(quiet, "-finding-importer-lost-events")
    assert quiet.dead_letter_messages() == []
