"""Where people are told: one topic for alarms, one for notices, under one key.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from constructs import Construct

from modules import aws
from modules.policy_document import administer_key, deny_plain_http, policy_document

if TYPE_CHECKING:
    from config.settings import Settings
    from modules.naming import Names
    from modules.policy_document import Statement

CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}


class AlertTopics(Construct):
    """`alarms` lets CloudWatch's alarms publish, `notices` the importer.

    Whom the account itself gives the right by IAM can publish, too.
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
        self.alarms = self._create_topic("alarms", self._alarms_publish())
        self.notices = self._create_topic("notices", self._importer_publishes())

    def _create_key(self) -> aws.KmsKey:
        key = aws.KmsKey(
            self,
            "key",
            description="Encrypts Rootwatch's alarms and notices.",
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

    def _create_topic(self, purpose: str, publish: Statement) -> aws.SnsTopic:
        topic = aws.SnsTopic(
            self,
            purpose,
            name=self._names.topic(purpose),
            kms_master_key_id=self.key.arn,
            **self._in_security,
        )
        arn = self._names.topic_arn(purpose)
        aws.SnsTopicPolicy(
            self,
            f"{purpose}_policy",
            arn=topic.arn,
            policy=policy_document([publish, deny_plain_http("sns:Publish", [arn])]),
            **self._in_security,
        )
        for index, address in enumerate(self._settings.notifications.emails):
            aws.SnsTopicSubscription(
                self,
                f"{purpose}_email_{index}",
                topic_arn=topic.arn,
                protocol="email",
                endpoint=address,
                **self._in_security,
            )
        return topic

    def _alarms_publish(self) -> Statement:
        return {
            "Sid": "AlarmsPublish",
            "Effect": "Allow",
            "Principal": CLOUDWATCH,
            "Action": "sns:Publish",
            "Resource": self._names.topic_arn("alarms"),
            "Condition": {
                "ArnLike": {"aws:SourceArn": self._names.alarm_arn_any},
                "StringEquals": {"aws:SourceAccount": self._settings.accounts.security},
            },
        }

    def _importer_publishes(self) -> Statement:
        account = f"arn:{self._settings.partition}:iam::{self._settings.accounts.security}:root"
        return {
            "Sid": "ImporterPublishes",
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": "sns:Publish",
            "Resource": self._names.topic_arn("notices"),
            "Condition": {"ArnEquals": {"aws:PrincipalArn": self._names.importer_role_arn}},
        }

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
