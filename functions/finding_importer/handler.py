"""The function's entry: which source is this, and what must be kept of what it brought?"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Protocol

from . import log
from .aws import Connections, Credentials, Patience
from .delivery.accounts import OwningAccounts
from .delivery.imported import Imported
from .delivery.queues import QueueMessage, Queues
from .delivery.queues import messages as queue_messages
from .delivery.report import Reporter
from .delivery.security_hub import SecurityHub
from .environment import Environment
from .errors import QueueError
from .findings.finding import HubScope
from .importer import Delivery, FindingImporter
from .matching.detection import Detection, Priority
from .matching.rules import Ruleset
from .notifications.deduplicator import Once
from .notifications.directory import Directory
from .notifications.notification import NotificationTopic
from .sources import sources

# Names of accounts and units are not worth more.
_HURRY = Patience(connect_seconds=1, read_seconds=2, attempts=1)
# People are told without the table rather than late.
_OF_TABLE = Patience(connect_seconds=1, read_seconds=2, attempts=2)
_HUBS_KEPT = 256  # clients with an open connection each


class Context(Protocol):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Handle a delivery of one of the sources, or a batch of messages of the importer's queue.

    For a batch the answer names the messages that stay in the queue:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    QueueError fails any other invocation whose rest could not be kept, so that Lambda repeats it.
    """
    return _function().handle(event, context)


@cache
def _function() -> "Function":
    environment = Environment.parse(os.environ)
    log.configure(environment.log_level)
    ruleset = Ruleset.load(files(__package__).joinpath("detections.json").read_bytes())
    return assemble(environment, ruleset)


@dataclass(frozen=True, slots=True)
class Function:
    importer: FindingImporter
    queues: Queues
    directory: Directory
    once: Once
    metric_namespace: str

    def handle(self, event: Any, context: Context) -> dict[str, Any]:
        self.directory.begin_invocation()
        self.once.begin_invocation(context)

        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000

        messages = queue_messages(event)
        delivered = (
            [sources.read(event)]
            if messages is None
            else [sources.read_message(message.body) for message in messages]
        )
        deliveries, counts = self.importer.handle(delivered, seconds_left)
        log.info("delivery handled", **counts)
        log.count(self.metric_namespace, counts)
        if messages is None:
            self._keep(deliveries[0])
            return dict(counts)
        return {"batchItemFailures": self._failures(messages, deliveries)}

    def _keep(self, delivery: Delivery) -> None:
        """QueueError where not all was kept; the letters last, as they would come again."""
        self.queues.try_again(delivery.jobs)
        self.queues.put_aside(delivery.letters)

    def _failures(
        self, messages: Sequence[QueueMessage], deliveries: Sequence[Delivery]
    ) -> list[dict[str, str]]:
        return [
            {"itemIdentifier": message.id}
            for message, delivery in zip(messages, deliveries, strict=True)
            if self._stays(message, delivery)
        ]

    def _stays(self, message: QueueMessage, delivery: Delivery) -> bool:
        """A job stays as the message that it is; what is left of anything else becomes messages."""
        try:
            if delivery.is_job and delivery.jobs:
                self.queues.postpone(message)
                return True
            self._keep(delivery)
        except QueueError as error:
            log.error("message stays", message_id=message.id, reason=str(error))
            return True
        return False


def assemble(environment: Environment, ruleset: Ruleset[Detection]) -> Function:
    connections = Connections(environment.region, environment.patience)
    scope = HubScope(environment.partition, environment.region, environment.security_account)
    queues = Queues(
        connections.client("sqs"), environment.queue_url, environment.dead_letter_queue_url
    )
    directory = Directory(connections.client("organizations", patience=_HURRY))
    dynamodb = connections.client("dynamodb", patience=_OF_TABLE)
    once = Once(environment.idempotency_table_name, dynamodb)
    reporter = Reporter(
        security_account=environment.security_account,
        accounts=OwningAccounts(
            connections.client("sts"), environment.partition, environment.member_role_name
        ),
        hub_of=_hubs(connections),
        queues=queues,
        directory=directory,
        once=once,
        imported=Imported(environment.idempotency_table_name, dynamodb),
        topics=_topics(connections, environment),
    )
    importer = FindingImporter(
        ruleset=ruleset,
        scope=scope,
        reporter=reporter,
        accounts_at_once=environment.accounts_at_once,
        reserved_seconds=environment.reserved_seconds,
    )
    return Function(importer, queues, directory, once, environment.metric_namespace)


def _hubs(connections: Connections) -> Callable[[Credentials | None], SecurityHub]:
    @lru_cache(maxsize=_HUBS_KEPT)
    def hub_of(credentials: Credentials | None) -> SecurityHub:
        return SecurityHub(connections.client("securityhub", credentials=credentials))

    return hub_of


def _topics(
    connections: Connections, environment: Environment
) -> dict[Priority, NotificationTopic]:
    sns = connections.client("sns")
    return {
        "high": NotificationTopic(sns, environment.high_priority_topic_arn),
        "low": NotificationTopic(sns, environment.low_priority_topic_arn),
    }
