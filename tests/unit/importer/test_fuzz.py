"""Whatever arrives: no exception, no invalid finding, no sign-in and no unreadable thing lost."""

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
from functions.finding_importer.delivery import dead_letter
from functions.finding_importer.errors import BadRecordError
from functions.finding_importer.findings.finding import build
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent
from tests.unit.importer.cloud import Cloud, job
from tests.unit.importer.doubles import (
    SCOPE,
    detection,
    event_bridge_event,
    logs_event,
    packed,
    payload,
    queue_event,
    record,
)
from tests.unit.importer.events import (
    AWKWARD,
    JSON,
    MISPLACED_SIGN_INS,
    NEAR_SIGN_INS,
    SIGN_INS,
    TEXT,
)

DETECTION = detection()
KEYS = st.sampled_from(["awslogs", "detail", "requestPayload", "rootwatch", "Records", "data"])
EVENTS = JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON), min_size=1)
# As they stand in a log event: good ones, bad ones, and no records at all.
RECORDS = SIGN_INS | MISPLACED_SIGN_INS | NEAR_SIGN_INS | st.dictionaries(TEXT, AWKWARD, max_size=4)
DEEP = st.sampled_from([100, 5_000, 9_990, 20_000]).map(
    lambda depth: f'{json.dumps(record())[:-1]}, "deep": {"[" * depth}{"]" * depth}}}'
)
MESSAGES = st.lists(RECORDS.map(json.dumps) | RECORDS.map(json.dumps) | TEXT | DEEP, max_size=5)
JOB = json.loads(job().body())


@pytest.fixture(autouse=True, scope="module")
def silence() -> Iterator[None]:
    """A failure would show some hundred invocations' log."""
    log.configure("CRITICAL")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log, "count", lambda *_: None)
        yield
    log.configure("INFO")


def what_is_due(messages: list[str]) -> tuple[set[str], Counter[str]]:
    """The Ids of the findings that the messages are to become, and the messages that cannot."""
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
            except BadRecordError:
                unreadable[json.dumps(document)] += 1
    return ids, unreadable


def put_aside(cloud: Cloud) -> Counter[str]:
    """What can be read in the dead letters, parts of something long put together."""
    contents, parts = Counter[str](), ""
    for sent in cloud.dead:
        letter = json.loads(sent.body)
        assert letter["rootwatch"] == dead_letter.KIND, sent.reason  # no finding was invalid
        parts += letter.get("packed", "")
        if letter.get("part") == letter.get("parts"):
            whole = {"packed": parts, "part": 1, "parts": 1} if parts else letter
            contents[str(dead_letter.content_of(whole))] += 1
            parts = ""
    return contents


def assert_sound(cloud: Cloud) -> None:
    assert [problem for hub in cloud.hubs.values() for problem in hub.invalid] == []
    assert cloud.queued == []


def assert_done(cloud: Cloud, messages: list[str]) -> None:
    ids, unreadable = what_is_due(messages)
    assert {id_ for found in cloud.active().values() for id_ in found} == ids
    assert len(cloud.sns.published) == len(ids)
    assert put_aside(cloud) == unreadable
    assert_sound(cloud)


@given(MESSAGES)
@settings(max_examples=100)
def test_records_in_a_subscriptions_payload(messages: list[str]) -> None:
    cloud = Cloud()

    cloud.invoke(logs_event(*messages))

    assert_done(cloud, messages)


@given(st.lists(RECORDS, min_size=1, max_size=4))
@settings(max_examples=50)
def test_records_in_messages_of_the_queue(drawn: list[dict[str, Any]]) -> None:
    cloud = Cloud()

    answer = cloud.invoke(queue_event(*(json.dumps(event_bridge_event(one)) for one in drawn)))

    assert answer == {"batchItemFailures": []}
    assert_done(cloud, [json.dumps(one) for one in drawn])


@given(st.lists(RECORDS, min_size=1, max_size=3))
@settings(max_examples=50)
def test_what_was_put_aside_and_put_back_is_put_aside_again(drawn: list[dict[str, Any]]) -> None:
    first, second = Cloud(), Cloud()
    first.invoke(logs_event(*drawn))
    bodies = [sent.body for sent in first.dead]

    for body in bodies:
        assert second.invoke(queue_event(body)) == {"batchItemFailures": []}

    assert put_aside(second) == put_aside(first)
    assert second.active() == {}


@given(EVENTS)
@settings(max_examples=150)
def test_events_of_any_kind(event: Any) -> None:
    cloud = Cloud()

    counts = cloud.invoke(event)

    assert_sound(cloud)
    assert sum(put_aside(cloud).values()) + counts["Records"] == 1
    if not (isinstance(event, dict) and event.keys() & {"awslogs", "detail", "requestPayload"}):
        assert put_aside(cloud) == {json.dumps(event): 1}


@given(st.binary(max_size=300), SIGN_INS, st.integers(0, 2_000), st.integers(0, 2_000))
@settings(max_examples=150)
def test_payloads_that_are_broken_anywhere(
    noise: bytes, good: dict[str, Any], start: int, length: int
) -> None:
    text = payload(*[good] * 3).encode()
    whole = gzip.compress(text)
    broken = whole[:start] + noise + whole[start + length :]
    event = packed(broken)
    cloud = Cloud()

    cloud.invoke(event)

    assert_sound(cloud)
    assert put_aside(cloud)[json.dumps(event)] == (0 if is_gzip_of(text, broken) else 1)
    ids, _ = what_is_due([json.dumps(good)])
    assert {id_ for found in cloud.active().values() for id_ in found} <= ids


def is_gzip_of(text: bytes, stream: bytes) -> bool:
    """The header's time, for one, may be any."""
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        return unpacking.decompress(stream) == text and unpacking.eof and not unpacking.unused_data
    except zlib.error:
        return False


@given(SIGN_INS, st.integers(0, 5_000))
@settings(max_examples=50)
def test_payloads_that_end_too_early_give_the_sign_ins_that_are_whole(
    good: dict[str, Any], end: int
) -> None:
    text = payload(good, "x" * 5_000)
    text = text[: len(text) - 5_000 + end]  # within the second message
    cloud = Cloud()

    cloud.invoke({"awslogs": {"data": base64.b64encode(gzip.compress(text.encode())).decode()}})

    ids, _ = what_is_due([json.dumps(good)])
    assert {id_ for found in cloud.active().values() for id_ in found} == ids
    assert len(cloud.dead) >= 1


BODIES = (
    TEXT
    | EVENTS.map(json.dumps)
    | st.dictionaries(st.sampled_from(sorted(JOB)), AWKWARD).map(lambda odd: json.dumps(JOB | odd))
    | TEXT.map(lambda text: dead_letter.unreadable(text, "why")[0].body)
    | st.sampled_from([100, 9_000, 20_000]).map(
        lambda depth: f'{{"rootwatch": "finding", "record": {"[" * depth}{"]" * depth}}}'
    )
)


@given(st.lists(BODIES, min_size=1, max_size=10))
@settings(max_examples=100)
def test_messages_of_any_kind(bodies: list[str]) -> None:
    cloud = Cloud()

    assert cloud.invoke(queue_event(*bodies)) == {"batchItemFailures": []}

    assert_sound(cloud)


@given(st.dictionaries(st.sampled_from(sorted(queue_event("")["Records"][0])), JSON, min_size=1))
@settings(max_examples=50)
def test_batches_of_any_shape(odd: dict[str, Any]) -> None:
    event = queue_event("unreadable", "unreadable")
    event["Records"][0] |= odd
    cloud = Cloud()

    cloud.invoke(event)

    assert_sound(cloud)
    assert sum(put_aside(cloud).values()) >= 1
