"""Arbitrary input causes no exception and no invalid finding, and loses nothing."""

import base64
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.finding_importer import log
from functions.finding_importer.errors import InvalidRecordError
from functions.finding_importer.findings.finding import build
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent, resembles_record
from functions.finding_importer.sources import messages as queue
from tests.unit.importer.builders import (
    ANY_VALUES,
    INVALID_SIGN_INS,
    JSON,
    MUTATED_SIGN_INS,
    RECORDS,
    SCOPE,
    SIGN_INS,
    TEXT,
    detection,
    event_bridge_event,
    logs_event,
    packed,
    payload,
    queue_event,
    record,
)
from tests.unit.importer.fake_cloud import FakeCloud, job

DETECTION = detection()
KEYS = st.sampled_from(
    ["awslogs", "detail", "requestPayload", queue.MESSAGE_TYPE, "Records", "data"]
)
EVENTS = JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON), min_size=1)
# Valid records, invalid records, and other objects.
PAYLOADS = (
    SIGN_INS | INVALID_SIGN_INS | MUTATED_SIGN_INS | st.dictionaries(TEXT, ANY_VALUES, max_size=4)
)
DEEP = st.sampled_from([100, 5_000, 9_990, 20_000]).map(
    lambda depth: f'{json.dumps(record())[:-1]}, "deep": {"[" * depth}{"]" * depth}}}'
)
MESSAGES = st.lists(PAYLOADS.map(json.dumps) | TEXT | DEEP, max_size=5)
JOB = json.loads(job().body())


@pytest.fixture(autouse=True, scope="module")
def silence() -> Iterator[None]:
    log.configure("CRITICAL")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log, "count", lambda *_: None)
        yield
    log.configure("INFO")


def expected_results(messages: list[str]) -> tuple[set[str], Counter[str]]:
    """Return the Ids of the expected findings, and the messages that are unreadable."""
    ids, unreadable = set(), Counter[str]()
    for message in messages:
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            unreadable[message] += 1
            continue
        if not isinstance(document, dict):
            unreadable[message] += 1
        elif DETECTION.matches(document):
            try:
                ids.add(build(CloudTrailEvent.parse(document), DETECTION, SCOPE).id)
            except InvalidRecordError:
                unreadable[json.dumps(document)] += 1
    return ids, unreadable


def dead_lettered(cloud: FakeCloud) -> Counter[str]:
    """Return the contents of the dead letters, with their parts joined."""
    contents, parts = Counter[str](), ""
    for sent in cloud.dead_letters:
        message = json.loads(sent.body)
        # No finding was invalid.
        assert message[queue.MESSAGE_TYPE] == queue.UNREADABLE_CONTENT, sent.reason
        parts += message.get("gzipBase64", "")
        if message.get("part") == message.get("parts"):
            joined = {"gzipBase64": parts, "part": 1, "parts": 1} if parts else message
            contents[str(queue.content_of(joined))] += 1
            parts = ""
    return contents


def assert_consistent(cloud: FakeCloud) -> None:
    assert [problem for hub in cloud.hubs.values() for problem in hub.invalid] == []
    assert cloud.queued == []


def assert_complete(cloud: FakeCloud, messages: list[str]) -> None:
    ids, unreadable = expected_results(messages)
    assert {id_ for found in cloud.active_findings().values() for id_ in found} == ids
    assert len(cloud.sns.published) == len(ids)
    assert dead_lettered(cloud) == unreadable
    assert_consistent(cloud)


@given(MESSAGES)
@settings(max_examples=100)
def test_records_in_the_payload_of_a_subscription_filter(messages: list[str]) -> None:
    cloud = FakeCloud()

    cloud.invoke(logs_event(*messages))

    assert_complete(cloud, messages)


@given(st.lists(PAYLOADS, min_size=1, max_size=4))
@settings(max_examples=50)
def test_records_in_messages_of_the_queue(drawn: list[dict[str, Any]]) -> None:
    cloud = FakeCloud()

    response = cloud.invoke(queue_event(*(json.dumps(event_bridge_event(one)) for one in drawn)))

    assert response == {"batchItemFailures": []}
    assert_complete(cloud, [json.dumps(one) for one in drawn])


@given(st.lists(PAYLOADS, min_size=1, max_size=3))
@settings(max_examples=50)
def test_redriven_unreadable_content_is_dead_lettered_again(drawn: list[dict[str, Any]]) -> None:
    first, second = FakeCloud(), FakeCloud()
    first.invoke(logs_event(*drawn))
    bodies = [sent.body for sent in first.dead_letters]

    for body in bodies:
        assert second.invoke(queue_event(body)) == {"batchItemFailures": []}

    assert dead_lettered(second) == dead_lettered(first)
    assert second.active_findings() == {}


@given(EVENTS)
@settings(max_examples=150)
def test_arbitrary_events(event: Any) -> None:
    cloud = FakeCloud()

    counts = cloud.invoke(event)

    assert_consistent(cloud)
    assert sum(dead_lettered(cloud).values()) + counts["Records"] == 1
    if not (isinstance(event, dict) and event.keys() & {"awslogs", "detail", "requestPayload"}):
        assert dead_lettered(cloud) == {json.dumps(event): 1}


@given(st.binary(max_size=300), SIGN_INS, st.integers(0, 2_000), st.integers(0, 2_000))
@settings(max_examples=150)
def test_damaged_payloads(noise: bytes, sign_in: dict[str, Any], start: int, length: int) -> None:
    text = payload(*[sign_in] * 3).encode()
    whole = gzip.compress(text)
    damaged = whole[:start] + noise + whole[start + length :]
    event = packed(damaged)
    cloud = FakeCloud()

    cloud.invoke(event)

    assert_consistent(cloud)
    assert dead_lettered(cloud)[json.dumps(event)] == (0 if is_gzip_of(text, damaged) else 1)
    ids, _ = expected_results([json.dumps(sign_in)])
    assert {id_ for found in cloud.active_findings().values() for id_ in found} <= ids


def is_gzip_of(text: bytes, stream: bytes) -> bool:
    """Compare the contents, because the time in the header is irrelevant."""
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        return unpacking.decompress(stream) == text and unpacking.eof and not unpacking.unused_data
    except zlib.error:
        return False


@given(SIGN_INS, st.integers(0, 5_000))
@settings(max_examples=50)
def test_truncated_payloads(sign_in: dict[str, Any], end: int) -> None:
    text = payload(sign_in, "x" * 5_000)
    text = text[: len(text) - 5_000 + end]  # within the second message
    cloud = FakeCloud()

    cloud.invoke({"awslogs": {"data": base64.b64encode(gzip.compress(text.encode())).decode()}})

    ids, _ = expected_results([json.dumps(sign_in)])
    assert {id_ for found in cloud.active_findings().values() for id_ in found} == ids
    assert len(cloud.dead_letters) >= 1


BODIES = (
    TEXT
    | EVENTS.map(json.dumps)
    | st.dictionaries(st.sampled_from(sorted(JOB)), ANY_VALUES).map(
        lambda changes: json.dumps(JOB | changes)
    )
    | TEXT.map(lambda text: queue.unreadable_content(text, "why")[0].body)
    | st.sampled_from([100, 9_000, 20_000]).map(
        lambda depth: json.dumps(JOB | {"record": "@"}).replace('"@"', "[" * depth + "]" * depth)
    )
)


@given(st.lists(BODIES, min_size=1, max_size=10))
@settings(max_examples=100)
def test_arbitrary_messages_of_the_queue(bodies: list[str]) -> None:
    cloud = FakeCloud()

    assert cloud.invoke(queue_event(*bodies)) == {"batchItemFailures": []}

    assert_consistent(cloud)


@given(st.dictionaries(st.sampled_from(sorted(queue_event("")["Records"][0])), JSON, min_size=1))
@settings(max_examples=50)
def test_malformed_batches(changes: dict[str, Any]) -> None:
    event = queue_event("unreadable", "unreadable")
    event["Records"][0] |= changes
    cloud = FakeCloud()

    cloud.invoke(event)

    assert_consistent(cloud)
    assert sum(dead_lettered(cloud).values()) >= 1


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
