"""Reading CloudTrail records, valid and invalid, and writing minimal ones."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from functions.finding_importer.errors import InvalidRecordError
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent, resembles_record
from tests.unit.importer.builders import record
from tests.unit.importer.strategies import INVALID_SIGN_INS, MUTATED_SIGN_INS, RECORDS

parse = CloudTrailEvent.parse
MINIMAL = {"eventID": "e", "eventTime": "2025-03-04T05:06:07Z", "recipientAccountId": "1" * 12}


def test_an_event_has_the_fields_of_its_record() -> None:
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


def test_an_absent_field_is_none() -> None:
    event = parse(MINIMAL)

    assert (event.region, event.name, event.source, event.source_address) == (None,) * 4
    assert (event.identity, event.user_agent, event.mfa_used, event.login_to) == (None,) * 4


def test_an_identity_without_an_arn_is_its_type() -> None:
    for identity, expected in (
        ({"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}, "AWSService"),
        ({"type": "IAMUser", "arn": None}, "IAMUser"),
        ({"type": "IAMUser", "arn": ""}, "IAMUser"),
        ({"type": None}, "null"),
        ({"arn": ["x"]}, "(array)"),
        ({}, None),
        ("root", None),
    ):
        assert parse(record(userIdentity=identity)).identity == expected


def test_the_account_of_the_identity_replaces_an_absent_recipient() -> None:
    complete = record(userIdentity={"type": "Root", "accountId": "444455556666"})
    del complete["recipientAccountId"]

    assert parse(complete).account == "444455556666"
    assert parse(complete | {"recipientAccountId": None}).account == "444455556666"


def test_the_time_is_converted_to_utc() -> None:
    event = parse(record(eventTime="2025-03-04T05:06:07.5+02:00"))

    assert event.time == datetime(2025, 3, 4, 3, 6, 7, 500_000, tzinfo=UTC)
    assert event.time.tzinfo is UTC


def test_an_invalid_region_is_none() -> None:
    for region in ("", "US-EAST-1", "us-east-1/", "x" * 33, 1, None):
        assert parse(record(awsRegion=region)).region is None


FULLWIDTH = "\N{FULLWIDTH DIGIT ONE}" * 12
EXPECTED = {
    "eventID": "a string of 1 to 128 visible characters",
    "eventTime": "a time with a time zone such as 2025-01-31T12:00:00Z",
    "recipientAccountId": "an account ID of 12 digits",
    "userIdentity.accountId": "an account ID of 12 digits",
}
INVALID = [
    ({"eventID": None}, "eventID", "nothing"),
    ({"eventID": ""}, "eventID", "a blank value"),
    ({"eventID": "two words"}, "eventID", '"two words"'),
    ({"eventID": "x" * 129}, "eventID", f'"{"x" * 79}…"'),
    ({"eventID": {"a": 1}}, "eventID", "(object)"),
    ({"eventTime": None}, "eventTime", "nothing"),
    ({"eventTime": 1741064767}, "eventTime", "1741064767"),
    ({"eventTime": "yesterday"}, "eventTime", '"yesterday"'),
    ({"eventTime": "2025-03-04T05:06:07"}, "eventTime", '"2025-03-04T05:06:07"'),
    ({"eventTime": "0001-01-01T00:00:00+14:00"}, "eventTime", '"0001-01-01T00:00:00+14:00"'),
    ({"eventTime": "0999-12-31T23:59:59Z"}, "eventTime", '"0999-12-31T23:59:59Z"'),
    ({"eventTime": "9999-01-01T00:00:00Z"}, "eventTime", '"9999-01-01T00:00:00Z"'),
    ({"eventTime": "9999-12-31T23:59:59-23:59"}, "eventTime", '"9999-12-31T23:59:59-23:59"'),
    ({"recipientAccountId": "12345678901"}, "recipientAccountId", '"12345678901"'),
    ({"recipientAccountId": "1234567890123"}, "recipientAccountId", '"1234567890123"'),
    ({"recipientAccountId": "123456789012\n"}, "recipientAccountId", '"123456789012"'),
    ({"recipientAccountId": FULLWIDTH}, "recipientAccountId", f'"{FULLWIDTH}"'),
    ({"recipientAccountId": 111122223333}, "recipientAccountId", "111122223333"),
    ({"recipientAccountId": None, "userIdentity": "root"}, "userIdentity.accountId", "nothing"),
    ({"recipientAccountId": None, "userIdentity": {}}, "userIdentity.accountId", "nothing"),
    (
        {"recipientAccountId": None, "userIdentity": {"accountId": "4444555566667"}},
        "userIdentity.accountId",
        '"4444555566667"',
    ),
]


def test_an_invalid_record_raises_an_error_with_the_key_and_the_value() -> None:
    for changes, key, got in INVALID:
        with pytest.raises(InvalidRecordError) as caught:
            parse(record(**changes))  # type: ignore[arg-type]  # Invalid on purpose.

        assert str(caught.value) == f"{key}: got {got}, expected {EXPECTED[key]}"


@given(RECORDS)
def test_an_event_is_equal_after_writing_and_reading_its_record(drawn: dict[str, Any]) -> None:
    event = parse(drawn)

    assert parse(event.as_record()) == event


def test_a_written_record_has_no_absent_fields() -> None:
    assert parse(MINIMAL).as_record() == MINIMAL | {"eventTime": "2025-03-04T05:06:07+00:00"}


@given(INVALID_SIGN_INS | MUTATED_SIGN_INS)
def test_an_arbitrary_record_parses_or_is_invalid(drawn: dict[str, Any]) -> None:
    with suppress(InvalidRecordError):
        parse(drawn)


def test_a_document_with_any_field_of_a_record_resembles_one() -> None:
    assert resembles_record(record())
    for name in ("eventID", "eventName", "eventSource", "eventTime", "userIdentity"):
        assert resembles_record({name: None})
    assert not resembles_record({})
    assert not resembles_record({"message": "eventID"})
