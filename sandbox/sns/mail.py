"""SNS e-mail in the sandbox: subscriptions wait for a person, and messages land in mailboxes.

https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

import functools
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from moto.core.responses import ActionResult
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription
from moto.sns.responses import SNSResponse

from sandbox.sns import publications
from sandbox.sns.publications import message_for

WEB = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    body: str
    topic_arn: str
    token: str | None = None  # in a request to confirm a subscription


@dataclass(slots=True)
class Mailboxes:
    _mails: list[Mail] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    posts: list[Mail] = field(default_factory=list)  # to web addresses; none goes out from here

    def deliver(self, mail: Mail) -> None:
        with self._lock:
            self._mails.append(mail)

    def everything(self) -> list[Mail]:
        with self._lock:
            return list(self._mails)

    def messages(self) -> list[Mail]:
        """All mails but the requests to confirm, oldest first."""
        return [mail for mail in self.everything() if mail.token is None]

    def confirmations(self) -> list[Mail]:
        return [mail for mail in self.everything() if mail.token is not None]

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(publications.installed())
            stack.enter_context(
                patch.object(SNSBackend, "subscribe", self._subscribing(SNSBackend.subscribe))
            )
            stack.enter_context(
                patch.object(Subscription, "publish", self._publishing(Subscription.publish))
            )
            stack.enter_context(
                patch.object(SNSResponse, "confirm_subscription", self._confirming())
            )
            stack.enter_context(
                patch.object(SNSBackend, "unsubscribe", _unsubscribing(SNSBackend.unsubscribe))
            )
            yield

    def _subscribing(self, subscribe: Any) -> Any:
        @functools.wraps(subscribe)
        def subscribing(
            backend: SNSBackend, topic_arn: str, endpoint: str, protocol: str
        ) -> Subscription:
            subscription: Subscription = subscribe(backend, topic_arn, endpoint, protocol)
            if protocol == "email" and "Token" not in vars(subscription):
                self._ask(subscription)
            if protocol in WEB:  # AWS's chat service, for one, confirms without a person
                subscription.confirmed = True
            return subscription

        return subscribing

    def _ask(self, subscription: Subscription) -> None:
        token = uuid.uuid4().hex
        vars(subscription)["Token"] = token
        subscription.confirmed = False
        subscription.attributes["PendingConfirmation"] = "true"
        subscription.attributes["ConfirmationWasAuthenticated"] = "false"
        body = (
            f"You have chosen to subscribe to the topic:\n{subscription.topic_arn}\n\n"
            f"To confirm this subscription, use this token:\n{token}\n"
        )
        subject = "AWS Notification - Subscription Confirmation"
        self.deliver(Mail(subscription.endpoint, subject, body, subscription.topic_arn, token))

    def _publishing(self, publish: Any) -> Any:
        @functools.wraps(publish)
        def publishing(
            subscription: Subscription, message: str, message_id: str, **options: Any
        ) -> None:
            protocol, topic_arn = subscription.protocol, subscription.topic_arn
            if protocol not in {"email", *WEB}:
                publish(subscription, message, message_id, **options)
            elif subscription.confirmed:
                subject = options.get("subject") or "AWS Notification Message"
                body = message_for(protocol, message, options.get("message_structure"))
                mail = Mail(subscription.endpoint, subject, body, topic_arn)
                (self.posts.append if protocol in WEB else self.deliver)(mail)

        return publishing

    def _confirming(self) -> Any:
        def confirm_subscription(response: SNSResponse) -> ActionResult:
            topic_arn = response._get_param("TopicArn")  # noqa: SLF001  moto's own way
            token = response._get_param("Token")  # noqa: SLF001  moto's own way
            for subscription in response.backend.subscriptions.values():
                if (subscription.topic_arn, vars(subscription).get("Token")) == (topic_arn, token):
                    subscription.confirmed = True
                    subscription.attributes["PendingConfirmation"] = "false"
                    return ActionResult({"SubscriptionArn": subscription.arn})
            raise SNSInvalidParameter("Invalid parameter: Token")

        return confirm_subscription


def _unsubscribing(unsubscribe: Any) -> Any:
    @functools.wraps(unsubscribe)
    def unsubscribing(backend: SNSBackend, subscription_arn: str) -> None:
        subscription = backend.subscriptions.get(subscription_arn)
        if (
            subscription is not None
            and subscription.attributes.get("PendingConfirmation") == "true"
        ):
            raise SNSInvalidParameter(
                "Invalid parameter: This subscription is pending confirmation and cannot be removed"
            )
        unsubscribe(backend, subscription_arn)

    return unsubscribing
