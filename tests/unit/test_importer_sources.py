"""Decoding what a CloudWatch Logs subscription sends."""

import base64
import gzip
import json
from typing import Any

import pytest

from functions.finding_importer.errors import PayloadError
from functions.finding_importer.sources import DeliveredRecord, decode
from tests.unit.importer_doubles import encoded, logs_event, record


def test_each_log_event_is_a_record_with_its_position() -> None:
    delivery = decode(logs_event(record(eventID="a"), record(eventID="b")))

    assert delivery.records == (
        DeliveredRecord(0, record(eventID="a")),
        DeliveredRecord(1, record(eventID="b")),
    )
    assert delivery.unreadable == ()


def test_a_control_message_holds_no_records() -> None:
    delivery = decode(logs_event("CWL CONTROL MESSAGE", message_type="CONTROL_MESSAGE"))

    assert delivery.records == ()
    assert delivery.unreadable == ()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("not json", "not JSON"),
        ("", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ("9" * 5_000, "not JSON"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ('"text"', "not an object"),
    ],
)
def test_an_unreadable_message_is_told_and_stops_no_other(message: str, reason: str) -> None:
    delivery = decode(logs_event(record(), message, record()))

    assert [one.position for one in delivery.records] == [0, 2]
    assert [one.position for one in delivery.unreadable] == [1]
    assert reason in delivery.unreadable[0].reason


@pytest.mark.parametrize("log_event", [{}, {"message": None}, "text", None])
def test_a_log_event_without_a_message_is_told(log_event: Any) -> None:
    payload = {"messageType": "DATA_MESSAGE", "logEvents": [log_event]}

    delivery = decode(encoded(json.dumps(payload).encode()))

    assert str(delivery.unreadable[0]) == "log event 0: a log event without a message"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"awslogs": None},
        {"awslogs": {"data": 1}},
        {"awslogs": {"data": "***"}},
        {"awslogs": {"data": "umlaut ä"}},
        {"awslogs": {"data": base64.b64encode(b"not gzip").decode()}},
        {"awslogs": {"data": base64.b64encode(gzip.compress(b"{}")[:12]).decode()}},
        {"awslogs": {"data": base64.b64encode(gzip.compress(b"{}" * 99)[:10] + b"xxxx").decode()}},
        encoded(b"not json"),
        encoded(b"\xff\xfe\xff"),
        encoded(b"[]"),
        encoded(b"{}"),
        encoded(b'{"messageType": "DATA_MESSAGE"}'),
        encoded(b'{"messageType": "OTHER", "logEvents": []}'),
        {"Records": []},
    ],
)
def test_an_event_that_is_no_delivery_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(PayloadError, match="expected"):
        decode(event)
