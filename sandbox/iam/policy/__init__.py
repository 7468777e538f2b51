"""IAM's policy evaluation: a pure function of a request and its policies.

See "Policy evaluation logic", "IAM JSON policy elements" and "Condition operators" in the IAM User
Guide. Not supported: session policies, resource control policies, KMS grants, and federated or
canonical-user principals.
"""

from sandbox.iam.policy.evaluator import decide
from sandbox.iam.policy.model import (
    UNLIMITED,
    AccessRequest,
    Decision,
    Limits,
    NamedPolicy,
    PolicyError,
    Principal,
    ResourcePolicyKind,
)
from sandbox.iam.policy.parser import parse_policy

__all__ = [
    "UNLIMITED",
    "AccessRequest",
    "Decision",
    "Limits",
    "NamedPolicy",
    "PolicyError",
    "Principal",
    "ResourcePolicyKind",
    "decide",
    "parse_policy",
]
