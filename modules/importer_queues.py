"""The finding importer's queue, for sign-ins and what is tried again, and its dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

import json
from typing import Any

from constructs import Construct

from modules import aws
from modules.naming import Names
from modules.operational_alarm import alarm_at_the_first
from modules.policy_document import deny_plain_http, policy_document

RETENTION_SECONDS = 14 * 24 * 60 * 60  # the longest that SQS takes
# The importer waits from half a minute to twelve hours between them: four days in all. A message
# keeps its age when it moves on, so that ten days are left to look at it.
MAX_RECEIVES = 18


class ImporterQueues(Construct):
    """`queue` and `dead_letters`; an alarm is up as long as there is any dead letter."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Names,
        visibility_timeout_seconds: int,
        topic: aws.SnsTopic,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._in_security: dict[str, Any] = {"provider": provider}
        self.dead_letters = self._create_dead_letter_queue()
        self.queue = self._create_queue(visibility_timeout_seconds)
        self._create_policy("queue_policy", self.queue, names.importer_queue_arn)
        self._create_policy("dead_letters_policy", self.dead_letters, names.dead_letter_queue_arn)
        self._create_alarm(topic)

    def _create_dead_letter_queue(self) -> aws.SqsQueue:
        queue = aws.SqsQueue(
            self,
            "dead_letters",
            name=self._names.dead_letter_queue,
            message_retention_seconds=RETENTION_SECONDS,
            sqs_managed_sse_enabled=True,
            **self._in_security,
        )
        aws.SqsQueueRedriveAllowPolicy(
            self,
            "dead_letters_of",
            queue_url=queue.id,
            redrive_allow_policy=json.dumps(
                {
                    "redrivePermission": "byQueue",
                    "sourceQueueArns": [self._names.importer_queue_arn],
                }
            ),
            **self._in_security,
        )
        return queue

    def _create_queue(self, visibility_timeout_seconds: int) -> aws.SqsQueue:
        return aws.SqsQueue(
            self,
            "queue",
            name=self._names.importer_queue,
            message_retention_seconds=RETENTION_SECONDS,
            visibility_timeout_seconds=visibility_timeout_seconds,
            sqs_managed_sse_enabled=True,
            redrive_policy=json.dumps(
                {
                    "deadLetterTargetArn": self._names.dead_letter_queue_arn,
                    "maxReceiveCount": MAX_RECEIVES,
                }
            ),
            depends_on=[self.dead_letters],
            **self._in_security,
        )

    def _create_policy(self, id_: str, queue: aws.SqsQueue, arn: str) -> None:
        sign_ins_arrive = {
            "Sid": "SignInsArrive",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {
                "ArnEquals": {"aws:SourceArn": self._names.event_rule_arn},
                "StringEquals": {"aws:SourceAccount": self._names.settings.accounts.security},
            },
        }
        aws.SqsQueuePolicy(
            self,
            id_,
            queue_url=queue.id,
            policy=policy_document([sign_ins_arrive, deny_plain_http("sqs:*", [arn])]),
            **self._in_security,
        )

    def _create_alarm(self, topic: aws.SnsTopic) -> None:
        alarm_at_the_first(
            self,
            "alarm",
            name=self._names.dead_letter_alarm,
            description=(
                "Rootwatch's finding importer has put something aside that a person has to look at,"
                ' in its dead-letter queue. README.md, "Dead letters", tells what to do. The alarm'
                " stays up, and tells of nothing more, until the queue is empty."
            ),
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self._names.dead_letter_queue},
            statistic="Maximum",
            topic=topic,
            **self._in_security,
        )
