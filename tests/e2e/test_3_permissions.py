"""Least privilege: the importer fails without any one of its permissions."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.deployment import Deployment
from sandbox.cloudtrail import sign_ins
from sandbox.faults import ErrorResponse
from sandbox.organizations.organization import MEMBERS, SECURITY
from tests.e2e.observer import ADDRESSES, IMPORTER, Observer
from tests.e2e.test_4_outcomes import FAILED, IMPORT, event_bridge

VICTIM = MEMBERS[0].id
POLICY = "import-findings"
type Change = Callable[[dict[str, Any]], None]
type Behavior = Callable[[Observer], bool]


def _reports_a_sign_in(observer: Observer) -> bool:
    """A finding, a notification with the account details to each address, and log entries."""
    observer.sandbox.services.functions.recycle()
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)
    findings = [f for f in observer.findings(VICTIM) if record["eventID"] in f["Id"]]
    notifications = [mail for mail in observer.notifications() if record["eventID"] in mail.body]
    lines = [line for line in observer.importer_log() if record["eventID"] in line]
    known = (MEMBERS[0].name, "Root / Workloads", "less than 35 days")
    return (
        len(findings) == 1
        and len(notifications) == len(ADDRESSES)
        and all(text in mail.body for mail in notifications for text in known)
        and bool(lines)
    )


def _publishes_once(observer: Observer) -> bool:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)
    observer.deliver(record)
    return len(observer.notifications_of(record)) == 1 and observer.waiting() == 0


def _publishes_after_a_failure(observer: Observer) -> bool:
    """At the next retry, before the claim expires."""
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.faults.inject(FAILED, "sns", "Publish")
    observer.deliver(record)
    observer.sandbox.let_time_pass()
    observer.sandbox.settle()
    return len(observer.notifications_of(record)) == 1


def _retries_after_a_delay(observer: Observer) -> bool:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.faults.inject(FAILED, *IMPORT, times=2)
    observer.send(event_bridge(record))
    observer.sandbox.settle()
    logged = len(observer.importer_log())
    for _ in range(2):
        observer.sandbox.let_time_pass()
        observer.sandbox.settle()
    deferred = not any(
        "message stays in the queue" in line for line in observer.importer_log()[logged:]
    )
    return deferred and len(observer.active(record)) == 1 and observer.waiting() == 0


def _imports_a_fallback_finding(observer: Observer) -> bool:
    record = sign_ins.root_without_mfa(VICTIM)
    off = ErrorResponse("InvalidAccessException", 401)
    observer.sandbox.faults.inject(off, *IMPORT, account=VICTIM)
    observer.deliver(record)
    return [finding["AwsAccountId"] for finding in observer.active(record)] == [SECURITY.id]


def _dead_letters_unreadable_content(observer: Observer) -> bool:
    observer.delete_dead_letter_messages()
    record = {**sign_ins.root_without_mfa(VICTIM), "eventTime": "yesterday"}
    observer.deliver(record)
    messages = [one for one in observer.dead_letter_messages() if record["eventID"] in one["body"]]
    return len(messages) == 1 and bool(messages[0]["reason"])


def _keeps_imported_findings_single(observer: Observer) -> bool:
    """Also if the account denies access before the event arrives again."""
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)
    shut_out = ErrorResponse("AccessDeniedException", 403)
    observer.sandbox.faults.inject(shut_out, *IMPORT, account=VICTIM, times=None)
    observer.deliver(record)
    observer.sandbox.faults.clear()
    return [finding["AwsAccountId"] for finding in observer.active(record)] == [VICTIM]


# The behavior that each action is required for, by statement.
NEEDED: dict[tuple[str, str], Behavior] = {
    ("EncryptNotifications", "kms:Decrypt"): _reports_a_sign_in,
    ("EncryptNotifications", "kms:GenerateDataKey*"): _reports_a_sign_in,
    ("AssumeMemberRole", "sts:AssumeRole"): _reports_a_sign_in,
    ("DescribeAccounts", "organizations:DescribeAccount"): _reports_a_sign_in,
    ("DescribeAccounts", "organizations:DescribeOrganizationalUnit"): _reports_a_sign_in,
    ("DescribeAccounts", "organizations:ListParents"): _reports_a_sign_in,
    ("PublishNotifications", "sns:Publish"): _reports_a_sign_in,
    ("SendDeadLetterMessages", "sqs:SendMessage"): _dead_letters_unreadable_content,
    ("UseIdempotencyTable", "dynamodb:DeleteItem"): _publishes_after_a_failure,
    ("UseIdempotencyTable", "dynamodb:GetItem"): _keeps_imported_findings_single,
    ("UseIdempotencyTable", "dynamodb:PutItem"): _publishes_once,
    ("UseIdempotencyTable", "dynamodb:UpdateItem"): _publishes_once,
    ("ImportFallbackFindings", "securityhub:BatchImportFindings"): _imports_a_fallback_finding,
    ("UseQueue", "sqs:ChangeMessageVisibility"): _retries_after_a_delay,
    ("UseQueue", "sqs:DeleteMessage"): _retries_after_a_delay,
    ("UseQueue", "sqs:GetQueueAttributes"): _retries_after_a_delay,
    ("UseQueue", "sqs:ReceiveMessage"): _retries_after_a_delay,
    ("UseQueue", "sqs:SendMessage"): _imports_a_fallback_finding,
    ("WriteLogs", "logs:CreateLogStream"): _reports_a_sign_in,
    ("WriteLogs", "logs:PutLogEvents"): _reports_a_sign_in,
}
# The same for each condition.
BOUND: dict[str, Behavior] = {
    "EncryptNotifications": _reports_a_sign_in,
    "AssumeMemberRole": _reports_a_sign_in,
    "ImportFallbackFindings": _imports_a_fallback_finding,
}


@pytest.fixture
def short_timeouts(observer: Observer) -> Iterator[Observer]:
    """Each call once: retries of denied calls do not matter here."""
    with observer.environment(MAX_ATTEMPTS="1"):
        yield observer


def test_the_list_contains_every_action_of_the_importers_policy(
    observer: Observer, deployment: Deployment
) -> None:
    del deployment
    policy = _policy(observer, SECURITY.id, IMPORTER)

    assert sorted(
        (s["Sid"], action) for s in policy["Statement"] for action in _listed(s["Action"])
    ) == sorted(NEEDED)


def test_with_all_permissions_the_importer_works(
    short_timeouts: Observer,
) -> None:
    broken = []
    for behavior in dict.fromkeys([*NEEDED.values(), *BOUND.values()]):
        if not behavior(short_timeouts):
            broken.append(behavior.__name__)
        short_timeouts.drain()

    assert broken == []


@pytest.mark.parametrize(("statement", "action"), NEEDED)
def test_without_an_action_the_importer_fails(
    statement: str, action: str, short_timeouts: Observer
) -> None:
    def drop(policy: dict[str, Any]) -> None:
        _drop(policy, statement, action)

    with _changed_policy(short_timeouts, SECURITY.id, IMPORTER, drop):
        kept = NEEDED[statement, action](short_timeouts)

    assert not kept


@pytest.mark.parametrize("statement", BOUND)
def test_with_another_condition_the_importer_fails(
    statement: str, short_timeouts: Observer
) -> None:
    def change(policy: dict[str, Any]) -> None:
        [bound] = [one for one in policy["Statement"] if one["Sid"] == statement]
        [(key, _)] = bound["Condition"]["StringEquals"].items()
        bound["Condition"]["StringEquals"][key] = "another"

    with _changed_policy(short_timeouts, SECURITY.id, IMPORTER, change):
        kept = BOUND[statement](short_timeouts)

    assert not kept


@pytest.mark.parametrize("part", ["Action", "Resource"])
def test_with_another_permission_in_the_member_role_the_import_fails(
    part: str, observer: Observer, deployment: Deployment
) -> None:
    role = deployment.outputs("organization")["member_role_name"]
    other = {"Action": "securityhub:GetFindings", "Resource": "arn:aws:securityhub:::product/a/b"}
    assert _reports_a_sign_in(observer)
    with _changed_policy(
        observer, VICTIM, role, lambda policy: policy["Statement"][0].update({part: other[part]})
    ):
        assert not _reports_a_sign_in(observer)


@pytest.mark.parametrize("key", ["aws:PrincipalArn", "aws:PrincipalOrgID"])
def test_with_another_condition_in_the_trust_policy_the_importer_is_denied(
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
    observer.sandbox.let_roles_take_effect()
    try:
        whole = _reports_a_sign_in(observer)
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        observer.sandbox.let_roles_take_effect()

    assert changed != trust
    assert not whole


def test_no_other_identity_of_the_security_account_assumes_the_member_role(
    observer: Observer, deployment: Deployment
) -> None:
    role = deployment.outputs("organization")["member_role_name"]
    sts = observer.sandbox.client("sts", SECURITY.id)

    with pytest.raises(sts.exceptions.ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{VICTIM}:role/{role}", RoleSessionName="curious")


@contextmanager
def _changed_policy(observer: Observer, account: str, role: str, change: Change) -> Iterator[None]:
    iam = observer.sandbox.client("iam", account)
    original = _policy(observer, account, role)
    changed = copy.deepcopy(original)
    change(changed)
    iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(changed))
    observer.sandbox.let_roles_take_effect()
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(original))
        observer.sandbox.let_roles_take_effect()


def _policy(observer: Observer, account: str, role: str) -> dict[str, Any]:
    iam = observer.sandbox.client("iam", account)
    document: dict[str, Any] = iam.get_role_policy(RoleName=role, PolicyName=POLICY)[
        "PolicyDocument"
    ]
    return document


def _drop(policy: dict[str, Any], sid: str, action: str) -> None:
    """Remove the action, and a statement without actions."""
    for statement in policy["Statement"]:
        if statement["Sid"] == sid:
            statement["Action"] = [a for a in _listed(statement["Action"]) if a != action]
    policy["Statement"] = [s for s in policy["Statement"] if s["Action"]]


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
