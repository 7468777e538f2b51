"""The log, one JSON object a line, and its metrics."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from functions.finding_importer import log


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    [handler] = logging.getLogger("finding_importer").handlers
    stream = StringIO()
    monkeypatch.setattr(handler, "stream", stream)
    log.configure("INFO")
    yield stream
    log.configure("INFO")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_message_is_one_line_with_the_event_id_as_correlation_id(output: StringIO) -> None:
    log.info("two\nlines", event_id="e", account="1", finding="f")
    log.warning("w", event_id="e")
    log.error("x", position=3, reason='"quoted"\n')

    first, second, third = lines(output.getvalue())
    assert first["message"] == "two\nlines"
    assert (first["level"], first["correlation_id"]) == ("INFO", "e")
    assert (first["account"], first["finding"]) == ("1", "f")
    assert set(first) - {"account", "finding", "correlation_id"} == {
        *("level", "message", "timestamp", "service")
    }
    assert (second["level"], second["message"]) == ("WARNING", "w")
    assert (third["level"], third["position"], third["reason"]) == ("ERROR", 3, '"quoted"\n')


def test_messages_below_the_level_are_not_written(output: StringIO) -> None:
    log.configure("ERROR")
    log.warning("w")
    log.error("x")

    assert [line["message"] for line in lines(output.getvalue())] == ["x"]


def test_counts_are_metrics_in_the_embedded_format(capsys: pytest.CaptureFixture[str]) -> None:
    log.count("Rootwatch", {"Records": 3, "DeadLettered": 0})
    log.count("Rootwatch", {"Records": 1})

    first, second = lines(capsys.readouterr().out)
    assert (first["Records"], first["DeadLettered"], second["Records"]) == ([3.0], [0.0], [1.0])
    assert "DeadLettered" not in second
    assert first["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Rootwatch",
            "Dimensions": [["service"]],
            "Metrics": [
                {"Name": "Records", "Unit": "Count"},
                {"Name": "DeadLettered", "Unit": "Count"},
            ],
        }
    ]
