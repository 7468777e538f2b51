"""Environment variables, the log, and sanitizing text that an attacker may control."""

import json
import logging
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer import log
from functions.finding_importer.aws import ClientTimeouts
from functions.finding_importer.environment import FunctionEnvironment
from functions.finding_importer.errors import EnvironmentVariableError
from functions.finding_importer.text import clean_line, defang, inline_code, text_value


def test_a_line_has_no_control_characters() -> None:
    for text, expected in (
        ("plain", "plain"),
        (" two\r\nlines\t\x00here ", "two lines here"),
        ("a\u2028b\u202ec\ud800d", "a b c d"),
        ("\n\x1b", ""),
        ("naïve 日本", "naïve 日本"),
    ):
        assert clean_line(text, 100) == expected


def test_a_long_line_is_truncated_between_characters() -> None:
    for text, expected in (
        ("abcd", "abcd"),
        ("abcde", "abc…"),
        ("ab cde", "ab…"),
        ("ab😀😀", "ab…"),
        ("a😀bcd", "a😀…"),
    ):
        assert clean_line(text, 4) == expected


@given(st.text(), st.integers(1, 50))
def test_a_line_respects_its_limit_and_is_stable(text: str, limit: int) -> None:
    cleaned = clean_line(text, limit)

    assert len(cleaned.encode("utf-16-le")) <= 2 * limit
    assert cleaned == cleaned.strip()
    assert clean_line(cleaned, limit) == cleaned


def test_a_value_that_is_not_a_string_is_shown_as_json() -> None:
    for document, expected in (
        ({}, None),
        ({"MFAUsed": ""}, None),
        ({"MFAUsed": "No"}, "No"),
        ({"MFAUsed": None}, "null"),
        ({"MFAUsed": False}, "false"),
        ({"MFAUsed": {"a": 1}}, "(object)"),
        ({"MFAUsed": [1]}, "(array)"),
    ):
        assert text_value(document, "MFAUsed", 100) == expected


def test_mail_clients_do_not_link_defanged_text() -> None:
    for text, expected in (
        ("https://evil.example/x", "https[:]//evil[.]example/x"),
        ("www.evil.example WWW.evil.example", "www[.]evil[.]example WWW[.]evil[.]example"),
        ("http://a://b", "http[:]//a[:]//b"),
        ("evil\u3002example evil\uff0eexample", "evil[.]example evil[.]example"),
        ("ana@example.com", "ana[at]example[.]com"),
        ("The end. Next", "The end. Next"),
        ("Mozilla/5.0 (X11; Linux)", "Mozilla/5.0 (X11; Linux)"),
        ("198.51.100.7", "198.51.100.7"),
    ):
        assert defang(text) == expected


@given(st.text() | st.text("aB1.:/@"))
def test_arbitrary_defanged_text_has_no_link(text: str) -> None:
    defanged = defang(text)

    assert "://" not in defanged
    assert "@" not in defanged
    assert not re.search(r"\w\.[^\W\d_]", defanged)


@given(st.text() | st.text("`<>|!@#[]()*_~\\&"))
def test_arbitrary_text_cannot_leave_inline_code(text: str) -> None:
    code = inline_code(text)

    assert code[0] == code[-1] == "`"
    assert not set("`<>|") & set(code[1:-1])
    assert len(code) == len(text) + 2


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


VARIABLES = {
    "MEMBER_ROLE_NAME": "rootwatch-member",
    "SECURITY_ACCOUNT": "999988887777",
    "HIGH_PRIORITY_TOPIC_ARN": "arn:aws-us-gov:sns:us-gov-west-1:999988887777:high",
    "LOW_PRIORITY_TOPIC_ARN": "arn:aws-us-gov:sns:us-gov-west-1:999988887777:low",
    "QUEUE_URL": "https://sqs.us-gov-west-1.amazonaws.com/999988887777/queue",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-gov-west-1.amazonaws.com/999988887777/dead",
    "IDEMPOTENCY_TABLE_NAME": "rootwatch-idempotency",
    "METRIC_NAMESPACE": "Rootwatch",
    "AWS_REGION": "us-gov-west-1",
    "CONNECT_TIMEOUT_SECONDS": "3",
    "READ_TIMEOUT_SECONDS": "8.5",
    "MAX_ATTEMPTS": "3",
    "MAX_CONCURRENT_ACCOUNTS": "8",
    "RESERVED_SECONDS": "45",
}


def test_a_complete_environment_is_parsed() -> None:
    assert FunctionEnvironment.parse(VARIABLES) == FunctionEnvironment(
        member_role_name="rootwatch-member",
        security_account="999988887777",
        high_priority_topic_arn=VARIABLES["HIGH_PRIORITY_TOPIC_ARN"],
        low_priority_topic_arn=VARIABLES["LOW_PRIORITY_TOPIC_ARN"],
        queue_url=VARIABLES["QUEUE_URL"],
        dead_letter_queue_url=VARIABLES["DEAD_LETTER_QUEUE_URL"],
        idempotency_table_name="rootwatch-idempotency",
        metric_namespace="Rootwatch",
        timeouts=ClientTimeouts(connect_seconds=3.0, read_seconds=8.5, max_attempts=3),
        max_concurrent_accounts=8,
        reserved_seconds=45.0,
        region="us-gov-west-1",
        partition="aws-us-gov",
        log_level="INFO",
    )


def test_botocore_uses_the_timeouts_and_the_standard_retry_mode() -> None:
    config: Any = FunctionEnvironment.parse(VARIABLES).timeouts.config

    assert (config.connect_timeout, config.read_timeout) == (3.0, 8.5)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_the_log_level_can_be_set() -> None:
    assert FunctionEnvironment.parse({**VARIABLES, "LOG_LEVEL": "warning"}).log_level == "WARNING"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_absent_or_blank_variable_raises_an_error_with_its_name(value: str | None) -> None:
    for name in VARIABLES:
        variables = {key: text for key, text in VARIABLES.items() if key != name}
        if value is not None:
            variables[name] = value

        with pytest.raises(
            EnvironmentVariableError, match=f"^{name}: got nothing, expected a value$"
        ):
            FunctionEnvironment.parse(variables)


def test_all_absent_variables_are_listed_at_once() -> None:
    with pytest.raises(EnvironmentVariableError) as caught:
        FunctionEnvironment.parse({})

    assert set(caught.value.key.split(", ")) == set(VARIABLES)


def test_an_invalid_variable_raises_an_error_with_its_name_and_value() -> None:
    for name, value, expected in (
        ("HIGH_PRIORITY_TOPIC_ARN", "high", "the ARN of an SNS topic"),
        (
            "LOW_PRIORITY_TOPIC_ARN",
            "arn:aws:sqs:us-east-1:999988887777:low",
            "the ARN of an SNS topic",
        ),
        ("SECURITY_ACCOUNT", "99998888777", "an account ID of 12 digits"),
        ("SECURITY_ACCOUNT", "9999888877776", "an account ID of 12 digits"),
        ("CONNECT_TIMEOUT_SECONDS", "soon", "a number greater than 0"),
        ("READ_TIMEOUT_SECONDS", "0", "a number greater than 0"),
        ("RESERVED_SECONDS", "-1", "a number greater than 0"),
        ("MAX_ATTEMPTS", "0", "a number greater than 0"),
        ("MAX_ATTEMPTS", "2.5", "a whole number"),
        ("MAX_CONCURRENT_ACCOUNTS", "1e9", "a number greater than 0"),
        ("MAX_CONCURRENT_ACCOUNTS", "inf", "a number greater than 0"),
        ("MAX_CONCURRENT_ACCOUNTS", "2.5", "a whole number"),
        ("LOG_LEVEL", "LOUD", "a log level such as INFO"),
    ):
        with pytest.raises(EnvironmentVariableError) as caught:
            FunctionEnvironment.parse({**VARIABLES, name: value})

        assert str(caught.value) == f"{name}: got '{value}', expected {expected}"
