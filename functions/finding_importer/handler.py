"""The entry point: reads the invocation's event, matches records, and reports their findings."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Protocol

from . import log
from .delivery.queues import MessageQueues
from .delivery.reporter import Outcomes, Reporter, all_failed, create_reporter
from .environment import FunctionEnvironment
from .errors import InvalidJobError, InvalidRecordError, QueueError
from .findings.finding import HubScope, build
from .findings.import_status import FailureCause, FindingImportFailure, FindingLocation
from .matching.cloudtrail import CloudTrailEvent
from .matching.rules import DeployedDetection, Ruleset
from .notifications.deduplicator import PublishResult
from .sources.events import (
    DeliveredItem,
    DeliveredJob,
    DeliveredRecord,
    UnreadableContent,
    read,
    read_message,
)
from .sources.messages import (
    DeadLetterMessage,
    Job,
    QueueMessage,
    queue_messages,
    unreadable_content,
)
from .text import text_value

_LOCATION_METRICS = {
    FindingLocation.OWNING_ACCOUNT: "FindingsImported",
    FindingLocation.SECURITY_ACCOUNT: "FallbackFindings",
    FindingLocation.NOT_IMPORTED: "FindingsNotImported",
    FindingLocation.DEAD_LETTER_QUEUE: "FindingsInvalid",
}
_PUBLISH_METRICS = {
    PublishResult.PUBLISHED: "NotificationsPublished",
    PublishResult.DUPLICATE: "NotificationsDeduplicated",
    PublishResult.IN_PROGRESS: "NotificationsInProgress",
    PublishResult.NOT_RECORDED: "NotificationsNotRecorded",
}

type SecondsLeft = Callable[[], float]  # in this invocation


class LambdaContext(Protocol):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Handle an event of any source, or a batch of messages of the importer's queue.

    For a batch the response lists the messages that stay in the queue:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    For any other event QueueError is raised if remaining work cannot be queued, so that Lambda
    retries the invocation.
    """
    return _function().handle(event, context)


@cache
def _function() -> "ImporterFunction":
    environment = FunctionEnvironment.parse(os.environ)
    log.configure(environment.log_level)
    ruleset = Ruleset.load(files(__package__).joinpath("detections.json").read_bytes())
    return create_function(environment, ruleset)


def create_function(
    environment: FunctionEnvironment, ruleset: Ruleset[DeployedDetection]
) -> "ImporterFunction":
    reporter = create_reporter(environment)
    return ImporterFunction(
        ruleset=ruleset,
        scope=HubScope(environment.partition, environment.region, environment.security_account),
        reporter=reporter,
        queues=reporter.queues,
        max_concurrent_accounts=environment.max_concurrent_accounts,
        reserved_seconds=environment.reserved_seconds,
        metric_namespace=environment.metric_namespace,
    )


@dataclass(slots=True)
class DeliveryWork:
    """What one event, or one message of the queue, contains; after the report, what remains."""

    jobs: list[Job] = field(default_factory=list)
    dead_letters: list[DeadLetterMessage] = field(default_factory=list)
    records: int = 0
    is_job: bool = False

    def add_unreadable(
        self, content: str, reason: str, position: int | None, **fields: str | None
    ) -> None:
        log.error("content unreadable, dead-lettered", position=position, reason=reason, **fields)
        prefix = "" if position is None else f"log event {position}: "
        self.dead_letters += unreadable_content(content, prefix + reason)

    def keep_remaining(self, outcomes: Outcomes) -> None:
        remaining = []
        for job in _unique(self.jobs):
            outcome = outcomes[job.finding.id]
            if outcome.retry:
                remaining.append(job)
            elif outcome.status.location is FindingLocation.DEAD_LETTER_QUEUE:
                reason = str(outcome.status.failure)
                self.dead_letters.append(DeadLetterMessage.of(job.body(), reason))
        self.jobs = remaining


@dataclass(kw_only=True)
class ImporterFunction:
    ruleset: Ruleset[DeployedDetection]
    scope: HubScope
    reporter: Reporter
    queues: MessageQueues
    max_concurrent_accounts: int
    reserved_seconds: float
    metric_namespace: str

    def handle(self, event: Any, context: LambdaContext) -> dict[str, Any]:
        self.reporter.begin_invocation(context)
        messages = queue_messages(event)
        delivered = (
            [read(event)]
            if messages is None
            else [read_message(message.body) for message in messages]
        )
        deliveries, counts = self.process(
            delivered, lambda: context.get_remaining_time_in_millis() / 1000
        )
        log.info("delivery processed", **counts)
        log.count(self.metric_namespace, counts)
        if messages is None:
            self._queue_remaining(deliveries[0])
            return dict(counts)
        return {"batchItemFailures": self._batch_item_failures(messages, deliveries)}

    def process(
        self, delivered: Sequence[Iterable[DeliveredItem]], seconds_left: SecondsLeft
    ) -> tuple[list[DeliveryWork], Counter[str]]:
        """Process all deliveries together; return what remains of each, and the metrics."""
        deliveries = [self._parse(items) for items in delivered]
        jobs = _unique(job for delivery in deliveries for job in delivery.jobs)
        outcomes = self._report(jobs, seconds_left)
        for delivery in deliveries:
            delivery.keep_remaining(outcomes)
        return deliveries, _counts(deliveries, outcomes)

    def _parse(self, items: Iterable[DeliveredItem]) -> DeliveryWork:
        delivery = DeliveryWork()
        for item in items:
            match item:
                case DeliveredRecord():
                    delivery.records += 1
                    self._parse_record(item, delivery)
                case DeliveredJob():
                    self._parse_job(item, delivery)
                case UnreadableContent(is_dead_letter=True, reason=reason, content=body):
                    delivery.dead_letters.append(DeadLetterMessage.of(body, reason))
                case UnreadableContent(reason=reason, content=content, position=position):
                    delivery.add_unreadable(content, reason, position)
        return delivery

    def _parse_record(self, item: DeliveredRecord, delivery: DeliveryWork) -> None:
        if not (matching := self.ruleset.matching(item.record)):
            return
        try:
            event = CloudTrailEvent.parse(item.record)
        except InvalidRecordError as error:
            event_id = text_value(item.record, "eventID", 128)
            delivery.add_unreadable(item.content, str(error), item.position, eventID=event_id)
            return
        for detection in matching:
            job = Job(build(event, detection, self.scope))
            delivery.jobs.append(job)
            log.info("record matched", event_id=event.event_id, finding=job.finding.id)

    def _parse_job(self, item: DeliveredJob, delivery: DeliveryWork) -> None:
        delivery.is_job = True
        try:
            delivery.jobs.append(Job.parse(item.message, self._detections, self.scope))
        except InvalidJobError as error:
            delivery.add_unreadable(item.content, str(error), None)

    @cached_property
    def _detections(self) -> Mapping[str, DeployedDetection]:
        return {detection.name: detection for detection in self.ruleset.detections}

    def _report(self, jobs: Iterable[Job], seconds_left: SecondsLeft) -> Outcomes:
        """Report each account in isolation, so that a failing or slow account delays no other.

        An unexpected exception fails one account only, whose jobs are retried.
        """
        groups = _by_account(jobs)

        def has_time() -> bool:
            return seconds_left() >= self.reserved_seconds

        with ThreadPoolExecutor(self.max_concurrent_accounts) as pool:
            reports = {
                account: pool.submit(self.reporter.report, account, jobs, has_time)
                for account, jobs in groups.items()
            }
        outcomes: Outcomes = {}
        for account, report in reports.items():
            error = report.exception()
            if error is not None:
                log.error("account failed", account=account, reason=repr(error))
                failure = FindingImportFailure(FailureCause.UNKNOWN, repr(error))
                outcomes |= all_failed(groups[account], failure)
            else:
                outcomes |= report.result()
        return outcomes

    def _queue_remaining(self, delivery: DeliveryWork) -> None:
        """Raise QueueError on failure. Dead letters come last, since a retry repeats them."""
        self.queues.requeue(delivery.jobs)
        self.queues.dead_letter(delivery.dead_letters)

    def _batch_item_failures(
        self, messages: Sequence[QueueMessage], deliveries: Sequence[DeliveryWork]
    ) -> list[dict[str, str]]:
        return [
            {"itemIdentifier": message.id}
            for message, delivery in zip(messages, deliveries, strict=True)
            if self._stays_in_queue(message, delivery)
        ]

    def _stays_in_queue(self, message: QueueMessage, delivery: DeliveryWork) -> bool:
        """A job stays as the same message. What remains of other content becomes new messages."""
        try:
            if delivery.is_job and delivery.jobs:
                self.queues.delay(message)
                return True
            self._queue_remaining(delivery)
        except QueueError as error:
            log.error("message stays in the queue", message_id=message.id, reason=str(error))
            return True
        return False


def _unique(jobs: Iterable[Job]) -> Iterable[Job]:
    """Return one job for each finding, preferably one that has a fallback finding."""
    unique: dict[str, Job] = {}
    for job in jobs:
        known = unique.setdefault(job.finding.id, job)
        if job.has_fallback and not known.has_fallback:
            unique[job.finding.id] = job
    return unique.values()


def _by_account(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.finding.account, []).append(job)
    return groups


def _counts(deliveries: Sequence[DeliveryWork], outcomes: Outcomes) -> Counter[str]:
    counts = Counter(
        {
            "Records": sum(delivery.records for delivery in deliveries),
            "DeadLettered": sum(len(delivery.dead_letters) for delivery in deliveries),
            "Requeued": sum(len(delivery.jobs) for delivery in deliveries),
        }
    )
    for outcome in outcomes.values():
        counts[_LOCATION_METRICS[outcome.status.location]] += 1
        if outcome.publish_result is not None:
            counts[_PUBLISH_METRICS[outcome.publish_result]] += 1
    return counts
