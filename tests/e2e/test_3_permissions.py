"""Least privilege, from below: without any one of its rights the job is not done."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.deployment import Deployment
from sandbox.cloudtrail import sign_ins
from sandbox.faults import ErrorAnswer
from sandbox.organizations.organization import MEMBERS, SECURITY
from tests.e2e.observer import ADDRESSES, IMPORTER, Observer
from tests.e2e.test_4_outcomes import FAILED, IMPORT, event_bridge

VICTIM = MEMBERS[0].id
POLICY = "import-findings"
type Change = Callable[[dict[str, Any]], None]
type Promise = Callable[[Observer], bool]


def _reports_a_sign_in(observer: Observer) -> bool:
    """A finding, a notification for each addressee that knows the account, and lines in the log."""
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


def _tells_once(observer: Observer) -> bool:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)
    observer.deliver(record)
    return len(observer.notifications_of(record)) == 1 and observer.waiting() == 0


def _tells_later_what_could_not_be_told(observer: Observer) -> bool:
    """At the next try, not when a claim that nobody released is over."""
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.faults.inject(FAILED, "sns", "Publish")
    observer.deliver(record)
    observer.sandbox.let_time_pass()
    observer.sandbox.settle()
    return len(observer.notifications_of(record)) == 1


def _tries_again_after_a_while(observer: Observer) -> bool:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.faults.inject(FAILED, *IMPORT, times=2)
    observer.send(event_bridge(record))
    observer.sandbox.settle()
    logged = len(observer.importer_log())
    for _ in range(2):
        observer.sandbox.let_time_pass()
        observer.sandbox.settle()
    postponed = not any(
        "message stays in the queue" in line for line in observer.importer_log()[logged:]
    )
    return postponed and len(observer.active(record)) == 1 and observer.waiting() == 0


def _stands_in_for_an_account(observer: Observer) -> bool:
    record = sign_ins.root_without_mfa(VICTIM)
    off = ErrorAnswer("InvalidAccessException", 401)
    observer.sandbox.faults.inject(off, *IMPORT, account=VICTIM)
    observer.deliver(record)
    return [finding["AwsAccountId"] for finding in observer.active(record)] == [SECURITY.id]


def _puts_aside_what_it_cannot_read(observer: Observer) -> bool:
    observer.forget_dead_letters()
    record = {**sign_ins.root_without_mfa(VICTIM), "eventTime": "yesterday"}
    observer.deliver(record)
    letters = [one for one in observer.dead_letters() if record["eventID"] in one["body"]]
    return len(letters) == 1 and bool(letters[0]["reason"])


def _leaves_alone_what_its_owner_took(observer: Observer) -> bool:
    """Also where the owner shuts it out before the event arrives once more."""
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)
    shut_out = ErrorAnswer("AccessDeniedException", 403)
    observer.sandbox.faults.inject(shut_out, *IMPORT, account=VICTIM, times=None)
    observer.deliver(record)
    observer.sandbox.faults.clear()
    return [finding["AwsAccountId"] for finding in observer.active(record)] == [VICTIM]


# Which promise each action is for, by the statement that gives it.
NEEDED: dict[tuple[str, str], Promise] = {
    ("EncryptNotifications", "kms:Decrypt"): _reports_a_sign_in,
    ("EncryptNotifications", "kms:GenerateDataKey*"): _reports_a_sign_in,
    ("EnterOwningAccount", "sts:AssumeRole"): _reports_a_sign_in,
    ("LookUpAccounts", "organizations:DescribeAccount"): _reports_a_sign_in,
    ("LookUpAccounts", "organizations:DescribeOrganizationalUnit"): _reports_a_sign_in,
    ("LookUpAccounts", "organizations:ListParents"): _reports_a_sign_in,
    ("PublishNotifications", "sns:Publish"): _reports_a_sign_in,
    ("DeadLettered", "sqs:SendMessage"): _puts_aside_what_it_cannot_read,
    ("RememberWhatWasDone", "dynamodb:DeleteItem"): _tells_later_what_could_not_be_told,
    ("RememberWhatWasDone", "dynamodb:GetItem"): _leaves_alone_what_its_owner_took,
    ("RememberWhatWasDone", "dynamodb:PutItem"): _tells_once,
    ("RememberWhatWasDone", "dynamodb:UpdateItem"): _tells_once,
    ("StandInForOwningAccounts", "securityhub:BatchImportFindings"): _stands_in_for_an_account,
    ("WorkItsQueue", "sqs:ChangeMessageVisibility"): _tries_again_after_a_while,
    ("WorkItsQueue", "sqs:DeleteMessage"): _tries_again_after_a_while,
    ("WorkItsQueue", "sqs:GetQueueAttributes"): _tries_again_after_a_while,
    ("WorkItsQueue", "sqs:ReceiveMessage"): _tries_again_after_a_while,
    ("WorkItsQueue", "sqs:SendMessage"): _stands_in_for_an_account,
    ("WriteItsLog", "logs:CreateLogStream"): _reports_a_sign_in,
    ("WriteItsLog", "logs:PutLogEvents"): _reports_a_sign_in,
}
# And each condition.
BOUND: dict[str, Promise] = {
    "EncryptNotifications": _reports_a_sign_in,
    "EnterOwningAccount": _reports_a_sign_in,
    "StandInForOwningAccounts": _stands_in_for_an_account,
}


@pytest.fixture
def impatient(observer: Observer) -> Iterator[Observer]:
    """Each call once: that a refused one is repeated is no matter here."""
    with observer.environment(MAX_ATTEMPTS="1"):
        yield observer


def test_the_list_of_actions_is_the_whole_of_the_importers_policy(
    observer: Observer, deployment: Deployment
) -> None:
    del deployment
    policy = _policy(observer, SECURITY.id, IMPORTER)

    assert sorted(
        (s["Sid"], action) for s in policy["Statement"] for action in _listed(s["Action"])
    ) == sorted(NEEDED)


def test_with_all_rights_of_its_role_the_importer_does_all_that_it_promises(
    impatient: Observer,
) -> None:
    broken = []
    for promise in dict.fromkeys([*NEEDED.values(), *BOUND.values()]):
        if not promise(impatient):
            broken.append(promise.__name__)
        impatient.drain()

    assert broken == []


@pytest.mark.parametrize(("statement", "action"), NEEDED)
def test_without_an_action_of_its_role_the_importer_breaks_a_promise(
    statement: str, action: str, impatient: Observer
) -> None:
    def drop(policy: dict[str, Any]) -> None:
        _drop(policy, statement, action)

    with _changed_policy(impatient, SECURITY.id, IMPORTER, drop):
        kept = NEEDED[statement, action](impatient)

    assert not kept


@pytest.mark.parametrize("statement", BOUND)
def test_under_another_condition_the_importer_breaks_a_promise(
    statement: str, impatient: Observer
) -> None:
    def change(policy: dict[str, Any]) -> None:
        [bound] = [one for one in policy["Statement"] if one["Sid"] == statement]
        [(key, _)] = bound["Condition"]["StringEquals"].items()
        bound["Condition"]["StringEquals"][key] = "another"

    with _changed_policy(impatient, SECURITY.id, IMPORTER, change):
        kept = BOUND[statement](impatient)

    assert not kept


@pytest.mark.parametrize("part", ["Action", "Resource"])
def test_with_another_permission_in_the_member_role_the_finding_is_refused(
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
        whole = _reports_a_sign_in(observer)
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


def _drop(policy: dict[str, Any], sid: str, action: str) -> None:
    """A statement without an action is none, so it goes too."""
    for statement in policy["Statement"]:
        if statement["Sid"] == sid:
            statement["Action"] = [a for a in _listed(statement["Action"]) if a != action]
    policy["Statement"] = [s for s in policy["Statement"] if s["Action"]]


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
