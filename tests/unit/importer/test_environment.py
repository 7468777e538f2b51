"""Parsing the function's environment."""

from typing import Any

import pytest

from functions.finding_importer.aws import Patience
from functions.finding_importer.environment import Environment
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
    "ACCOUNTS_AT_ONCE": "8",
    "RESERVED_SECONDS": "45",
}


def test_a_complete_environment_is_parsed() -> None:
    assert Environment.parse(VARIABLES) == Environment(
        member_role_name="rootwatch-member",
        security_account="999988887777",
        high_priority_topic_arn=VARIABLES["HIGH_PRIORITY_TOPIC_ARN"],
        low_priority_topic_arn=VARIABLES["LOW_PRIORITY_TOPIC_ARN"],
        queue_url=VARIABLES["QUEUE_URL"],
        dead_letter_queue_url=VARIABLES["DEAD_LETTER_QUEUE_URL"],
        idempotency_table_name="rootwatch-idempotency",
        metric_namespace="Rootwatch",
        patience=Patience(connect_seconds=3.0, read_seconds=8.5, attempts=3),
        accounts_at_once=8,
        reserved_seconds=45.0,
        region="us-gov-west-1",
        partition="aws-us-gov",
        log_level="INFO",
    )


def test_botocore_is_told_how_long_to_wait_and_how_often_to_try() -> None:
    config: Any = Environment.parse(VARIABLES).patience.config

    assert (config.connect_timeout, config.read_timeout) == (3.0, 8.5)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_the_log_level_may_be_set() -> None:
    assert Environment.parse({**VARIABLES, "LOG_LEVEL": "warning"}).log_level == "WARNING"


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_or_blank_variable_is_named(name: str, value: str | None) -> None:
    variables = {key: text for key, text in VARIABLES.items() if key != name}
    if value is not None:
        variables[name] = value

    with pytest.raises(EnvironmentVariableError, match=name) as caught:
        Environment.parse(variables)

    assert caught.value.variables == (name,)


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(EnvironmentVariableError) as caught:
        Environment.parse({})

    assert set(caught.value.variables) == set(VARIABLES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIGH_PRIORITY_TOPIC_ARN", "high"),
        ("LOW_PRIORITY_TOPIC_ARN", "arn:aws:sqs:us-east-1:999988887777:low"),
        ("SECURITY_ACCOUNT", "99998888777"),
        ("CONNECT_TIMEOUT_SECONDS", "soon"),
        ("READ_TIMEOUT_SECONDS", "0"),
        ("RESERVED_SECONDS", "-1"),
        ("MAX_ATTEMPTS", "0"),
        ("ACCOUNTS_AT_ONCE", "1e9"),
        ("ACCOUNTS_AT_ONCE", "inf"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_malformed_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(EnvironmentVariableError, match=f"{name}.*'{value}'"):
        Environment.parse({**VARIABLES, name: value})


@pytest.mark.parametrize("name", ["MAX_ATTEMPTS", "ACCOUNTS_AT_ONCE"])
def test_what_is_counted_is_a_whole_number(name: str) -> None:
    with pytest.raises(EnvironmentVariableError, match=rf"{name}.*a whole number, not 2\.5"):
        Environment.parse({**VARIABLES, name: "2.5"})
