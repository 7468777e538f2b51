"""Alarms on AWS's own metrics: they detect that a part of Rootwatch stopped, without a function.

docs/operating.md, section "Watchdogs", lists the faults and how soon each is detected.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from constructs import Construct

from modules import aws
from modules.alarm_conditions import (
    MINUTE_SECONDS,
    AlarmCondition,
    any_occurrence,
    level,
    silence,
)
from modules.alarms import Metric, create_alarm
from modules.naming import Names

# Log files and log events of an active organization arrive continuously. CloudTrail's own calls for
# the bucket and its key are events, too.
SILENCE_MINUTES = 15
# SQS does not count messages that were received more than three times. The importer receives a job
# that it cannot finish for the fourth time after four minutes: retries of days do not count.
BACKLOG_SECONDS = 15 * MINUTE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    id: str
    name: str
    metric: Metric
    condition: AlarmCondition
    description: str  # what stopped, and what to look at first
    notifies_recovery: bool = False


class Watchdogs(Construct):
    """One alarm for each fault, on `topic`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Names,
        function_timeout_seconds: int,
        topic: aws.SnsTopic,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        for watchdog in (
            *_of_the_trail(names),
            *_of_the_function(names, function_timeout_seconds),
            *_of_the_queues(names),
            *_of_the_event_rule(names),
        ):
            create_alarm(
                self,
                watchdog.id,
                name=watchdog.name,
                description=watchdog.description,
                metric=watchdog.metric,
                condition=watchdog.condition,
                notifies_recovery=watchdog.notifies_recovery,
                topic=topic,
                provider=provider,
            )


def _of_the_trail(names: Names) -> Iterator[Watchdog]:
    """A new alarm without data is in ALARM until CloudTrail delivers its first events.

    Its recovery is a message, which says that detection begins or works again.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
    """
    yield Watchdog(
        id="trail_silence",
        name=names.trail_silence_alarm,
        metric=Metric(
            namespace="AWS/Logs",
            name="IncomingLogEvents",
            dimensions={"LogGroupName": names.trail_log_group},
        ),
        condition=silence(SILENCE_MINUTES),
        description=(
            f"No event arrived in the log group {names.trail_log_group} for {SILENCE_MINUTES}"
            " minutes. While this lasts, no alarm of a detection goes off, and findings and"
            " notifications exist only for root sign-ins that EventBridge forwards. Look first at"
            " IsLogging and the keys that end in Error: aws cloudtrail get-trail-status --name"
            f" {names.trail_arn}"
        ),
        notifies_recovery=True,
    )


def _of_the_function(names: Names, timeout_seconds: int) -> Iterator[Watchdog]:
    """The metrics have the time at which the invocation began.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    condition = any_occurrence(timeout_seconds, "Sum")
    yield Watchdog(
        id="importer_errors",
        name=names.importer_errors_alarm,
        metric=_of_importer(names, "Errors"),
        condition=condition,
        description=(
            "The Rootwatch finding importer failed: an invocation ended with an error or exceeded"
            " its timeout. Findings and notifications are late. Events that fail again end in the"
            " dead-letter queue. Look first at the log of the function: aws logs tail"
            f" {names.importer_log_group} --since 1h"
        ),
    )
    yield Watchdog(
        id="importer_throttles",
        name=names.importer_throttles_alarm,
        metric=_of_importer(names, "Throttles"),
        condition=condition,
        description=(
            "Lambda throttled the Rootwatch finding importer: the account has no concurrency left,"
            " or the reserved concurrency of the function is too low. Findings and notifications"
            " are late. Lambda retries an event for six hours. Look first at: aws lambda"
            " get-function-concurrency"
            f" --function-name {names.importer}"
        ),
    )
    yield Watchdog(
        id="lost_events",
        name=names.lost_events_alarm,
        metric=_of_importer(names, "DestinationDeliveryFailures"),
        condition=condition,
        description=(
            "An invocation of the Rootwatch finding importer exhausted its retries, and Lambda"
            " could not send its events to the dead-letter queue, which accepts 256 KiB by default."
            " Findings and notifications of these events are missing. The alarms of the detections"
            " are not affected, and the trail's log group and bucket contain the events. Look first"
            f" at the log of the function: aws logs tail {names.importer_log_group} --since 6h"
        ),
    )


def _of_importer(names: Names, metric: str) -> Metric:
    return Metric(namespace="AWS/Lambda", name=metric, dimensions={"FunctionName": names.importer})


def _of_the_queues(names: Names) -> Iterator[Watchdog]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html."""
    yield Watchdog(
        id="importer_backlog",
        name=names.importer_backlog_alarm,
        metric=Metric(
            namespace="AWS/SQS",
            name="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": names.importer_queue},
        ),
        condition=level(BACKLOG_SECONDS),
        description=(
            f"A message has been in the queue {names.importer_queue} for"
            f" {BACKLOG_SECONDS // 60} minutes, and the Rootwatch finding importer has not"
            " processed it. Root sign-ins by EventBridge and retries wait. Events of the trail are"
            " not affected. Look first at State in:"
            f" aws lambda list-event-source-mappings --function-name {names.importer}"
        ),
    )
    yield Watchdog(
        id="dead_letter_messages",
        name=names.dead_letter_alarm,
        metric=Metric(
            namespace="AWS/SQS",
            name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": names.dead_letter_queue},
        ),
        condition=level(1),
        description=(
            "The dead-letter queue of the Rootwatch finding importer contains messages that need"
            ' manual action. See docs/operating.md, section "Dead-letter queue". The alarm sends no'
            " further notification until the queue is empty."
        ),
    )


def _of_the_event_rule(names: Names) -> Iterator[Watchdog]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html."""
    dimensions = {"EventBusName": names.event_bus, "RuleName": names.event_rule}
    look_first = (
        " The trail delivers the same event minutes later. Look first at the target and at the"
        " policy of its queue: aws events list-targets-by-rule"
        f" --event-bus-name {names.event_bus} --rule {names.event_rule}"
    )
    yield Watchdog(
        id="event_rule_failures",
        name=names.event_rule_failures_alarm,
        metric=Metric(namespace="AWS/Events", name="FailedInvocations", dimensions=dimensions),
        condition=any_occurrence(0, "Sum"),
        description=(
            "EventBridge could not deliver a root sign-in from the Rootwatch event bus to the queue"
            " of the finding importer." + look_first
        ),
    )
    yield Watchdog(
        id="event_rule_lost_events",
        name=names.event_rule_lost_events_alarm,
        metric=Metric(
            namespace="AWS/Events", name="InvocationsFailedToBeSentToDlq", dimensions=dimensions
        ),
        condition=any_occurrence(0, "Sum"),
        description=(
            "EventBridge could not deliver a root sign-in from the Rootwatch event bus, neither to"
            " the queue of the finding importer nor to the dead-letter queue." + look_first
        ),
    )
