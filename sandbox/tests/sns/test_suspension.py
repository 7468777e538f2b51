"""Email subscriptions that receive too many messages, and their unsubscribe links."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.sns.models import Subscription, sns_backends

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.sns.mail import (
    MAX_MAILS_PER_SECOND,
    PENDING_SECONDS,
    Mailboxes,
    UnsubscribeLinkError,
)
from sandbox.tests.resources import (
    REGION,
    confirmations,
    create_topic,
    mails,
    message_of,
    subscribe,
)


class Time:
    now = 0.0


@pytest.fixture
def mailboxes(sandbox: Sandbox) -> Mailboxes:
    return sandbox.services.mailboxes


@pytest.fixture
def time(mailboxes: Mailboxes) -> Iterator[Time]:
    """Time stands still unless a test moves it, and SNS suspends subscriptions."""
    fixed, before = Time(), (mailboxes.suspends, mailboxes.now)
    mailboxes.suspends, mailboxes.now = True, lambda: fixed.now
    yield fixed
    mailboxes.suspends, mailboxes.now = before


@pytest.fixture
def sns(sandbox: Sandbox) -> Any:
    return sandbox.client("sns", SECURITY.id)


@pytest.fixture
def topic(sandbox: Sandbox) -> str:
    return create_topic(sandbox, SECURITY.id)


def publish(sns: Any, topic: str, count: int) -> None:
    for number in range(count):
        sns.publish(TopicArn=topic, Message=str(number))


def attributes(sns: Any, subscription: str) -> Any:
    return sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]


def subscription_of(arn: str) -> Subscription:
    found = sns_backends[SECURITY.id][REGION].subscriptions[arn]
    assert isinstance(found, Subscription)
    return found


@pytest.mark.usefixtures("time")
def test_the_eleventh_message_within_a_second_suspends_the_subscription(
    sandbox: Sandbox, sns: Any, topic: str
) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com")
    publish(sns, topic, MAX_MAILS_PER_SECOND)
    assert attributes(sns, subscription)["PendingConfirmation"] == "false"

    publish(sns, topic, 1)

    assert attributes(sns, subscription)["PendingConfirmation"] == "true"
    assert len(mails(sandbox, topic)) == MAX_MAILS_PER_SECOND


def test_a_suspended_subscription_receives_nothing_however_long_it_waits(
    sandbox: Sandbox, sns: Any, topic: str, time: Time
) -> None:
    subscribe(sandbox, topic, "ana@example.com")
    publish(sns, topic, MAX_MAILS_PER_SECOND + 1)

    time.now += 3600
    publish(sns, topic, 1)

    assert len(mails(sandbox, topic)) == MAX_MAILS_PER_SECOND


def test_a_subscription_that_nobody_confirms_is_deleted_after_two_days(
    sandbox: Sandbox, sns: Any, topic: str, time: Time, mailboxes: Mailboxes
) -> None:
    confirmed = subscribe(sandbox, topic, "ana@example.com")
    pending = subscribe(sandbox, topic, "ben@example.com", confirm=False)

    kept = listed(sns, mailboxes)
    time.now += PENDING_SECONDS
    left = listed(sns, mailboxes)

    assert {confirmed, pending} <= kept
    assert confirmed in left
    assert pending not in left


def listed(sns: Any, mailboxes: Mailboxes) -> set[str]:
    """The subscriptions after SNS has deleted the expired ones."""
    mailboxes.delete_expired()
    return {str(one["SubscriptionArn"]) for one in sns.list_subscriptions()["Subscriptions"]}


def test_the_clock_of_the_sandbox_deletes_expired_subscriptions(
    sandbox: Sandbox, sns: Any, topic: str, mailboxes: Mailboxes
) -> None:
    pending = subscribe(sandbox, topic, "ana@example.com", confirm=False)
    assert pending in listed(sns, mailboxes)

    sandbox.clock.advance(PENDING_SECONDS + 60)

    found = [one["SubscriptionArn"] for one in sns.list_subscriptions()["Subscriptions"]]
    assert pending not in found


def test_ten_messages_each_second_are_delivered(
    sandbox: Sandbox, sns: Any, topic: str, time: Time
) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com")
    for _ in range(3):
        publish(sns, topic, MAX_MAILS_PER_SECOND)
        time.now += 1

    assert len(mails(sandbox, topic)) == 3 * MAX_MAILS_PER_SECOND
    assert attributes(sns, subscription)["PendingConfirmation"] == "false"


@pytest.mark.usefixtures("time")
def test_the_subscriptions_of_a_topic_are_counted_apart(
    sandbox: Sandbox, sns: Any, topic: str
) -> None:
    for address in ("ana@example.com", "ben@example.com"):
        subscribe(sandbox, topic, address, confirm=False)
    for request in confirmations(sandbox, topic):
        sns.confirm_subscription(TopicArn=topic, Token=request.token)

    publish(sns, topic, MAX_MAILS_PER_SECOND)

    assert len(mails(sandbox, topic)) == 2 * MAX_MAILS_PER_SECOND


def test_a_new_confirmation_resumes_the_subscription(
    sandbox: Sandbox, sns: Any, topic: str, time: Time
) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com")
    (old,) = confirmations(sandbox, topic)
    publish(sns, topic, MAX_MAILS_PER_SECOND + 1)
    with pytest.raises(ClientError):
        sns.confirm_subscription(TopicArn=topic, Token=old.token)

    time.now += 1
    resumed = subscribe(sandbox, topic, "ana@example.com")
    publish(sns, topic, 1)

    assert resumed == subscription
    assert len(mails(sandbox, topic)) == MAX_MAILS_PER_SECOND + 1


def test_messages_are_not_counted_unless_sns_suspends_subscriptions(
    sandbox: Sandbox, sns: Any, topic: str, time: Time, mailboxes: Mailboxes
) -> None:
    del time
    mailboxes.suspends = False
    subscribe(sandbox, topic, "ana@example.com")

    publish(sns, topic, 3 * MAX_MAILS_PER_SECOND)

    assert len(mails(sandbox, topic)) == 3 * MAX_MAILS_PER_SECOND


def test_aws_refuses_to_remove_a_suspended_subscription_in_the_words_of_the_provider(
    sandbox: Sandbox, sns: Any, topic: str
) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com", confirm=False)

    with pytest.raises(ClientError) as refused:
        sns.unsubscribe(SubscriptionArn=subscription)

    expected = "Cannot unsubscribe a subscription that is pending confirmation"
    assert expected in message_of(refused.value)
    sns.delete_topic(TopicArn=topic)
    listed = sns.list_subscriptions()["Subscriptions"]
    assert subscription not in [one["SubscriptionArn"] for one in listed]


def test_anybody_with_a_notification_can_unsubscribe(
    sandbox: Sandbox, sns: Any, topic: str, mailboxes: Mailboxes
) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com")
    assert attributes(sns, subscription)["ConfirmationWasAuthenticated"] == "false"

    mailboxes.follow_unsubscribe_link(subscription_of(subscription))
    publish(sns, topic, 1)

    assert mails(sandbox, topic) == []


def test_an_authenticated_confirmation_makes_the_link_useless(
    sandbox: Sandbox, sns: Any, topic: str, mailboxes: Mailboxes
) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com", confirm=False)
    (request,) = confirmations(sandbox, topic)
    sns.confirm_subscription(TopicArn=topic, Token=request.token, AuthenticateOnUnsubscribe="true")
    assert attributes(sns, subscription)["ConfirmationWasAuthenticated"] == "true"

    with pytest.raises(UnsubscribeLinkError):
        mailboxes.follow_unsubscribe_link(subscription_of(subscription))
    publish(sns, topic, 1)

    assert len(mails(sandbox, topic)) == 1
