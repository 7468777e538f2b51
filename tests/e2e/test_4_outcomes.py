"""Each response of AWS leads to one finding and one notification, or a dead-letter message."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.deployment import Deployment
from sandbox.cloudtrail import sign_ins
from sandbox.faults import Crash, ErrorResponse, FailedImports, Fault, Hang, LostResponse
from sandbox.organizations.organization import MEMBERS, SECURITY, reinstate, suspend
from tests.e2e.observer import DEAD_LETTER_QUEUE, IMPORTER, Observer

VICTIM = MEMBERS[0].id
BYSTANDER = MEMBERS[1].id
THROTTLED = ErrorResponse("ThrottlingException", 400)
FAILED = ErrorResponse("InternalException", 500)
UNAVAILABLE = ErrorResponse("ServiceUnavailable", 503)
ATTEMPTS = 2  # of one call, as deployed
IMPORT = ("securityhub", "BatchImportFindings")
RECEIVES = 18


@pytest.fixture
def short_timeouts(observer: Observer) -> Iterator[None]:
    """The function with short timeouts, so that a test does not wait for the deployed ones."""
    with observer.environment(READ_TIMEOUT_SECONDS="1", MAX_ATTEMPTS="1"):
        yield


def test_a_call_that_is_throttled_once_is_repeated_at_once(observer: Observer) -> None:
    rule = observer.sandbox.faults.inject(THROTTLED, *IMPORT)
    record = _sign_in(observer)

    assert rule.applied == 1
    assert _is_done(observer, record)
    assert observer.waiting() == 0


@pytest.mark.parametrize("fault", [THROTTLED, FAILED, UNAVAILABLE], ids=lambda one: one.code)
@pytest.mark.parametrize("call", [IMPORT, ("sts", "AssumeRole")], ids=lambda call: call[1])
def test_a_temporary_error_delays_the_import_and_not_the_notification(
    call: tuple[str, str], fault: ErrorResponse, observer: Observer
) -> None:
    observer.sandbox.services.functions.recycle()  # and with it the credentials that it keeps
    rule = observer.sandbox.faults.inject(fault, *call, times=ATTEMPTS)
    record = _sign_in(observer)
    [notification] = observer.notifications_of(record)
    before = observer.active(record)
    observer.let_time_pass()

    assert rule.applied == ATTEMPTS
    assert before == []
    assert "Not imported yet. Rootwatch retries the import." in notification.body
    assert _is_done(observer, record)


@pytest.mark.usefixtures("short_timeouts")
@pytest.mark.parametrize("lost", [False, True], ids=["no answer", "answer lost"])
def test_a_call_without_an_answer_is_made_again_later(lost: bool, observer: Observer) -> None:  # noqa: FBT001
    fault: Fault = LostResponse(Hang(5)) if lost else Hang(5)
    rule = observer.sandbox.faults.inject(fault, *IMPORT)
    record = _sign_in(observer)
    observer.sandbox.faults.clear()
    observer.let_time_pass()

    assert rule.applied == 1
    assert _is_done(observer, record)


@pytest.mark.parametrize("position", range(3))
def test_a_finding_that_fails_in_a_call_keeps_no_other_from_being_imported(
    position: int, observer: Observer
) -> None:
    records = [sign_ins.root_without_mfa(VICTIM) for _ in range(3)]
    rule = observer.sandbox.faults.inject(FailedImports(frozenset({position})), *IMPORT)
    observer.deliver(*records)
    imported = observer.active(*records)
    observer.let_time_pass()

    assert rule.applied == 1
    assert len(imported) == 2
    assert records[position]["eventID"] not in "".join(one["Id"] for one in imported)
    assert all(_is_done(observer, record) for record in records)


def test_credentials_that_expired_are_renewed_in_the_same_delivery(observer: Observer) -> None:
    rule = observer.sandbox.faults.inject(ErrorResponse("ExpiredTokenException", 403), *IMPORT)
    record = _sign_in(observer)

    assert rule.applied == 1
    assert _is_done(observer, record)
    assert observer.waiting() == 0


def test_without_its_role_an_account_gets_its_finding_when_the_role_is_there(
    observer: Observer, deployment: Deployment
) -> None:
    observer.sandbox.services.functions.recycle()  # and with it the credentials that it keeps
    role = deployment.outputs("organization")["member_role_name"]
    with _role_gone(observer, role):
        record = _sign_in(observer)
        [fallback] = observer.active(record)
        observer.let_time_pass()
        [still] = observer.active(record)
    observer.let_time_pass()
    [moved] = observer.active(record)
    [notification] = observer.notifications_of(record)

    assert fallback["AwsAccountId"] == SECURITY.id
    assert still == fallback
    assert [resource["Id"] for resource in fallback["Resources"]] == [f"AWS::::Account:{VICTIM}"]
    assert fallback["ProductFields"]["rootwatch/owningAccount"] == VICTIM
    assert "member role" in fallback["ProductFields"]["rootwatch/fallbackReason"]
    assert f"imported into the security account {SECURITY.id} as a fallback" in notification.body
    assert moved["AwsAccountId"] == VICTIM
    assert observer.waiting() == 0


def test_without_its_hub_an_account_gets_its_finding_when_the_hub_is_on(
    observer: Observer,
) -> None:
    with _hub_off(observer, VICTIM):
        record = _sign_in(observer)
        [fallback] = observer.active(record)
        observer.let_time_pass()
    observer.let_time_pass()
    [moved] = observer.active(record)

    assert fallback["AwsAccountId"] == SECURITY.id
    assert "Security Hub is not enabled" in str(fallback["ProductFields"])
    assert moved["AwsAccountId"] == VICTIM
    assert len(observer.notifications_of(record)) == 1


def test_a_disabled_region_is_the_fallback_reason(observer: Observer) -> None:
    """Such a Region does not know the account's credentials."""
    fault = ErrorResponse("UnrecognizedClientException", 403)
    rule = observer.sandbox.faults.inject(fault, *IMPORT, account=VICTIM, times=None)
    record = _sign_in(observer)
    [fallback] = observer.active(record)
    observer.sandbox.faults.remove(rule)
    observer.let_time_pass()

    assert "the Region is not enabled" in str(fallback["ProductFields"])
    assert _is_done(observer, record)


def test_a_suspended_account_is_the_fallback_reason_and_does_not_affect_others(
    observer: Observer,
) -> None:
    observer.sandbox.services.functions.recycle()
    suspended, sound = sign_ins.root_without_mfa(VICTIM), sign_ins.root_without_mfa(BYSTANDER)
    with _suspended(VICTIM):
        observer.deliver(suspended, sound)
        [fallback] = observer.active(suspended)
    observer.let_time_pass()

    assert "the account is suspended" in str(fallback["ProductFields"])
    assert "(SUSPENDED)" in observer.notifications_of(suspended)[0].body
    assert _is_done(observer, sound)
    assert _is_done(observer, suspended)


def test_an_invalid_finding_is_dead_lettered_and_notified(observer: Observer) -> None:
    fault = FailedImports(frozenset({0}), code="InvalidInput")
    rule = observer.sandbox.faults.inject(fault, *IMPORT)
    record = _sign_in(observer)
    [notification] = observer.notifications_of(record)
    [message] = observer.dead_letter_messages()

    assert rule.applied == 1
    assert record["eventID"] in message["body"]
    assert "InvalidInput" in message["reason"]
    assert "The event is in the dead-letter queue" in notification.body
    assert observer.waiting() == 0


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_without_the_table_the_notification_is_published(
    operation: str, observer: Observer
) -> None:
    with observer.environment(MAX_ATTEMPTS="1"):
        rule = observer.sandbox.faults.inject(FAILED, "dynamodb", operation, times=None)
        record = _sign_in(observer)

    assert rule.applied
    assert _is_done(observer, record)


def test_a_notification_that_sns_refuses_comes_later_and_once(observer: Observer) -> None:
    rule = observer.sandbox.faults.inject(FAILED, "sns", "Publish", times=ATTEMPTS)
    record = _sign_in(observer)
    before = observer.notifications_of(record)
    observer.let_time_pass()

    assert rule.applied == ATTEMPTS
    assert before == []
    assert _is_done(observer, record)


@pytest.mark.parametrize("fast_first", [True, False], ids=["fast path first", "trail first"])
def test_an_event_over_both_paths_is_one_finding_and_one_notification(
    fast_first: bool,  # noqa: FBT001
    observer: Observer,
) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    deliveries: list[Callable[[], None]] = [
        lambda: observer.send(event_bridge(record)),
        lambda: observer.deliver(record),
    ]
    for deliver in deliveries if fast_first else reversed(deliveries):
        deliver()
        observer.sandbox.settle()
    observer.invoke(event_bridge(record))
    observer.sandbox.settle()

    assert _is_done(observer, record)


def test_an_event_over_both_paths_at_once_is_one_finding_and_one_notification(
    observer: Observer,
) -> None:
    records = [sign_ins.root_without_mfa(VICTIM) for _ in range(10)]
    for record in records:
        observer.send(event_bridge(record))
        observer.invoke(event_bridge(record))
    observer.deliver(*records)
    observer.drain()

    assert all(_is_done(observer, record) for record in records)


def test_an_unreadable_record_is_dead_lettered_with_its_position_and_the_others_are_processed(
    observer: Observer,
) -> None:
    good = [sign_ins.root_without_mfa(VICTIM) for _ in range(2)]
    poisoned = {**sign_ins.root_without_mfa(VICTIM), "eventTime": "yesterday"}
    observer.deliver(good[0], poisoned, good[1])
    [message] = observer.dead_letter_messages()

    assert all(_is_done(observer, record) for record in good)
    assert poisoned["eventID"] in message["body"]
    assert message["reason"].startswith('log event 1: eventTime: got "yesterday", expected a time')


def test_an_unreadable_payload_is_dead_lettered_whole(observer: Observer) -> None:
    function = observer.sandbox.client("lambda", SECURITY.id)
    answer = function.invoke(FunctionName=IMPORTER, Payload=b'{"awslogs": {"data": "?"}}')
    [message] = observer.dead_letter_messages()

    assert "FunctionError" not in answer
    assert "got invalid base64" in message["reason"]
    assert json.loads(json.loads(message["body"])["content"]) == {"awslogs": {"data": "?"}}


@pytest.mark.parametrize(
    ("service", "operation"),
    [("dynamodb", "PutItem"), IMPORT],
    ids=["between import and notification", "before the import"],
)
@pytest.mark.parametrize("path", ["trail", "queue"])
def test_a_process_that_dies_leaves_its_event_to_the_next_one(
    path: str, service: str, operation: str, observer: Observer
) -> None:
    rule = observer.sandbox.faults.inject(Crash(), service, operation)
    record = sign_ins.root_without_mfa(VICTIM)
    if path == "trail":
        observer.deliver(record)
    else:
        observer.send(event_bridge(record))
    observer.drain()

    assert rule.applied == 1
    assert _is_done(observer, record)


def test_without_its_queue_lambda_repeats_the_delivery(observer: Observer) -> None:
    """What cannot be tried now and cannot be kept either fails the invocation."""
    observer.sandbox.faults.inject(FAILED, *IMPORT, times=ATTEMPTS)
    rule = observer.sandbox.faults.inject(FAILED, "sqs", "SendMessageBatch", times=ATTEMPTS)
    record = _sign_in(observer)

    assert rule.applied == ATTEMPTS
    assert _is_done(observer, record)


def test_an_event_that_lambda_gives_up_is_a_dead_letter_with_an_alarm_and_can_be_put_back(
    observer: Observer,
) -> None:
    rule = observer.sandbox.faults.inject(Crash(), *IMPORT, times=3)
    record = _sign_in(observer)
    before = observer.active(record)
    observer.wait_for_alarm(DEAD_LETTER_QUEUE)
    observer.put_back()

    assert rule.applied == 3
    assert before == []
    assert _is_done(observer, record)
    assert observer.dead_letter_messages() == []


def test_a_job_that_fails_to_the_end_is_a_dead_letter_and_can_be_put_back(
    observer: Observer,
) -> None:
    with observer.environment(MAX_ATTEMPTS="1"):
        rule = observer.sandbox.faults.inject(FAILED, *IMPORT, times=None)
        record = _sign_in(observer)
        for _ in range(RECEIVES + 1):
            observer.let_time_pass()
        waiting = observer.waiting()
    observer.sandbox.faults.remove(rule)
    observer.put_back()

    assert rule.applied == RECEIVES + 1
    assert waiting == 0
    assert _is_done(observer, record)
    assert observer.dead_letter_messages() == []


def test_without_a_response_of_organizations_the_notification_has_no_names(
    observer: Observer,
) -> None:
    observer.sandbox.services.functions.recycle()
    rule = observer.sandbox.faults.inject(Hang(30), "organizations", "DescribeAccount", times=None)
    record = _sign_in(observer)
    [notification] = observer.notifications_of(record)

    assert rule.applied
    assert "unknown (the account lookup failed)" in notification.body
    assert _is_done(observer, record)


def test_a_notification_names_the_account_its_units_and_its_age(observer: Observer) -> None:
    observer.sandbox.services.functions.recycle()  # and with it what it knows of accounts
    record = _sign_in(observer)
    [notification] = observer.notifications_of(record)
    lines = [" ".join(line.split()) for line in notification.body.splitlines()]

    assert f"Account: {VICTIM} {MEMBERS[0].name}" in lines
    assert "Organizational unit: Root / Workloads" in lines
    assert any("less than 35 days" in line for line in lines)


def test_what_the_function_did_is_counted(observer: Observer) -> None:
    before = observer.metric("FindingsImported")
    _sign_in(observer)

    assert observer.metric("FindingsImported") == before + 1


def event_bridge(record: dict[str, Any]) -> dict[str, Any]:
    """As EventBridge delivers a sign-in to its target."""
    return {
        "version": "0",
        "id": record["eventID"],
        "detail-type": "AWS Console Sign In via CloudTrail",
        "source": "aws.signin",
        "account": record["recipientAccountId"],
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": record,
    }


def _sign_in(observer: Observer) -> dict[str, Any]:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)
    return record


def _is_done(observer: Observer, record: dict[str, Any]) -> bool:
    """One active finding, in the account where it happened, and one notification."""
    owners = [finding["AwsAccountId"] for finding in observer.active(record)]
    return owners == [record["recipientAccountId"]] and len(observer.notifications_of(record)) == 1


@contextmanager
def _role_gone(observer: Observer, role: str) -> Iterator[None]:
    """As before the stack set has reached the account."""
    iam = observer.sandbox.client("iam", VICTIM)
    known = iam.get_role(RoleName=role)["Role"]
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    iam.delete_role(RoleName=role)
    try:
        yield
    finally:
        trust = json.dumps(known["AssumeRolePolicyDocument"])
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
        observer.sandbox.let_roles_take_effect()


@contextmanager
def _hub_off(observer: Observer, account: str) -> Iterator[None]:
    """By central configuration, as the security account would."""
    hub = observer.sandbox.client("securityhub", SECURITY.id)
    policy = hub.create_configuration_policy(
        Name="off", ConfigurationPolicy={"SecurityHub": {"ServiceEnabled": False}}
    )["Id"]
    association = {"ConfigurationPolicyIdentifier": policy, "Target": {"AccountId": account}}
    hub.start_configuration_policy_association(**association)
    try:
        yield
    finally:
        hub.start_configuration_policy_disassociation(**association)
        hub.delete_configuration_policy(Identifier=policy)


@contextmanager
def _suspended(account: str) -> Iterator[None]:
    suspend(account)
    try:
        yield
    finally:
        reinstate(account)
