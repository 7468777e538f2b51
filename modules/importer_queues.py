"""The queue of the finding importer, for sign-in events and retries, and its dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

import json

from constructs import Construct

from modules import aws
from modules.naming import Names
from modules.policies import deny_insecure_transport, policy_document

RETENTION_SECONDS = 14 * 24 * 60 * 60  # the maximum of SQS
# The importer's backoff between receives is 30 seconds to 12 hours, four days in total. A message
# keeps its age when it moves to the dead-letter queue, where ten days remain.
MAX_RECEIVES = 18


class ImporterQueues(Construct):
    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Names,
        visibility_timeout_seconds: int,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._provider = provider
        self.dead_letter_queue = self._create_dead_letter_queue()
        self.queue = self._create_queue(visibility_timeout_seconds)
        self._create_policy("queue_policy", self.queue, names.importer_queue_arn)
        self._create_policy(
            "dead_letter_queue_policy", self.dead_letter_queue, names.dead_letter_queue_arn
        )

    def _create_dead_letter_queue(self) -> aws.SqsQueue:
        queue = aws.SqsQueue(
            self,
            "dead_letter_queue",
            name=self._names.dead_letter_queue,
            message_retention_seconds=RETENTION_SECONDS,
            sqs_managed_sse_enabled=True,
            provider=self._provider,
        )
        allowed = {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [self._names.importer_queue_arn],
        }
        aws.SqsQueueRedriveAllowPolicy(
            self,
            "redrive_allow_policy",
            queue_url=queue.id,
            redrive_allow_policy=json.dumps(allowed),
            provider=self._provider,
        )
        return queue

    def _create_queue(self, visibility_timeout_seconds: int) -> aws.SqsQueue:
        redrive = {
            "deadLetterTargetArn": self._names.dead_letter_queue_arn,
            "maxReceiveCount": MAX_RECEIVES,
        }
        return aws.SqsQueue(
            self,
            "queue",
            name=self._names.importer_queue,
            message_retention_seconds=RETENTION_SECONDS,
            visibility_timeout_seconds=visibility_timeout_seconds,
            sqs_managed_sse_enabled=True,
            redrive_policy=json.dumps(redrive),
            depends_on=[self.dead_letter_queue],
            provider=self._provider,
        )

    def _create_policy(self, id_: str, queue: aws.SqsQueue, arn: str) -> None:
        allow_event_rule = {
            "Sid": "AllowEventRule",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {
                "ArnEquals": {"aws:SourceArn": self._names.event_rule_arn},
                "StringEquals": {"aws:SourceAccount": self._names.settings.accounts.security},
            },
        }
        statements = [allow_event_rule, deny_insecure_transport("sqs:*", [arn])]
        aws.SqsQueuePolicy(
            self,
            id_,
            queue_url=queue.id,
            policy=policy_document(statements),
            provider=self._provider,
        )
