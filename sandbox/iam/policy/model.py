"""The request, the parsed policy and the decision, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Network, IPv6Network

from sandbox.iam.policy.patterns import Template

type Operand = Template | Decimal | datetime | bool | bytes | IPv4Network | IPv6Network
"""A value in a policy's condition, read as its operator's type."""


class PolicyError(Exception):
    """A policy document that AWS would refuse, or that this evaluator cannot judge."""

    def __init__(self, *, policy: str, statement: str | None, reason: str) -> None:
        self.policy = policy
        self.statement = statement
        self.reason = reason
        where = policy if statement is None else f"{policy}, {statement}"
        super().__init__(f"{where}: {reason}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which policy the parser stands, so that an error can say it."""

    policy: str
    statement: str | None = None

    def error(self, reason: str) -> PolicyError:
        return PolicyError(policy=self.policy, statement=self.statement, reason=reason)


class ResourcePolicyKind(Enum):
    """How a resource's policy and the caller's identity policies work together."""

    ORDINARY = "resource policy"  # S3, SNS, SQS, Lambda, event buses, ...
    TRUST = "trust policy"  # who may assume a role
    KEY = "key policy"  # KMS


class Effect(StrEnum):
    ALLOW = "Allow"
    DENY = "Deny"


class Quantifier(StrEnum):
    """The set operator before a condition operator."""

    ALL = "ForAllValues"
    ANY = "ForAnyValue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls: an identity (`arn` and `account`) or an AWS service as itself (`service`).

    `arn` is arn:aws:iam::ACCOUNT:user/NAME, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION or
    arn:aws:iam::ACCOUNT:root; behind a session, `role_arn` is the role's own ARN with its path.
    """

    arn: str | None = None
    role_arn: str | None = None
    account: str | None = None
    service: str | None = None  # as in "cloudtrail.amazonaws.com"

    def __post_init__(self) -> None:
        if (self.arn is None) == (self.service is None):
            raise ValueError(f"a principal has either an ARN or a service name: {self}")
        if self.arn is not None and self.account is None:
            raise ValueError(f"a principal with an ARN has an account: {self}")

    @property
    def name(self) -> str:
        return self.arn or self.service or ""

    @property
    def is_account_root(self) -> bool:
        return self.arn is not None and self.arn.endswith(f":{self.account}:root")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """One API call.

    `resource` is an ARN, or "*" where the action knows none; `resource_account` is `None` where
    the resource can only be the caller's own. `context` holds all condition keys, those of the
    principal (aws:PrincipalArn, aws:PrincipalAccount, ...) too: nothing is derived.
    """

    principal: Principal
    action: str
    resource: str
    resource_account: str | None
    context: Mapping[str, str | tuple[str, ...] | bool]


@dataclass(frozen=True, slots=True)
class Decision:
    """The `reason` names the policy and statement that decided, or says what was missing."""

    allowed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Selector:
    """An Action or Resource element, or with `negated` its NotAction or NotResource."""

    element: str
    patterns: tuple[Template, ...]
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalElement:
    anyone: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    services: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One operator on one key; `operands` are alternatives."""

    written: str  # the operator and key as the policy has them
    comparison: str  # the operator's positive form, a key of conditions.COMPARISONS
    negated: bool
    quantifier: Quantifier | None
    if_exists: bool
    key: str  # in lower case
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    label: str  # its Sid, or its position
    effect: Effect
    principal: PrincipalElement | None
    action: Selector
    resource: Selector | None  # a trust policy has none
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A parsed policy; `kind` is `None` for an identity policy."""

    name: str
    kind: ResourcePolicyKind | None
    statements: tuple[Statement, ...]
