"""The fakes have the limits of the AWS services, and schedules of faults lose nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from functions.finding_importer import log
from functions.finding_importer.errors import QueueError
from tests.unit.importer.builders import (
    OWNER,
    SECURITY,
    event_bridge_event,
    finding,
    id_of,
    logs_event,
    queue_event,
    sign_in,
)
from tests.unit.importer.fake_cloud import HIGH, QUEUE, FakeCloud
from tests.unit.importer.fakes import (
    ErrorSchedule,
    FakeSecurityHub,
    FakeSns,
    FakeSqs,
    FakeTable,
    client_error,
)

ASFF = finding().asff


def entry(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {"Id": str(number), "MessageBody": "{}", **changes}


def entry_with_reason(text: str) -> dict[str, Any]:
    return entry(MessageAttributes={"reason": {"DataType": "String", "StringValue": text}})


@pytest.mark.parametrize("count", [0, 101])
def test_security_hub_accepts_1_to_100_findings(count: int) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        FakeSecurityHub(OWNER).batch_import_findings(Findings=[ASFF] * count)


def test_security_hub_accepts_the_product_of_its_account_only() -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        FakeSecurityHub("444455556666").batch_import_findings(Findings=[ASFF])


def test_security_hub_rejects_calls_unless_it_is_enabled() -> None:
    with pytest.raises(ClientError, match="InvalidAccessException"):
        FakeSecurityHub(OWNER, enabled=False).batch_import_findings(Findings=[ASFF])


@pytest.mark.parametrize("changes", [{"Title": ""}, {"Note": {}}, {"Region": "eu-central-1"}])
def test_security_hub_rejects_a_finding_that_violates_its_rules_or_the_schema(
    changes: dict[str, Any],
) -> None:
    hub = FakeSecurityHub(OWNER)

    response = hub.batch_import_findings(Findings=[{**ASFF, **changes}])

    assert [failed["ErrorCode"] for failed in response["FailedFindings"]] == ["InvalidInput"]
    assert hub.states == {}


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("x" * 100, '{"default": "m"}'),
        ("two\nlines", '{"default": "m"}'),
        ("über", '{"default": "m"}'),
        ("s", '{"https": "m"}'),
        ("s", '{"default": "' + "m" * 262_144 + '"}'),
    ],
    ids=range(5),
)
def test_sns_accepts_short_ascii_subjects_and_messages_with_a_default(
    subject: str, message: str
) -> None:
    with pytest.raises(ClientError, match="InvalidParameter"):
        FakeSns().publish(TopicArn=HIGH, Subject=subject, Message=message, MessageStructure="json")


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "TooManyEntriesInBatchRequest"),
        ([entry(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([entry(), entry()], "BatchEntryIdsNotDistinct"),
        ([entry(n, MessageBody="x" * 140_000) for n in (0, 1)], "BatchRequestTooLong"),
        ([entry(MessageBody="\u20ac" * 90_000)], "BatchRequestTooLong"),
        ([entry(MessageBody="")], "InvalidMessageContents"),
        ([entry(MessageBody="\x00")], "InvalidMessageContents"),
        ([entry(MessageBody="\ud800")], "InvalidMessageContents"),
        ([entry(DelaySeconds=901)], "InvalidParameterValue"),
        ([entry_with_reason("")], "InvalidParameterValue"),
        ([entry_with_reason("\ufffe")], "InvalidParameterValue"),
    ],
    ids=range(11),
)
def test_sqs_rejects_batches_beyond_its_limits(entries: list[Any], code: str) -> None:
    sqs = FakeSqs()

    with pytest.raises(ClientError, match=code):
        sqs.send_message_batch(QueueUrl=QUEUE, Entries=entries)
    assert sqs.sent == {}


@pytest.mark.parametrize("seconds", [-10, 43_200, 43_196])
def test_sqs_limits_the_total_visibility_timeout_to_12_hours(seconds: int) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        FakeSqs().change_message_visibility(ReceiptHandle="h", VisibilityTimeout=seconds)


def test_the_table_accepts_one_condition_and_one_update_only() -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        FakeTable().put_item(Item={"id": {"S": "a"}}, ConditionExpression="attribute_exists(#id)")
    with pytest.raises(ClientError, match="ValidationException"):
        FakeTable().update_item(UpdateExpression="REMOVE #data")


TABLE = ("claims", "completions", "releases", "imports")
ACCOUNTS = ("111111111111", "222222222222", SECURITY)
CODES = [
    ("ThrottlingException", 400),
    ("InternalException", 500),
    ("AccessDenied", 403),
    ("InvalidAccessException", 401),
    ("ExpiredTokenException", 403),
    ("UnrecognizedClientException", 403),
    ("Other", 400),
]
ERRORS: list[Exception | None] = [
    *[client_error(code, "Operation", status) for code, status in CODES],
    ReadTimeoutError(endpoint_url="https://x"),
    ResponseParserError("no XML"),
    *[None] * 4,
]
# Shrinking a failing schedule would take minutes.
NO_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]
SCHEDULES = st.lists(st.sampled_from(ERRORS), max_size=6)
# Whether a delivery uses the subscription filter, and the accounts of its sign-ins.
DELIVERIES = st.lists(
    st.tuples(st.booleans(), st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)


@pytest.fixture(autouse=True, scope="module")
def silence() -> Iterator[None]:
    log.configure("CRITICAL")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log, "count", lambda *_: None)
        yield
    log.configure("INFO")


class Lambda:
    """Retries failed invocations, and keeps the event after the last retry, as Lambda does."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud
        self.messages: list[str] = []

    def deliver(self, event: dict[str, Any]) -> None:
        for _ in range(3):
            try:
                self.cloud.invoke(event, seconds=-1)  # claims expire at once
            except QueueError:
                continue
            return
        self.messages.append(json.dumps({"requestPayload": event}))

    def poll(self) -> None:
        if not self.messages and not self.cloud.queued:
            return
        batch = [*self.messages, *(sent.body for sent in self.cloud.queued)][:10]
        self.cloud.queued[:] = self.cloud.queued[max(0, 10 - len(self.messages)) :]
        self.messages = self.messages[10:]
        response = self.cloud.invoke(queue_event(*batch), seconds=-1)
        failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        self.messages += [body for n, body in enumerate(batch) if f"message-{n}" in failed]


@given(
    DELIVERIES,
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("sns", "sqs", *TABLE), SCHEDULES),
    ),
    st.fixed_dictionaries({}, optional=dict.fromkeys(ACCOUNTS, SCHEDULES)),
    st.dictionaries(st.sampled_from(ACCOUNTS), st.sampled_from(ERRORS).filter(bool)),
)
@settings(max_examples=100, phases=NO_SHRINKING)
def test_every_sign_in_results_in_one_finding_in_its_account_and_a_notification(
    deliveries: list[tuple[bool, list[str]]],
    service_errors: dict[str, list[Exception | None]],
    hub_errors: dict[str, list[Exception | None]],
    role_errors: dict[str, Exception],
) -> None:
    cloud = FakeCloud(reserved_seconds=-10, max_concurrent_accounts=1)  # deterministic
    invoker = Lambda(cloud)
    schedules: dict[str, ErrorSchedule] = {
        "sns": cloud.sns.errors,
        "sqs": cloud.sqs.errors,
        **{name: getattr(cloud.table, name) for name in TABLE},
    }
    for name, errors in service_errors.items():
        schedules[name].next = list(errors)
    for account, errors in hub_errors.items():
        cloud.hub(account).errors.next = list(errors)
    cloud.sts.errors = dict(role_errors)

    for is_subscription, accounts in deliveries:
        for event in (
            [logs_event(*map(sign_in, accounts))]
            if is_subscription
            else [event_bridge_event(sign_in(account)) for account in accounts]
        ):
            invoker.deliver(event)
    invoker.poll()
    cloud.sts.errors.clear()
    for _ in range(60):  # more than there are errors
        invoker.poll()

    seen = {account for _, accounts in deliveries for account in accounts}
    texts = [text for text in cloud.sns.texts if "Root signed in" in text]
    assert cloud.active_findings() == {account: [id_of(account)] for account in seen}
    assert (invoker.messages, cloud.queued, cloud.dead_letters) == ([], [], [])
    assert all(any(account in text for text in texts) for account in seen)
    if not service_errors.keys() & set(TABLE):
        assert len(texts) == len(seen)
