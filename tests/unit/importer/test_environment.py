"""Parsing the function's environment variables."""

from typing import Any

import pytest

from functions.finding_importer.aws import ClientTimeouts
from functions.finding_importer.environment import FunctionEnvironment
from functions.finding_importer.errors import EnvironmentVariableError

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

        with pytest.raises(EnvironmentVariableError, match=f"^{name}: got nothing, expected a val"):
            FunctionEnvironment.parse(variables)


def test_all_absent_variables_are_listed_at_once() -> None:
    with pytest.raises(EnvironmentVariableError) as caught:
        FunctionEnvironment.parse({})

    assert set(caught.value.key.split(", ")) == set(VARIABLES)


def test_an_invalid_variable_raises_an_error_with_its_name_and_value() -> None:
    for name, value in (
        ("HIGH_PRIORITY_TOPIC_ARN", "high"),
        ("LOW_PRIORITY_TOPIC_ARN", "arn:aws:sqs:us-east-1:999988887777:low"),
        ("SECURITY_ACCOUNT", "99998888777"),
        ("SECURITY_ACCOUNT", "9999888877776"),
        ("CONNECT_TIMEOUT_SECONDS", "soon"),
        ("READ_TIMEOUT_SECONDS", "0"),
        ("RESERVED_SECONDS", "-1"),
        ("MAX_ATTEMPTS", "0"),
        ("MAX_ATTEMPTS", "2.5"),
        ("MAX_CONCURRENT_ACCOUNTS", "1e9"),
        ("MAX_CONCURRENT_ACCOUNTS", "inf"),
        ("MAX_CONCURRENT_ACCOUNTS", "2.5"),
        ("LOG_LEVEL", "LOUD"),
    ):
        with pytest.raises(EnvironmentVariableError) as caught:
            FunctionEnvironment.parse({**VARIABLES, name: value})

        assert str(caught.value).startswith(f"{name}: got '{value}', expected ")
