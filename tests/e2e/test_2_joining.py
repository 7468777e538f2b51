"""Every account from the second it joins, over both paths, without any deployment in between."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from demo.deployment import Deployment
from sandbox.cloudtrail import sign_ins
from sandbox.cloudtrail.trails import Trails
from sandbox.local import REGION
from sandbox.organizations.organization import (
    MANAGEMENT,
    MEMBERS,
    ROOT_ID,
    SECURITY,
    Account,
    leave,
    new_number,
    open_account,
    reinstate,
    suspend,
)
from tests.e2e.observer import PREFIX, Observer
from tests.e2e.remaining_resources import names_in
from tests.e2e.test_1_deployment import STACKS

PATHS: dict[str, Callable[[Trails, Any], Any]] = {
    "trail": lambda trails, record: trails.log(record),
    "event bus": lambda trails, record: trails.emit(record),
    "both": lambda trails, record: trails.record(record),
}
each_path = pytest.mark.parametrize("path", PATHS)


def sign_in(observer: Observer, account: str, path: str) -> dict[str, Any]:
    record = sign_ins.root_without_mfa(account)
    PATHS[path](observer.sandbox.services.trails, record)
    observer.sandbox.settle()
    return record


def assert_notified(observer: Observer, account: str, path: str) -> None:
    """One finding in the account itself, as the security account sees it, and one notification.

    Now, and when all is over: of two invocations at once, one comes back to see what the other did.
    """
    record = sign_in(observer, account, path)
    now = (observer.active(record), observer.notifications_of(record))
    observer.drain()

    assert [finding["AwsAccountId"] for finding in now[0]] == [account]
    assert len(now[1]) == 1
    assert (observer.active(record), observer.notifications_of(record)) == now
    assert observer.dead_letter_messages() == []


def create_account(observer: Observer) -> str:
    organizations = observer.sandbox.client("organizations")
    name = f"new-{new_number()}"
    asked = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
    status = organizations.describe_create_account_status(
        CreateAccountRequestId=asked["CreateAccountStatus"]["Id"]
    )["CreateAccountStatus"]
    assert status["State"] == "SUCCEEDED"
    return str(status["AccountId"])


@pytest.fixture
def created(observer: Observer) -> str:
    """An account that was just created by the Organizations API."""
    return create_account(observer)


@pytest.fixture
def invited(observer: Observer) -> str:
    """An account that lived on its own, and accepted its invitation."""
    alone = Account(new_number(), "acquired")
    open_account(alone)
    organizations = observer.sandbox.client("organizations")
    target = {"Id": alone.id, "Type": "ACCOUNT"}
    handshake = organizations.invite_account_to_organization(Target=target)["Handshake"]["Id"]
    theirs = observer.sandbox.client("organizations", alone.id)
    theirs.accept_handshake(HandshakeId=handshake)
    return alone.id


@pytest.fixture
def moved(observer: Observer, created: str) -> str:
    """An account that moved through two units."""
    organizations = observer.sandbox.client("organizations")
    place = ROOT_ID
    for name in (f"quarantine-{created}", f"production-{created}"):
        unit = organizations.create_organizational_unit(ParentId=ROOT_ID, Name=name)
        unit_id = unit["OrganizationalUnit"]["Id"]
        organizations.move_account(
            AccountId=created, SourceParentId=place, DestinationParentId=unit_id
        )
        place = unit_id
    return created


@each_path
def test_a_created_account_is_covered(observer: Observer, created: str, path: str) -> None:
    assert_notified(observer, created, path)


@each_path
def test_an_invited_account_is_covered(observer: Observer, invited: str, path: str) -> None:
    assert_notified(observer, invited, path)


@each_path
def test_an_account_that_moved_between_units_is_covered(
    observer: Observer, moved: str, path: str
) -> None:
    assert_notified(observer, moved, path)


@each_path
def test_the_management_account_is_covered(observer: Observer, path: str) -> None:
    assert_notified(observer, MANAGEMENT.id, path)


@each_path
@pytest.mark.parametrize("account", [SECURITY.id, MEMBERS[0].id], ids=["security", "member"])
def test_existing_accounts_are_covered(observer: Observer, account: str, path: str) -> None:
    assert_notified(observer, account, path)


@each_path
def test_a_suspended_account_does_not_affect_the_others(
    observer: Observer, created: str, path: str
) -> None:
    suspend(created)
    try:
        for account in (create_account(observer), MEMBERS[0].id):
            assert_notified(observer, account, path)
    finally:
        reinstate(created)


def test_an_account_that_left_has_nothing_of_rootwatch_any_more(
    observer: Observer, created: str
) -> None:
    before = names_in(observer.sandbox, created, REGION, PREFIX)
    leave(created)

    assert before
    assert names_in(observer.sandbox, created, REGION, PREFIX) == []


def test_accounts_that_join_ask_for_no_deployment(
    observer: Observer, created: str, deployment: Deployment
) -> None:
    assert names_in(observer.sandbox, created, REGION, PREFIX)
    assert {stack: deployment.plan(stack) for stack in STACKS} == {stack: [] for stack in STACKS}


@pytest.mark.parametrize(
    "detail_type", ["AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail"]
)
def test_both_spellings_of_the_sign_ins_name_arrive(observer: Observer, detail_type: str) -> None:
    record = sign_ins.root_without_mfa(MEMBERS[0].id)
    observer.sandbox.services.trails.emit(record, detail_type=detail_type)
    observer.sandbox.settle()

    assert len(observer.active(record)) == 1


@pytest.mark.parametrize("first", ["trail", "event bus"])
def test_whichever_path_is_first_the_second_changes_nothing(observer: Observer, first: str) -> None:
    trails = observer.sandbox.services.trails
    record = sign_ins.root_without_mfa(MEMBERS[0].id)
    ways = [trails.log, trails.emit] if first == "trail" else [trails.emit, trails.log]
    seen = []
    for way in ways:
        way(record)
        observer.sandbox.settle()
        seen.append(observer.active(record))

    assert seen[0] == seen[1]
    assert len(seen[1]) == len(observer.notifications_of(record)) == 1


@pytest.mark.parametrize(
    "make",
    [sign_ins.root_failing, sign_ins.single_sign_on, sign_ins.iam_user_without_mfa],
    ids=lambda make: make.__name__,
)
def test_other_sign_ins_do_not_even_reach_the_importer(
    observer: Observer, make: Callable[[str], dict[str, Any]]
) -> None:
    record = make(MEMBERS[0].id)
    before = observer.importer_log()
    observer.sandbox.services.trails.emit(record)
    observer.sandbox.settle()

    assert observer.importer_log() == before
    assert observer.active(record) == []


def test_what_the_queue_refuses_is_a_dead_letter_and_can_be_put_back(observer: Observer) -> None:
    sqs = observer.sandbox.client("sqs", SECURITY.id)
    url = sqs.get_queue_url(QueueName=f"{PREFIX}-finding-importer")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    document = json.loads(policy["Policy"])
    kept = [one for one in document["Statement"] if one["Sid"] != "AllowEventRule"]
    closed = json.dumps({**document, "Statement": kept})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": closed})
    try:
        record = sign_in(observer, MEMBERS[0].id, "event bus")
        messages = observer.dead_letter_messages()
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)
    before = observer.active(record)
    observer.put_back()

    assert [record["eventID"] in message["body"] for message in messages] == [True]
    assert before == []
    assert len(observer.active(record)) == len(observer.notifications_of(record)) == 1


def test_no_identity_can_forge_a_sign_in(observer: Observer) -> None:
    """AWS alone sends a source of `aws.`, and the rule takes no other."""
    bus = f"arn:aws:events:{REGION}:{SECURITY.id}:event-bus/{PREFIX}-sign-ins"
    record = sign_ins.root_without_mfa(MEMBERS[0].id)
    sent = [
        observer.sandbox.client("events", MEMBERS[1].id).put_events(
            Entries=[
                {
                    "Source": source,
                    "DetailType": "AWS Console Sign In via CloudTrail",
                    "Detail": json.dumps(record),
                    "EventBusName": bus,
                }
            ]
        )["FailedEntryCount"]
        for source in ("aws.signin", "signin")
    ]
    observer.sandbox.settle()

    assert sent == [1, 0]
    assert observer.active(record) == []
