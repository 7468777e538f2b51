"""Each permission of the event path is needed: without it nothing arrives by this path."""

import copy
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from sandbox.cloudtrail import sign_ins
from sandbox.local import REGION
from sandbox.organizations.organization import MEMBERS, SECURITY, Account, new_number, open_account
from tests.e2e.observer import PREFIX, Observer

VICTIM = MEMBERS[0].id
NAME = f"{PREFIX}-sign-ins"  # of rule, role and bus


def arrives(observer: Observer) -> bool:
    """By the event path alone."""
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.services.trails.emit(record)
    observer.sandbox.settle()
    return len(observer.active(record)) == 1


@contextmanager
def _without_the_roles_policy(observer: Observer) -> Iterator[None]:
    iam = observer.sandbox.client("iam", VICTIM)
    [name] = iam.list_role_policies(RoleName=NAME)["PolicyNames"]
    document = iam.get_role_policy(RoleName=NAME, PolicyName=name)["PolicyDocument"]
    iam.delete_role_policy(RoleName=NAME, PolicyName=name)
    observer.sandbox.let_roles_take_effect()
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=NAME, PolicyName=name, PolicyDocument=json.dumps(document))
        observer.sandbox.let_roles_take_effect()


@contextmanager
def _role_trusts_another(observer: Observer, operator: str, key: str) -> Iterator[None]:
    iam = observer.sandbox.client("iam", VICTIM)
    trust = iam.get_role(RoleName=NAME)["Role"]["AssumeRolePolicyDocument"]
    changed = copy.deepcopy(trust)
    changed["Statement"][0]["Condition"][operator][key] = "another"
    assert changed != trust
    iam.update_assume_role_policy(RoleName=NAME, PolicyDocument=json.dumps(changed))
    observer.sandbox.let_roles_take_effect()
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=NAME, PolicyDocument=json.dumps(trust))
        observer.sandbox.let_roles_take_effect()


@contextmanager
def _bus_is_for_another_organization(observer: Observer) -> Iterator[None]:
    events = observer.sandbox.client("events", SECURITY.id)
    policy = json.loads(events.describe_event_bus(Name=NAME)["Policy"])
    changed = copy.deepcopy(policy)
    changed["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalOrgID"] = "o-otherorgid"
    events.put_permission(EventBusName=NAME, Policy=json.dumps(changed))
    try:
        yield
    finally:
        events.put_permission(EventBusName=NAME, Policy=json.dumps(policy))


@contextmanager
def _rule_is_disabled(observer: Observer, account: str, bus: str) -> Iterator[None]:
    events = observer.sandbox.client("events", account)
    events.disable_rule(Name=NAME, EventBusName=bus)
    try:
        yield
    finally:
        events.enable_rule(Name=NAME, EventBusName=bus)


def breaches(observer: Observer) -> dict[str, AbstractContextManager[None]]:
    trusts = (("StringEquals", "aws:SourceAccount"), ("ArnEquals", "aws:SourceArn"))
    return {
        "role's policy": _without_the_roles_policy(observer),
        **{key: _role_trusts_another(observer, operator, key) for operator, key in trusts},
        "bus's policy": _bus_is_for_another_organization(observer),
        "member's rule": _rule_is_disabled(observer, VICTIM, "default"),
        "bus's rule": _rule_is_disabled(observer, SECURITY.id, NAME),
    }


def test_the_event_path_is_whole(observer: Observer) -> None:
    assert arrives(observer)


@pytest.mark.parametrize(
    "link",
    [
        "role's policy",
        "aws:SourceAccount",
        "aws:SourceArn",
        "bus's policy",
        "member's rule",
        "bus's rule",
    ],
)
def test_without_one_link_nothing_arrives(link: str, observer: Observer) -> None:
    with breaches(observer)[link]:
        broken = not arrives(observer)

    assert broken
    assert arrives(observer)


def test_the_rules_role_may_do_nothing_else(observer: Observer) -> None:
    """Not even its own account may enter it."""
    sts = observer.sandbox.client("sts", VICTIM)

    with pytest.raises(sts.exceptions.ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{VICTIM}:role/{NAME}", RoleSessionName="curious")


def test_other_accounts_cannot_send_to_the_bus(observer: Observer) -> None:
    entry: dict[str, Any] = {
        "Source": "sign-in",
        "DetailType": "AWS Console Sign In via CloudTrail",
        "Detail": "{}",
        "EventBusName": f"arn:aws:events:{REGION}:{SECURITY.id}:event-bus/{NAME}",
    }
    stranger = Account(new_number(), "stranger")
    open_account(stranger)
    inside = observer.sandbox.client("events", VICTIM)
    outside = observer.sandbox.client("events", stranger.id)

    assert inside.put_events(Entries=[entry])["FailedEntryCount"] == 0
    with pytest.raises(outside.exceptions.ClientError, match="AccessDenied"):
        outside.put_events(Entries=[entry])
