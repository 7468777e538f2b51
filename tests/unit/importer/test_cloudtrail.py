"""Reading a CloudTrail record, whatever stands in it, and writing one that reads the same."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from functions.finding_importer.errors import BadRecordError
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent, may_be_record
from tests.unit.importer.doubles import record
from tests.unit.importer.events import MISPLACED_SIGN_INS, NEAR_SIGN_INS, RECORDS

parse = CloudTrailEvent.parse


def test_a_record_is_read_into_its_parts() -> None:
    assert parse(record()) == CloudTrailEvent(
        event_id="7f1c1f6e-0000-4000-8000-000000000001",
        time=datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC),
        account="111122223333",
        region="us-east-1",
        name="ConsoleLogin",
        source="signin.amazonaws.com",
        identity="arn:aws:iam::111122223333:root",
        source_address="198.51.100.7",
        user_agent="Mozilla/5.0 (X11; Linux x86_64)",
        mfa_used="No",
        login_to="https://console.aws.amazon.com/",
    )


def test_what_a_record_does_not_state_is_none() -> None:
    event = parse(
        {"eventID": "e", "eventTime": "2025-03-04T05:06:07Z", "recipientAccountId": "111122223333"}
    )

    assert (event.region, event.name, event.source, event.source_address) == (None,) * 4
    assert (event.identity, event.user_agent, event.mfa_used, event.login_to) == (None,) * 4


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}, "AWSService"),
        ({"type": "IAMUser", "arn": None}, "IAMUser"),
        ({"type": "IAMUser", "arn": ""}, "IAMUser"),
        ({"type": None}, "null"),
        ({"arn": ["x"]}, "(array)"),
        ({}, None),
        ("root", None),
    ],
)
def test_the_type_tells_the_identity_where_there_is_no_arn(
    identity: Any, expected: str | None
) -> None:
    changes = {"userIdentity": identity}

    assert parse(record(**changes)).identity == expected


@pytest.mark.parametrize("absent", [{}, {"recipientAccountId": None}])
def test_the_identity_tells_the_account_where_the_recipient_is_absent(
    absent: dict[str, Any],
) -> None:
    complete = record(userIdentity={"type": "Root", "accountId": "444455556666"})
    del complete["recipientAccountId"]

    assert parse(complete | absent).account == "444455556666"


def test_the_time_is_told_in_utc() -> None:
    event = parse(record(eventTime="2025-03-04T05:06:07.5+02:00"))

    assert event.time == datetime(2025, 3, 4, 3, 6, 7, 500_000, tzinfo=UTC)
    assert event.time.tzinfo is UTC


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"eventID": None}, "eventID"),
        ({"eventID": ""}, "eventID"),
        ({"eventID": "two words"}, "eventID"),
        ({"eventID": "x" * 129}, "eventID"),
        ({"eventID": {"a": 1}}, "eventID"),
        ({"eventTime": None}, "eventTime"),
        ({"eventTime": 1741064767}, "eventTime"),
        ({"eventTime": "yesterday"}, "eventTime"),
        ({"eventTime": "2025-03-04T05:06:07"}, "eventTime"),
        ({"eventTime": "0001-01-01T00:00:00+14:00"}, "eventTime"),
        ({"eventTime": "0999-12-31T23:59:59Z"}, "eventTime"),
        ({"eventTime": "9999-01-01T00:00:00Z"}, "eventTime"),
        ({"eventTime": "9999-12-31T23:59:59-23:59"}, "eventTime"),
        ({"recipientAccountId": "12345678901"}, "recipientAccountId"),
        ({"recipientAccountId": "１２３４５６７８９０１２"}, "recipientAccountId"),  # noqa: RUF001  # digits, but not ASCII
        ({"recipientAccountId": 111122223333}, "recipientAccountId"),
        ({"recipientAccountId": None, "userIdentity": "root"}, "userIdentity.accountId"),
        ({"recipientAccountId": None, "userIdentity": {}}, "userIdentity.accountId"),
    ],
)
def test_a_record_that_cannot_be_placed_is_bad_and_its_field_is_named(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRecordError, match=r"expected .* found ") as caught:
        parse(record(**changes))

    assert caught.value.field == field


@given(RECORDS)
def test_an_event_is_read_again_from_the_record_that_it_writes(drawn: dict[str, Any]) -> None:
    event = parse(drawn)

    assert parse(event.as_record()) == event


def test_the_record_that_an_event_writes_holds_what_is_stated_only() -> None:
    bare = {"eventID": "e", "eventTime": "2025-03-04T05:06:07Z", "recipientAccountId": "1" * 12}

    assert parse(bare).as_record() == bare | {"eventTime": "2025-03-04T05:06:07+00:00"}


@given(MISPLACED_SIGN_INS | NEAR_SIGN_INS)
def test_a_record_is_read_or_bad_and_nothing_else(drawn: dict[str, Any]) -> None:
    with suppress(BadRecordError):
        parse(drawn)


@pytest.mark.parametrize(
    ("document", "expected"),
    [(record(), True), ({"eventID": None}, True), ({}, False), ({"message": "eventID"}, False)],
)
def test_a_document_without_any_field_of_a_record_is_none(
    document: dict[str, Any],
    *,
    expected: bool,
) -> None:
    assert may_be_record(document) is expected
