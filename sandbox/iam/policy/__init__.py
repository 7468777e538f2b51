"""IAM's decision whether a request is allowed, as a pure function of the request and its policies.

It rests on the IAM User Guide: "Policy evaluation logic", "IAM JSON policy elements" and
"Condition operators". Not covered: permissions boundaries, session policies, service and
resource control policies, grants of KMS, and federated or canonical-user principals.
"""

from sandbox.iam.policy.evaluator import decide
from sandbox.iam.policy.model import (
    AccessRequest,
    Decision,
    NamedPolicy,
    PolicyError,
    Principal,
    ResourcePolicyKind,
)
from sandbox.iam.policy.parser import parse_policy

__all__ = [
    "AccessRequest",
    "Decision",
    "NamedPolicy",
    "PolicyError",
    "Principal",
    "ResourcePolicyKind",
    "decide",
    "parse_policy",
]
