"""Email subscriptions, their confirmation, and the checks of Publish."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import (
    code_of,
    confirmations,
    create_topic,
    mails,
    message_of,
    subscribe,
)


@pytest.fixture
def sns(sandbox: Sandbox) -> Any:
    return sandbox.client("sns", SECURITY.id)


@pytest.fixture
def topic(sandbox: Sandbox) -> str:
    return create_topic(sandbox, SECURITY.id)


def test_a_subscription_sends_a_confirmation_request(
    sandbox: Sandbox, sns: Any, topic: str
) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com", confirm=False)

    (request,) = confirmations(sandbox, topic)
    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert (request.to, topic in request.body) == ("ana@example.com", True)
    assert attributes["PendingConfirmation"] == "true"


def test_an_unconfirmed_subscription_receives_no_mail(
    sandbox: Sandbox, sns: Any, topic: str
) -> None:
    subscribe(sandbox, topic, "ana@example.com", confirm=False)

    sns.publish(TopicArn=topic, Message="hello")

    assert mails(sandbox, topic) == []


def test_a_confirmed_subscription_receives_mail(sandbox: Sandbox, sns: Any, topic: str) -> None:
    subscribe(sandbox, topic, "ana@example.com")

    sns.publish(TopicArn=topic, Subject="A subject", Message="hello")

    (mail,) = mails(sandbox, topic)
    assert (mail.to, mail.subject, mail.body) == ("ana@example.com", "A subject", "hello")


def test_a_message_without_a_subject_has_the_default_one(
    sandbox: Sandbox, sns: Any, topic: str
) -> None:
    subscribe(sandbox, topic, "ana@example.com")

    sns.publish(TopicArn=topic, Message="hello")

    assert mails(sandbox, topic)[0].subject == "AWS Notification Message"


def test_only_confirmed_subscriptions_receive_mail(sandbox: Sandbox, sns: Any, topic: str) -> None:
    subscribe(sandbox, topic, "ana@example.com")
    subscribe(sandbox, topic, "ben@example.com", confirm=False)

    sns.publish(TopicArn=topic, Message="hello")

    assert [mail.to for mail in mails(sandbox, topic)] == ["ana@example.com"]


def test_all_subscriptions_can_be_confirmed_at_once(sandbox: Sandbox, sns: Any, topic: str) -> None:
    for address in ("ana@example.com", "ben@example.com"):
        subscribe(sandbox, topic, address, confirm=False)

    sandbox.confirm_subscriptions()
    sns.publish(TopicArn=topic, Message="hello")

    assert {mail.to for mail in mails(sandbox, topic)} == {"ana@example.com", "ben@example.com"}


def test_a_wrong_token_confirms_nothing(sandbox: Sandbox, sns: Any, topic: str) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com", confirm=False)

    with pytest.raises(ClientError) as refused:
        sns.confirm_subscription(TopicArn=topic, Token="0" * 32)

    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert code_of(refused.value) == "InvalidParameter"
    assert attributes["PendingConfirmation"] == "true"


def test_the_token_of_another_topic_confirms_nothing(
    sandbox: Sandbox, sns: Any, topic: str
) -> None:
    other = create_topic(sandbox, SECURITY.id)
    subscribe(sandbox, topic, "ana@example.com", confirm=False)
    subscribe(sandbox, other, "ana@example.com", confirm=False)

    with pytest.raises(ClientError) as refused:
        sns.confirm_subscription(TopicArn=topic, Token=confirmations(sandbox, other)[0].token)

    assert code_of(refused.value) == "InvalidParameter"


def test_a_pending_subscription_cannot_be_removed(sandbox: Sandbox, sns: Any, topic: str) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com", confirm=False)

    with pytest.raises(ClientError) as refused:
        sns.unsubscribe(SubscriptionArn=subscription)

    assert code_of(refused.value) == "InvalidParameter"
    assert "pending confirmation" in message_of(refused.value)


def test_a_removed_subscription_receives_no_mail(sandbox: Sandbox, sns: Any, topic: str) -> None:
    subscription = subscribe(sandbox, topic, "ana@example.com")

    sns.unsubscribe(SubscriptionArn=subscription)
    sns.publish(TopicArn=topic, Message="hello")

    assert mails(sandbox, topic) == []


def test_a_message_can_differ_by_protocol(sandbox: Sandbox) -> None:
    topic, sns = create_topic(sandbox, SECURITY.id), sandbox.client("sns", SECURITY.id)
    subscribe(sandbox, topic, "on-call@example.com")
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://chat.example.com/")
    by_protocol = {"default": "for all", "https": "for the chat"}
    sns.publish(TopicArn=topic, Message=json.dumps(by_protocol), MessageStructure="json")

    (mail,) = mails(sandbox, topic)
    posts = [post for post in sandbox.services.mailboxes.posts if post.topic_arn == topic]
    assert mail.body == "for all"
    assert [post.body for post in posts] == ["for the chat"]


def test_an_invalid_message_is_refused(sandbox: Sandbox) -> None:
    for publication, reason in [
        ({"Message": "{", "MessageStructure": "json"}, "failed to parse"),
        ({"Message": '{"https": "x"}', "MessageStructure": "json"}, "No default entry"),
        ({"Message": "é" * 131_073}, "Message too long"),
        ({"Message": "x", "Subject": "x" * 100}, "Subject"),
        ({"Message": "x", "Subject": "Zürich"}, "Subject"),
        ({"Message": "x", "Subject": "two\nlines"}, "Subject"),
        ({"Message": "x", "Subject": " begins with a space"}, "Subject"),
    ]:
        topic = create_topic(sandbox, SECURITY.id)

        with pytest.raises(ClientError, match=reason) as refused:
            sandbox.client("sns", SECURITY.id).publish(TopicArn=topic, **publication)

        assert code_of(refused.value) == "InvalidParameter", (publication, reason)
