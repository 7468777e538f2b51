"""The organization trail and its log group, in the security account.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-an-organizational-trail-by-using-the-aws-cli.html
"""

from constructs import Construct

from modules import aws
from modules.naming import Names
from modules.policies import create_service_role, protection
from modules.trail_archive import TrailArchive


class OrganizationTrail(Construct):
    """Records the management events of every account and Region.

    `management` and `provider` are providers of the management and of the security account.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Names,
        archive: TrailArchive,
        management: aws.AwsProvider,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._provider = provider
        log_group = aws.CloudwatchLogGroup(
            self,
            "log_group",
            name=names.trail_log_group,
            retention_in_days=names.settings.retention.log_group_days,
            # The log group's own deletion protection requires a later version of the provider.
            lifecycle=protection(is_protected=names.settings.protect),
            provider=provider,
        )
        role, role_policy = self._create_delivery_role()
        aws.Cloudtrail(
            self,
            "trail",
            name=names.trail,
            is_organization_trail=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            s3_bucket_name=archive.bucket.id,
            kms_key_id=archive.key.arn,
            cloud_watch_logs_group_arn=f"{log_group.arn}:*",
            cloud_watch_logs_role_arn=role.arn,
            depends_on=[*self._delegate_administration(management), archive.policy, role_policy],
            provider=provider,
        )

    def _create_delivery_role(self) -> tuple[aws.IamRole, aws.IamRolePolicy]:
        """The trust policy has no condition: CloudTrail sends neither source ARN nor account.

        The permissions are for all streams of the log group, which only this trail uses: AWS does
        not document the names of the streams of a delegated administrator's trail.
        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
        """
        deliver_events = {
            "Sid": "DeliverEvents",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{self._names.trail_log_group_arn}:log-stream:*",
        }
        return create_service_role(
            self,
            "delivery_role",
            name=self._names.trail_log_role,
            description="CloudTrail delivers the events of the organization to the log group.",
            service="cloudtrail.amazonaws.com",
            policy_name="deliver-events",
            statements=[deliver_events],
            provider=self._provider,
        )

    def _delegate_administration(
        self, management: aws.AwsProvider
    ) -> list[aws.CloudtrailOrganizationDelegatedAdminAccount]:
        """By CloudTrail's own API, which also creates CloudTrail's service-linked role.

        The management account needs no delegation to itself.
        """
        accounts = self._names.settings.accounts
        if accounts.security == accounts.management:
            return []
        delegation = aws.CloudtrailOrganizationDelegatedAdminAccount(
            self, "delegation", account_id=accounts.security, provider=management
        )
        return [delegation]
