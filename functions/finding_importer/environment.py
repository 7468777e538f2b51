"""Parses the function's environment variables."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .aws import ClientTimeouts
from .errors import EnvironmentVariableError

_REQUIRED = (
    "MEMBER_ROLE_NAME",
    "SECURITY_ACCOUNT",
    "HIGH_PRIORITY_TOPIC_ARN",
    "LOW_PRIORITY_TOPIC_ARN",
    "QUEUE_URL",
    "DEAD_LETTER_QUEUE_URL",
    "IDEMPOTENCY_TABLE_NAME",
    "METRIC_NAMESPACE",
    "AWS_REGION",
    "CONNECT_TIMEOUT_SECONDS",
    "READ_TIMEOUT_SECONDS",
    "MAX_ATTEMPTS",
    "MAX_CONCURRENT_ACCOUNTS",
    "RESERVED_SECONDS",
)
_ACCOUNT = re.compile(r"[0-9]{12}")
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_TOPIC_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):sns:[a-z0-9-]+:[0-9]{12}:\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionEnvironment:
    member_role_name: str
    high_priority_topic_arn: str
    low_priority_topic_arn: str
    security_account: str  # the function's own account
    queue_url: str
    dead_letter_queue_url: str
    idempotency_table_name: str
    metric_namespace: str
    timeouts: ClientTimeouts
    max_concurrent_accounts: int
    reserved_seconds: float  # with less time left, an invocation starts no further account
    region: str  # of the function, AWS STS and Security Hub
    partition: str
    log_level: str

    @classmethod
    def parse(cls, variables: Mapping[str, str]) -> Self:
        """Raise EnvironmentVariableError for missing variables, or for the first invalid one."""
        if missing := [name for name in _REQUIRED if not variables.get(name, "").strip()]:
            raise EnvironmentVariableError(", ".join(missing), "nothing", "a value")
        high, partition = _topic(variables, "HIGH_PRIORITY_TOPIC_ARN")
        low, _ = _topic(variables, "LOW_PRIORITY_TOPIC_ARN")
        return cls(
            member_role_name=variables["MEMBER_ROLE_NAME"].strip(),
            high_priority_topic_arn=high,
            low_priority_topic_arn=low,
            security_account=_account(variables, "SECURITY_ACCOUNT"),
            queue_url=variables["QUEUE_URL"].strip(),
            dead_letter_queue_url=variables["DEAD_LETTER_QUEUE_URL"].strip(),
            idempotency_table_name=variables["IDEMPOTENCY_TABLE_NAME"].strip(),
            metric_namespace=variables["METRIC_NAMESPACE"].strip(),
            timeouts=ClientTimeouts(
                connect_seconds=_number(variables, "CONNECT_TIMEOUT_SECONDS"),
                read_seconds=_number(variables, "READ_TIMEOUT_SECONDS"),
                max_attempts=_whole_number(variables, "MAX_ATTEMPTS"),
            ),
            max_concurrent_accounts=_whole_number(variables, "MAX_CONCURRENT_ACCOUNTS"),
            reserved_seconds=_number(variables, "RESERVED_SECONDS"),
            region=variables["AWS_REGION"].strip(),
            partition=partition,
            log_level=_log_level(variables.get("LOG_LEVEL", "")),
        )


def _topic(variables: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the ARN and its partition."""
    arn = variables[name].strip()
    if not (match := _TOPIC_ARN.fullmatch(arn)):
        raise EnvironmentVariableError(name, repr(arn), "the ARN of an SNS topic")
    return arn, match["partition"]


def _account(variables: Mapping[str, str], name: str) -> str:
    account = variables[name].strip()
    if not _ACCOUNT.fullmatch(account):
        raise EnvironmentVariableError(name, repr(account), "an account ID of 12 digits")
    return account


def _number(variables: Mapping[str, str], name: str) -> float:
    text = variables[name].strip()
    if not _NUMBER.fullmatch(text) or not float(text):
        raise EnvironmentVariableError(name, repr(text), "a number greater than 0")
    return float(text)


def _whole_number(variables: Mapping[str, str], name: str) -> int:
    number = _number(variables, name)
    if not number.is_integer():
        raise EnvironmentVariableError(name, repr(variables[name].strip()), "a whole number")
    return int(number)


def _log_level(value: str) -> str:
    level = value.strip().upper() or "INFO"
    if level not in logging.getLevelNamesMapping():
        raise EnvironmentVariableError("LOG_LEVEL", repr(value), "a log level such as INFO")
    return level
