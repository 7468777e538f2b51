"""SNS: the checks of Publish, and e-mail subscriptions, which a person confirms.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription
from moto.sns.responses import SNSResponse

from sandbox.overrides import Override, replace, wrap

WEB = frozenset({"http", "https"})
MAX_MESSAGE_BYTES = 262_144
SUBJECT = re.compile(r"[!-~][ -~]{0,98}")  # printable ASCII, under 100 characters


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    body: str
    topic_arn: str
    token: str | None = None  # of a confirmation request


@dataclass(slots=True)
class Mailboxes:
    _mails: list[Mail] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    posts: list[Mail] = field(default_factory=list)  # to web endpoints; the sandbox sends none

    def deliver(self, mail: Mail) -> None:
        with self._lock:
            self._mails.append(mail)

    def everything(self) -> list[Mail]:
        with self._lock:
            return list(self._mails)

    def messages(self) -> list[Mail]:
        """All mails except confirmation requests, oldest first."""
        return [mail for mail in self.everything() if mail.token is None]

    def confirmations(self) -> list[Mail]:
        return [mail for mail in self.everything() if mail.token is not None]

    def overrides(self) -> list[Override]:
        return [
            *wrap(
                SNSBackend, publish=_publish, subscribe=self._subscribe, unsubscribe=_unsubscribe
            ),
            *wrap(Subscription, publish=self._deliver_publication),
            *replace(SNSResponse, confirm_subscription=_confirm_subscription),
        ]

    def _subscribe(
        self, subscribe: Any, backend: SNSBackend, topic_arn: str, endpoint: str, protocol: str
    ) -> Subscription:
        subscription: Subscription = subscribe(backend, topic_arn, endpoint, protocol)
        if protocol == "email" and "Token" not in vars(subscription):
            self._request_confirmation(subscription)
        if protocol in WEB:  # some endpoints confirm without a person, for example AWS Chatbot
            subscription.confirmed = True
        return subscription

    def _request_confirmation(self, subscription: Subscription) -> None:
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

    def _deliver_publication(
        self,
        publish: Any,
        subscription: Subscription,
        message: str,
        message_id: str,
        **options: Any,
    ) -> None:
        protocol, topic_arn = subscription.protocol, subscription.topic_arn
        if protocol not in {"email", *WEB}:
            publish(subscription, message, message_id, **options)
        elif subscription.confirmed:
            subject = options.get("subject") or "AWS Notification Message"
            body = _message_for(protocol, message, options.get("message_structure"))
            mail = Mail(subscription.endpoint, subject, body, topic_arn)
            (self.posts.append if protocol in WEB else self.deliver)(mail)


def _confirm_subscription(response: SNSResponse) -> ActionResult:
    topic_arn = response._get_param("TopicArn")  # noqa: SLF001  moto has no public method
    token = response._get_param("Token")  # noqa: SLF001  moto has no public method
    for subscription in response.backend.subscriptions.values():
        if (subscription.topic_arn, vars(subscription).get("Token")) == (topic_arn, token):
            subscription.confirmed = True
            subscription.attributes["PendingConfirmation"] = "false"
            return ActionResult({"SubscriptionArn": subscription.arn})
    raise SNSInvalidParameter("Invalid parameter: Token")


def _unsubscribe(unsubscribe: Any, backend: SNSBackend, subscription_arn: str) -> None:
    subscription = backend.subscriptions.get(subscription_arn)
    if subscription and subscription.attributes.get("PendingConfirmation") == "true":
        raise SNSInvalidParameter(
            "Invalid parameter: This subscription is pending confirmation and cannot be removed"
        )
    unsubscribe(backend, subscription_arn)


def _publish(publish: Any, backend: SNSBackend, message: str, *args: Any, **options: Any) -> Any:
    _check_message(message, options.get("message_structure"))
    subject = options.get("subject")
    if subject is not None and not SUBJECT.fullmatch(subject):
        raise SNSInvalidParameter("Invalid parameter: Subject")
    return publish(backend, message, *args, **options)


def _message_for(protocol: str, message: str, structure: str | None) -> str:
    if structure != "json":
        return message
    messages = json.loads(message)
    return str(messages.get(protocol, messages["default"]))


def _check_message(message: str, structure: str | None) -> None:
    if not message:
        raise SNSInvalidParameter("Invalid parameter: Empty message")
    if len(message.encode()) > MAX_MESSAGE_BYTES:
        raise SNSInvalidParameter("Invalid parameter: Message too long")
    if structure == "json":
        _check_structure(message)


def _check_structure(message: str) -> None:
    try:
        messages = json.loads(message)
    except ValueError as error:
        raise _structure_error("JSON message body failed to parse") from error
    if not isinstance(messages, dict) or not isinstance(messages.get("default"), str):
        raise _structure_error("No default entry in JSON message body")


def _structure_error(reason: str) -> SNSInvalidParameter:
    return SNSInvalidParameter(f"Invalid parameter: Message Structure - {reason}")
