"""SNS: the checks of Publish, and email subscriptions, which a person confirms.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

import json
import re
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription, sns_backends
from moto.sns.responses import SNSResponse

from sandbox.overrides import Override, replace, wrap

WEB = frozenset({"http", "https"})
MAX_MESSAGE_BYTES = 262_144
PENDING_SECONDS = 48 * 3600.0  # until SNS deletes a subscription that nobody confirms
MAX_MAILS_PER_SECOND = 10  # to one email address
PENDING_SINCE = "sandbox_pending_since"  # of moto's subscription, which accepts attributes
SUBJECT = re.compile(r"[!-~][ -~]{0,98}")  # printable ASCII, under 100 characters


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    body: str
    topic_arn: str
    token: str | None = None  # of a confirmation request


class UnsubscribeLinkError(Exception):
    """The link does not unsubscribe, since the subscription requires authentication for it."""


@dataclass(slots=True)
class Mailboxes:
    suspends: bool = False  # subscriptions that receive more than MAX_MAILS_PER_SECOND
    now: Callable[[], float] = time.monotonic  # in seconds
    _mails: list[Mail] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _superseded: set[str] = field(default_factory=set)  # tokens
    _sent: defaultdict[str, deque[float]] = field(  # by subscription
        default_factory=lambda: defaultdict(lambda: deque(maxlen=MAX_MAILS_PER_SECOND))
    )
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
        """The confirmation requests whose token is valid."""
        requests = [mail for mail in self.everything() if mail.token is not None]
        return [mail for mail in requests if mail.token not in self._superseded]

    def follow_unsubscribe_link(self, subscription: Subscription) -> None:
        """Follow the link, which requires no credentials.

        Raises UnsubscribeLinkError where ConfirmSubscription was called with
        AuthenticateOnUnsubscribe.
        https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
        """
        if subscription.attributes["ConfirmationWasAuthenticated"] == "true":
            raise UnsubscribeLinkError(subscription.arn)
        _, _, _, region, account, *_ = subscription.arn.split(":")
        sns_backends[account][region].unsubscribe(subscription.arn)

    def delete_expired(self) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html."""
        backends = [one for regions in list(sns_backends.values()) for one in regions.values()]
        for backend in backends:
            for arn, subscription in list(backend.subscriptions.items()):
                since = vars(subscription).get(PENDING_SINCE)
                if since is not None and self.now() - since >= PENDING_SECONDS:
                    del backend.subscriptions[arn]

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
        if protocol == "email" and not subscription.confirmed:
            self._request_confirmation(subscription)
        if protocol in WEB:  # some endpoints confirm without a person, for example AWS Chatbot
            subscription.confirmed = True
        return subscription

    def _request_confirmation(self, subscription: Subscription) -> None:
        """Each request makes the token of the one before invalid."""
        token = uuid.uuid4().hex
        self._superseded.add(vars(subscription).get("Token", ""))
        vars(subscription).update({"Token": token, PENDING_SINCE: self.now()})
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
        elif subscription.confirmed and not self._suspend(subscription):
            subject = options.get("subject") or "AWS Notification Message"
            body = _message_for(protocol, message, options.get("message_structure"))
            mail = Mail(subscription.endpoint, subject, body, topic_arn)
            (self.posts.append if protocol in WEB else self.deliver)(mail)

    def _suspend(self, subscription: Subscription) -> bool:
        """Whether this message is one too many within a second.

        It and all that follow are not delivered until somebody confirms the subscription again,
        which a further Subscribe requests.
        """
        if not self.suspends or subscription.protocol != "email":
            return False
        now = self.now()
        with self._lock:
            sent = self._sent[subscription.arn]
            is_full = len(sent) == MAX_MAILS_PER_SECOND and now - sent[0] < 1
            if not is_full:
                sent.append(now)
                return False
            self._superseded.add(vars(subscription).pop("Token", ""))
        subscription.confirmed = False
        subscription.attributes["PendingConfirmation"] = "true"
        vars(subscription)[PENDING_SINCE] = now
        return True


def _confirm_subscription(response: SNSResponse) -> ActionResult:
    """https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html."""
    topic_arn = response._get_param("TopicArn")  # noqa: SLF001  moto has no public method
    token = response._get_param("Token")  # noqa: SLF001  moto has no public method
    is_authenticated = response._get_param("AuthenticateOnUnsubscribe")  # noqa: SLF001  as above
    for subscription in response.backend.subscriptions.values():
        if (subscription.topic_arn, vars(subscription).get("Token")) == (topic_arn, token):
            subscription.confirmed = True
            vars(subscription).pop(PENDING_SINCE, None)
            subscription.attributes["PendingConfirmation"] = "false"
            subscription.attributes["ConfirmationWasAuthenticated"] = (
                "true" if str(is_authenticated).lower() == "true" else "false"
            )
            return ActionResult({"SubscriptionArn": subscription.arn})
    raise SNSInvalidParameter("Invalid parameter: Token")


def _unsubscribe(unsubscribe: Any, backend: SNSBackend, subscription_arn: str) -> None:
    """SNS deletes pending subscriptions after 48 hours, and with their topic.

    Terraform's AWS provider and CloudFormation accept the error; the provider knows its text.
    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/sns/topic_subscription.go
    """
    subscription = backend.subscriptions.get(subscription_arn)
    if subscription and subscription.attributes.get("PendingConfirmation") == "true":
        raise SNSInvalidParameter(
            "Invalid parameter: SubscriptionArn Reason: Cannot unsubscribe a subscription that is "
            "pending confirmation"
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
