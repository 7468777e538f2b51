"""Where people are told: one topic for what is urgent, one for what can wait, under one key.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from collections.abc import Sequence
from typing import Any

from constructs import Construct

from compiler.detection import Priority
from config.settings import Settings
from modules import aws
from modules.naming import Names
from modules.policy_document import Statement, administer_key, deny_plain_http, policy_document

CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}


class AlertTopics(Construct):
    """`of_priority` has the topics by the detections' priorities.

    CloudWatch's alarms and the importer may publish to each. Whom the account itself gives the
    right by IAM can publish, too.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        names: Names,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._names = names
        self._in_security: dict[str, Any] = {"provider": provider}
        self.key = self._create_key()
        notifications = settings.notifications
        self.of_priority: dict[Priority, aws.SnsTopic] = {
            "high": self._create_topic("high", notifications.emails),
            "low": self._create_topic("low", notifications.low_priority_emails),
        }

    def _create_key(self) -> aws.KmsKey:
        key = aws.KmsKey(
            self,
            "key",
            description="Encrypts Rootwatch's alarms and notifications.",
            enable_key_rotation=True,
            policy=policy_document(self._key_statements()),
            **self._in_security,
        )
        aws.KmsAlias(
            self,
            "key_alias",
            name=self._names.alerts_key_alias,
            target_key_id=key.key_id,
            **self._in_security,
        )
        return key

    def _create_topic(self, priority: Priority, emails: Sequence[str]) -> aws.SnsTopic:
        topic = aws.SnsTopic(
            self,
            priority,
            name=self._names.topic(priority),
            kms_master_key_id=self.key.arn,
            **self._in_security,
        )
        aws.SnsTopicPolicy(
            self,
            f"{priority}_policy",
            arn=topic.arn,
            policy=policy_document(self._topic_statements(self._names.topic_arn(priority))),
            **self._in_security,
        )
        for index, address in enumerate(emails):
            aws.SnsTopicSubscription(
                self,
                f"{priority}_email_{index}",
                topic_arn=topic.arn,
                protocol="email",
                endpoint=address,
                **self._in_security,
            )
        return topic

    def _topic_statements(self, arn: str) -> list[Statement]:
        security = self._settings.accounts.security
        return [
            {
                "Sid": "AlarmsPublish",
                "Effect": "Allow",
                "Principal": CLOUDWATCH,
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {
                    "ArnLike": {"aws:SourceArn": self._names.alarm_arn_any},
                    "StringEquals": {"aws:SourceAccount": security},
                },
            },
            {
                "Sid": "ImporterPublishes",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{self._settings.partition}:iam::{security}:root"},
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:PrincipalArn": self._names.importer_role_arn}},
            },
            deny_plain_http("sns:Publish", [arn]),
        ]

    def _key_statements(self) -> list[Statement]:
        """Without the second statement CloudWatch drops an alarm's message and tells nobody."""
        security = self._settings.accounts.security
        return [
            administer_key(self._settings.partition, security),
            {
                "Sid": "AlarmsEncrypt",
                "Effect": "Allow",
                "Principal": CLOUDWATCH,
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": security}},
            },
        ]
