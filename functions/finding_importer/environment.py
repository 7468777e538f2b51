"""The function's environment variables, parsed once."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .errors import EnvironmentVariableError

_REQUIRED = ("MEMBER_ROLE_NAME", "NOTICE_TOPIC_ARN", "AWS_REGION")
_TOPIC_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):sns:[a-z0-9-]+:[0-9]{12}:\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    member_role_name: str  # of the role to assume in the owning account
    notice_topic_arn: str
    region: str  # of the function, of STS and of the Security Hub it imports into
    partition: str
    log_level: str

    @classmethod
    def parse(cls, variables: Mapping[str, str]) -> Self:
        """Raise EnvironmentVariableError, which names the variables that are wrong."""
        if missing := [name for name in _REQUIRED if not variables.get(name, "").strip()]:
            raise EnvironmentVariableError(missing, "a value that is not blank")
        topic = variables["NOTICE_TOPIC_ARN"].strip()
        return cls(
            member_role_name=variables["MEMBER_ROLE_NAME"].strip(),
            notice_topic_arn=topic,
            region=variables["AWS_REGION"].strip(),
            partition=_partition(topic),
            log_level=_log_level(variables.get("LOG_LEVEL", "")),
        )


def _partition(topic_arn: str) -> str:
    if not (match := _TOPIC_ARN.fullmatch(topic_arn)):
        raise EnvironmentVariableError(
            ["NOTICE_TOPIC_ARN"], f"the ARN of an SNS topic, not {topic_arn!r}"
        )
    return match["partition"]


def _log_level(value: str) -> str:
    level = value.strip().upper() or "INFO"
    if level not in logging.getLevelNamesMapping():
        raise EnvironmentVariableError(
            ["LOG_LEVEL"], f"a level of Python's logging such as INFO, not {value!r}"
        )
    return level
