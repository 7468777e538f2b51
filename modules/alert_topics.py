"""The SNS topics for alarms and notifications: one for each priority, encrypted by one key.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from collections.abc import Sequence
from urllib.parse import quote

from constructs import Construct

from compiler.detection import Priority
from modules import aws
from modules.naming import Names
from modules.policies import Statement, create_key, deny_insecure_transport, policy_document

CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}


class AlertTopics(Construct):
    """CloudWatch alarms and the finding importer can publish to each of the topics.

    So can identities of the security account whose IAM policies allow it.
    """

    def __init__(
        self, scope: Construct, id_: str, *, names: Names, provider: aws.AwsProvider
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._security = names.settings.accounts.security
        self._provider = provider
        self.key = create_key(
            self,
            "key",
            alias=names.alerts_key_alias,
            description="Encrypts Rootwatch alarms and notifications.",
            owner_arn=names.account_arn(self._security),
            statements=[self._allow_alarm_encryption()],
            provider=provider,
        )
        notifications = names.settings.notifications
        self.by_priority: dict[Priority, aws.SnsTopic] = {
            "high": self._create_topic("high", notifications.emails),
            "low": self._create_topic("low", notifications.low_priority_emails),
        }

    def _create_topic(self, priority: Priority, emails: Sequence[str]) -> aws.SnsTopic:
        """With its policy, before any alarm: CloudWatch loses a message that the policy denies.

        An alarm can go off as soon as it exists, and does not repeat its message.
        """
        topic = aws.SnsTopic(
            self,
            priority,
            name=self._names.topic(priority),
            kms_master_key_id=self.key.arn,
            policy=policy_document(self._topic_statements(self._names.topic_arn(priority))),
            provider=self._provider,
        )
        for address in emails:
            aws.SnsTopicSubscription(
                self,
                _subscription_id(priority, address),
                topic_arn=topic.arn,
                protocol="email",
                endpoint=address,
                provider=self._provider,
            )
        return topic

    def _topic_statements(self, arn: str) -> list[Statement]:
        return [
            {
                "Sid": "AllowAlarms",
                "Effect": "Allow",
                "Principal": CLOUDWATCH,
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {
                    "ArnLike": {"aws:SourceArn": self._names.alarm_arn_any},
                    "StringEquals": {"aws:SourceAccount": self._security},
                },
            },
            {
                "Sid": "AllowFindingImporter",
                "Effect": "Allow",
                "Principal": {"AWS": self._names.account_arn(self._security)},
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:PrincipalArn": self._names.importer_role_arn}},
            },
            deny_insecure_transport("sns:Publish", [arn]),
        ]

    def _allow_alarm_encryption(self) -> Statement:
        """Without this statement, CloudWatch discards the alarm's message without an error."""
        return {
            "Sid": "AllowAlarmEncryption",
            "Effect": "Allow",
            "Principal": CLOUDWATCH,
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": self._security}},
        }


def _subscription_id(priority: Priority, address: str) -> str:
    """The address, not its position: a change of the list leaves the others confirmed.

    Quoted, since the ID of a construct can contain no slash.
    """
    return f"{priority}_email_{quote(address, safe='@+')}"
