"""The function's environment variables, parsed once."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .errors import EnvironmentVariableError

_REQUIRED = ("MEMBER_ROLE_NAME", "HIGH_PRIORITY_TOPIC_ARN", "LOW_PRIORITY_TOPIC_ARN", "AWS_REGION")
_TOPIC_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):sns:[a-z0-9-]+:[0-9]{12}:\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    member_role_name: str  # of the role to assume in the owning account
    high_priority_topic_arn: str
    low_priority_topic_arn: str
    region: str  # of the function, of STS and of the Security Hub it imports into
    partition: str
    log_level: str

    @classmethod
    def parse(cls, variables: Mapping[str, str]) -> Self:
        """Raise EnvironmentVariableError, which names the variables that are wrong."""
        if missing := [name for name in _REQUIRED if not variables.get(name, "").strip()]:
            raise EnvironmentVariableError(missing, "a value that is not blank")
        high, partition = _topic(variables, "HIGH_PRIORITY_TOPIC_ARN")
        low, _ = _topic(variables, "LOW_PRIORITY_TOPIC_ARN")
        return cls(
            member_role_name=variables["MEMBER_ROLE_NAME"].strip(),
            high_priority_topic_arn=high,
            low_priority_topic_arn=low,
            region=variables["AWS_REGION"].strip(),
            partition=partition,
            log_level=_log_level(variables.get("LOG_LEVEL", "")),
        )


def _topic(variables: Mapping[str, str], name: str) -> tuple[str, str]:
    """Tell the topic's ARN and its partition."""
    arn = variables[name].strip()
    if not (match := _TOPIC_ARN.fullmatch(arn)):
        raise EnvironmentVariableError([name], f"the ARN of an SNS topic, not {arn!r}")
    return arn, match["partition"]


def _log_level(value: str) -> str:
    level = value.strip().upper() or "INFO"
    if level not in logging.getLevelNamesMapping():
        raise EnvironmentVariableError(
            ["LOG_LEVEL"], f"a level of Python's logging such as INFO, not {value!r}"
        )
    return level
