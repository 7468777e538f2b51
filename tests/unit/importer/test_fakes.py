"""The fakes of AWS's services refuse what the services refuse."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.importer.cloud import HIGH, QUEUE
from tests.unit.importer.doubles import OWNER, finding
from tests.unit.importer.fakes import FakeSecurityHub, FakeSns, FakeSqs
from tests.unit.importer.table import FakeTable

ASFF = finding().asff


def entry(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {"Id": str(number), "MessageBody": "{}", **changes}


def attributed(text: str) -> dict[str, Any]:
    return entry(MessageAttributes={"reason": {"DataType": "String", "StringValue": text}})


@pytest.mark.parametrize("count", [0, 101])
def test_security_hub_takes_1_to_100_findings(count: int) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        FakeSecurityHub(OWNER).batch_import_findings(Findings=[ASFF] * count)


def test_security_hub_takes_its_own_accounts_product_only() -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        FakeSecurityHub("444455556666").batch_import_findings(Findings=[ASFF])


def test_security_hub_takes_nothing_where_it_is_not_enabled() -> None:
    with pytest.raises(ClientError, match="InvalidAccessException"):
        FakeSecurityHub(OWNER, enabled=False).batch_import_findings(Findings=[ASFF])


@pytest.mark.parametrize("changes", [{"Title": ""}, {"Note": {}}, {"Region": "eu-central-1"}])
def test_security_hub_fails_a_finding_that_breaks_its_rules_or_our_schema(
    changes: dict[str, Any],
) -> None:
    hub = FakeSecurityHub(OWNER)

    answer = hub.batch_import_findings(Findings=[{**ASFF, **changes}])

    assert [failed["ErrorCode"] for failed in answer["FailedFindings"]] == ["InvalidInput"]
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
def test_sns_takes_short_subjects_in_ascii_and_messages_with_a_default(
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
        ([attributed("")], "InvalidParameterValue"),
        ([attributed("\ufffe")], "InvalidParameterValue"),
    ],
    ids=range(11),
)
def test_sqs_refuses_batches_beyond_its_limits(entries: list[Any], code: str) -> None:
    sqs = FakeSqs()

    with pytest.raises(ClientError, match=code):
        sqs.send_message_batch(QueueUrl=QUEUE, Entries=entries)
    assert sqs.sent == {}


@pytest.mark.parametrize("seconds", [-10, 43_200, 43_196])
def test_sqs_hides_a_message_for_twelve_hours_in_all(seconds: int) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        FakeSqs().change_message_visibility(ReceiptHandle="h", VisibilityTimeout=seconds)


def test_the_table_knows_one_condition_and_one_update() -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        FakeTable().put_item(Item={"id": {"S": "a"}}, ConditionExpression="attribute_exists(#id)")
    with pytest.raises(ClientError, match="ValidationException"):
        FakeTable().update_item(UpdateExpression="REMOVE #data")
