"""The fakes have the limits of the AWS services."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.importer.builders import OWNER, finding
from tests.unit.importer.fake_cloud import HIGH, QUEUE
from tests.unit.importer.fakes import FakeSecurityHub, FakeSns, FakeSqs, FakeTable

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
