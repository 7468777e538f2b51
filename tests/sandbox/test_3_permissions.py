"""Least privilege, from below: without any one of its rights the job is not done."""

from __future__ import annotations

import copy
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import sign_ins
from sandbox.organization import MEMBERS, SECURITY
from tests.sandbox.observer import ADDRESSES, IMPORTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.deployment import Deployment
    from tests.sandbox.observer import Observer

VICTIM = MEMBERS[0].id
POLICY = "import-findings"
ACTIONS = (
    "kms:Decrypt",
    "kms:GenerateDataKey*",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sns:Publish",
    "sts:AssumeRole",
)

type Change = Callable[[dict[str, Any]], None]


def test_the_list_of_actions_is_the_whole_of_the_importers_policy(
    observer: Observer, deployment: Deployment
) -> None:
    del deployment
    policy = _policy(observer, SECURITY.id, IMPORTER)

    assert sorted(action for s in policy["Statement"] for action in _listed(s["Action"])) == list(
        ACTIONS
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_without_an_action_of_its_role_the_importer_fails(action: str, observer: Observer) -> None:
    assert _is_whole(observer)
    with _changed_policy(observer, SECURITY.id, IMPORTER, lambda policy: _drop(policy, action)):
        assert not _is_whole(observer)


@pytest.mark.parametrize("part", ["Action", "Resource"])
def test_with_another_permission_in_the_member_role_the_finding_is_refused(
    part: str, observer: Observer, deployment: Deployment
) -> None:
    role = deployment.outputs("organization")["member_role_name"]
    other = {"Action": "securityhub:GetFindings", "Resource": "arn:aws:securityhub:::product/a/b"}
    assert _is_whole(observer)
    with _changed_policy(
        observer, VICTIM, role, lambda policy: policy["Statement"][0].update({part: other[part]})
    ):
        assert not _is_whole(observer)


@pytest.mark.parametrize("key", ["aws:PrincipalArn", "aws:PrincipalOrgID"])
def test_with_another_condition_in_the_member_roles_trust_the_importer_is_shut_out(
    key: str, observer: Observer, deployment: Deployment
) -> None:
    role = deployment.outputs("organization")["member_role_name"]
    iam = observer.sandbox.client("iam", VICTIM)
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    changed = copy.deepcopy(trust)
    for operator in changed["Statement"][0]["Condition"].values():
        if key in operator:
            operator[key] = "arn:aws:iam::333333333333:role/other"
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(changed))
    try:
        whole = _is_whole(observer)
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))

    assert changed != trust
    assert not whole


def test_nobody_else_of_the_security_account_enters_a_member(
    observer: Observer, deployment: Deployment
) -> None:
    role = deployment.outputs("organization")["member_role_name"]
    sts = observer.sandbox.client("sts", SECURITY.id)

    with pytest.raises(sts.exceptions.ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{VICTIM}:role/{role}", RoleSessionName="curious")


def _is_whole(observer: Observer) -> bool:
    """Whether a sign-in becomes a finding, a notice for each addressee, and lines in the log."""
    observer.sandbox.services.functions.recycle()
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.record(record)
    findings = [f for f in observer.findings(VICTIM) if record["eventID"] in f["Id"]]
    notices = [mail for mail in observer.notices() if record["eventID"] in mail.body]
    lines = [line for line in observer.importer_log() if record["eventID"] in line]
    return len(findings) == 1 and len(notices) == len(ADDRESSES) and bool(lines)


@contextmanager
def _changed_policy(observer: Observer, account: str, role: str, change: Change) -> Iterator[None]:
    iam = observer.sandbox.client("iam", account)
    original = _policy(observer, account, role)
    changed = copy.deepcopy(original)
    change(changed)
    iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(changed))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(original))


def _policy(observer: Observer, account: str, role: str) -> dict[str, Any]:
    iam = observer.sandbox.client("iam", account)
    document: dict[str, Any] = iam.get_role_policy(RoleName=role, PolicyName=POLICY)[
        "PolicyDocument"
    ]
    return document


def _drop(policy: dict[str, Any], action: str) -> None:
    """A statement without an action is none, so it goes too."""
    for statement in policy["Statement"]:
        statement["Action"] = [a for a in _listed(statement["Action"]) if a != action]
    policy["Statement"] = [s for s in policy["Statement"] if s["Action"]]


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
