"""Requests, parsed policies and decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Network, IPv6Network

from sandbox.iam.policy.patterns import Template

type Operand = Template | Decimal | datetime | bool | bytes | IPv4Network | IPv6Network
"""A value of a condition, with the type of the condition's operator."""


class PolicyError(Exception):
    """AWS would refuse the policy document, or the evaluator does not support it."""

    def __init__(self, *, policy: str, statement: str | None, reason: str) -> None:
        self.policy = policy
        self.statement = statement
        self.reason = reason
        where = policy if statement is None else f"{policy}, {statement}"
        super().__init__(f"{where}: {reason}")


@dataclass(frozen=True, slots=True)
class PolicyLocation:
    """A position in a policy, for errors."""

    policy: str
    statement: str | None = None

    def error(self, reason: str) -> PolicyError:
        return PolicyError(policy=self.policy, statement=self.statement, reason=reason)


class ResourcePolicyKind(Enum):
    """It decides how the resource's policy and the caller's identity policies are combined."""

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
    """The caller: an identity (`arn` and `account`) or an AWS service (`service`).

    `arn` is arn:aws:iam::ACCOUNT:user/NAME, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION or
    arn:aws:iam::ACCOUNT:root. `role_arn` is the ARN of a session's role, with its path.
    """

    arn: str | None = None
    role_arn: str | None = None
    account: str | None = None
    service: str | None = None  # as in "cloudtrail.amazonaws.com"

    def __post_init__(self) -> None:
        if (self.arn is None) == (self.service is None):
            raise ValueError(f"expected either an ARN or a service: got {self}")
        if self.arn is not None and self.account is None:
            raise ValueError(f"expected an account with the ARN: got {self}")

    @property
    def name(self) -> str:
        return self.arn or self.service or ""

    @property
    def is_account_root(self) -> bool:
        return self.arn is not None and self.arn.endswith(f":{self.account}:root")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """One API call.

    `resource` is an ARN, or "*" where the action has no resource; `resource_account` is None where
    the resource is always in the caller's account. `context` contains all condition keys, also
    those of the principal (aws:PrincipalArn, aws:PrincipalAccount, ...).
    """

    principal: Principal
    action: str
    resource: str
    resource_account: str | None
    context: Mapping[str, str | tuple[str, ...] | bool]


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` names the policy and statement that decided, or the missing permission."""

    allowed: bool
    reason: str

    @property
    def clause(self) -> str:
        """The end of a sentence that says what is not authorized."""
        return self.reason if self.reason.startswith("with ") else f"because {self.reason}"


@dataclass(frozen=True, slots=True)
class Selector:
    """An Action or Resource element; `negated`: NotAction or NotResource."""

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

    written: str  # the operator and key as in the policy
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the identity policies of the caller can grant at most.

    `control_policies` are the service control policies at each level of the organization, from the
    account to the root; empty where none apply. `boundary` is the permissions boundary.
    """

    control_policies: tuple[tuple[NamedPolicy, ...], ...] = ()
    boundary: NamedPolicy | None = None


UNLIMITED = Limits()
