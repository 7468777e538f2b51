"""The organization trail and the log group that it delivers to, in the security account.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-an-organizational-trail-by-using-the-aws-cli.html
"""

from collections.abc import Sequence
from typing import Any

from constructs import Construct

from config.settings import Settings
from modules import aws
from modules.delegations import delegate_cloudtrail
from modules.naming import Names
from modules.policy_document import policy_document, trust_service
from modules.trail_archive import TrailArchive


class OrganizationTrail(Construct):
    """`trail` records the management events of every account and region."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        names: Names,
        archive: TrailArchive,
        management: aws.AwsProvider,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._names = names
        self._in_security: dict[str, Any] = {"provider": provider}
        self.log_group = self._create_log_group()
        self._role = self._create_delivery_role()
        self._role_policy = self._allow_delivery()
        delegations = delegate_cloudtrail(self, settings.accounts, management)
        self.trail = self._create_trail(archive, delegations)

    def _create_log_group(self) -> aws.CloudwatchLogGroup:
        return aws.CloudwatchLogGroup(
            self,
            "log_group",
            name=self._names.trail_log_group,
            retention_in_days=self._settings.retention.log_group_days,
            **self._in_security,
        )

    def _create_delivery_role(self) -> aws.IamRole:
        """Without a condition: CloudTrail brings it neither aws:SourceArn nor aws:SourceAccount.

        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
        """
        return aws.IamRole(
            self,
            "delivery_role",
            name=self._names.trail_log_role,
            description="CloudTrail delivers the organization's events to the log group.",
            assume_role_policy=trust_service("cloudtrail.amazonaws.com"),
            **self._in_security,
        )

    def _allow_delivery(self) -> aws.IamRolePolicy:
        """Every stream of the group, which is the trail's alone.

        AWS does not say how the streams of a delegated administrator's trail are named.
        """
        statement = {
            "Sid": "DeliverEvents",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{self._names.trail_log_group_arn}:log-stream:*",
        }
        return aws.IamRolePolicy(
            self,
            "delivery_policy",
            name="deliver-events",
            role=self._role.id,
            policy=policy_document([statement]),
            **self._in_security,
        )

    def _create_trail(
        self,
        archive: TrailArchive,
        delegations: Sequence[aws.CloudtrailOrganizationDelegatedAdminAccount],
    ) -> aws.Cloudtrail:
        return aws.Cloudtrail(
            self,
            "trail",
            name=self._names.trail,
            is_organization_trail=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            s3_bucket_name=archive.bucket.id,
            kms_key_id=archive.key.arn,
            cloud_watch_logs_group_arn=f"{self.log_group.arn}:*",
            cloud_watch_logs_role_arn=self._role.arn,
            depends_on=[*delegations, archive.policy, self._role_policy],
            **self._in_security,
        )
