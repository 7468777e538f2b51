"""Arbitrary input causes no exception and no invalid finding, and loses nothing."""

import base64
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.finding_importer import log
from functions.finding_importer.errors import InvalidRecordError
from functions.finding_importer.findings.finding import build
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent
from functions.finding_importer.sources import messages as queue
from tests.unit.importer.builders import (
    SCOPE,
    detection,
    event_bridge_event,
    logs_event,
    packed,
    payload,
    queue_event,
    record,
)
from tests.unit.importer.fake_cloud import FakeCloud, job
from tests.unit.importer.strategies import (
    ANY_VALUES,
    INVALID_SIGN_INS,
    JSON,
    MUTATED_SIGN_INS,
    SIGN_INS,
    TEXT,
)

DETECTION = detection()
KEYS = st.sampled_from(
    ["awslogs", "detail", "requestPayload", queue.MESSAGE_TYPE, "Records", "data"]
)
EVENTS = JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON), min_size=1)
# Valid records, invalid records, and other objects.
RECORDS = (
    SIGN_INS | INVALID_SIGN_INS | MUTATED_SIGN_INS | st.dictionaries(TEXT, ANY_VALUES, max_size=4)
)
DEEP = st.sampled_from([100, 5_000, 9_990, 20_000]).map(
    lambda depth: f'{json.dumps(record())[:-1]}, "deep": {"[" * depth}{"]" * depth}}}'
)
MESSAGES = st.lists(RECORDS.map(json.dumps) | RECORDS.map(json.dumps) | TEXT | DEEP, max_size=5)
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


@given(st.lists(RECORDS, min_size=1, max_size=4))
@settings(max_examples=50)
def test_records_in_messages_of_the_queue(drawn: list[dict[str, Any]]) -> None:
    cloud = FakeCloud()

    response = cloud.invoke(queue_event(*(json.dumps(event_bridge_event(one)) for one in drawn)))

    assert response == {"batchItemFailures": []}
    assert_complete(cloud, [json.dumps(one) for one in drawn])


@given(st.lists(RECORDS, min_size=1, max_size=3))
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
