"""Parsing the function's environment."""

import pytest

from functions.finding_importer.environment import Environment
from functions.finding_importer.errors import EnvironmentVariableError

VARIABLES = {
    "MEMBER_ROLE_NAME": "rootwatch-member",
    "HIGH_PRIORITY_TOPIC_ARN": "arn:aws-us-gov:sns:us-gov-west-1:999988887777:high",
    "LOW_PRIORITY_TOPIC_ARN": "arn:aws-us-gov:sns:us-gov-west-1:999988887777:low",
    "AWS_REGION": "us-gov-west-1",
}


def test_a_complete_environment_is_parsed() -> None:
    assert Environment.parse(VARIABLES) == Environment(
        member_role_name="rootwatch-member",
        high_priority_topic_arn=VARIABLES["HIGH_PRIORITY_TOPIC_ARN"],
        low_priority_topic_arn=VARIABLES["LOW_PRIORITY_TOPIC_ARN"],
        region="us-gov-west-1",
        partition="aws-us-gov",
        log_level="INFO",
    )


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

    assert caught.value.variables == tuple(VARIABLES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIGH_PRIORITY_TOPIC_ARN", "high"),
        ("LOW_PRIORITY_TOPIC_ARN", "arn:aws:sqs:us-east-1:999988887777:low"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_malformed_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(EnvironmentVariableError, match=f"{name}.*'{value}'"):
        Environment.parse({**VARIABLES, name: value})
