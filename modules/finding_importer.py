"""The finding importer in the security account: function, role, and its feed from the trail.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdktf import AssetType, TerraformAsset
from constructs import Construct

from detections import importer
from detections.cloudwatch import subscription_pattern
from modules import aws
from modules.function_package import build_zip
from modules.policy_document import policy_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.settings import Settings
    from detections.detection import Detection
    from modules.alert_topics import AlertTopics
    from modules.naming import Names
    from modules.policy_document import Statement

SOURCE = Path(__file__).parents[1] / "functions" / "finding_importer"
PACKAGE = "finding_importer"
MEMORY_MB = 512
TIMEOUT_SECONDS = 120
LOG_DAYS = 90
MAX_ATTEMPTS = 5  # of one call to AWS, with the backoff of botocore's standard mode


class FindingImporter(Construct):
    """`function` reads what the subscription filter sends it and reports what detections match."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        names: Names,
        detections: Sequence[Detection],
        topics: AlertTopics,
        build: Path,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._names = names
        self._topics = topics
        self._in_security: dict[str, Any] = {"provider": provider}
        self._log_group = self._create_log_group()
        self._role = self._create_role()
        self._role_policy = self._allow_its_work()
        self.function = self._create_function(detections, build)
        self._subscribe(detections)

    def _create_log_group(self) -> aws.CloudwatchLogGroup:
        return aws.CloudwatchLogGroup(
            self,
            "log_group",
            name=self._names.importer_log_group,
            retention_in_days=LOG_DAYS,
            **self._in_security,
        )

    def _create_role(self) -> aws.IamRole:
        trust = {
            "Sid": "FunctionAssumesRole",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        return aws.IamRole(
            self,
            "role",
            name=self._names.importer_role,
            description="Rootwatch's finding importer.",
            assume_role_policy=policy_document([trust]),
            **self._in_security,
        )

    def _allow_its_work(self) -> aws.IamRolePolicy:
        return aws.IamRolePolicy(
            self,
            "role_policy",
            name="import-findings",
            role=self._role.id,
            policy=policy_document(self._statements()),
            **self._in_security,
        )

    def _statements(self) -> list[Statement]:
        region = self._settings.home_region
        return [
            {
                "Sid": "WriteItsLog",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": f"{self._names.importer_log_group_arn}:*",
            },
            {
                "Sid": "EnterOwningAccount",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": self._names.member_role_arn_anywhere,
                "Condition": {
                    "StringEquals": {"aws:ResourceOrgID": self._settings.organization.id}
                },
            },
            {
                "Sid": "PublishNotices",
                "Effect": "Allow",
                "Action": "sns:Publish",
                "Resource": [self._names.topic_arn("high"), self._names.topic_arn("low")],
            },
            {
                "Sid": "EncryptNotices",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": self._topics.key.arn,
                "Condition": {"StringEquals": {"kms:ViaService": f"sns.{region}.amazonaws.com"}},
            },
        ]

    def _create_function(self, detections: Sequence[Detection], build: Path) -> aws.LambdaFunction:
        asset = TerraformAsset(
            self, "package", path=str(self._package(detections, build)), type=AssetType.FILE
        )
        return aws.LambdaFunction(
            self,
            "function",
            function_name=self._names.importer,
            description="Reports what Rootwatch detects as Security Hub findings and notices.",
            role=self._role.arn,
            filename=asset.path,
            source_code_hash=asset.asset_hash,
            handler=f"{PACKAGE}.handler.handler",
            runtime="python3.13",
            architectures=["arm64"],
            memory_size=MEMORY_MB,
            timeout=TIMEOUT_SECONDS,
            environment={
                "variables": {
                    "MEMBER_ROLE_NAME": self._names.member_role,
                    "HIGH_PRIORITY_TOPIC_ARN": self._topics.of_priority["high"].arn,
                    "LOW_PRIORITY_TOPIC_ARN": self._topics.of_priority["low"].arn,
                    "AWS_RETRY_MODE": "standard",
                    "AWS_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
                }
            },
            depends_on=[self._role_policy, self._log_group],
            **self._in_security,
        )

    def _package(self, detections: Sequence[Detection], build: Path) -> Path:
        return build_zip(
            source=SOURCE,
            package=PACKAGE,
            extra={"detections.json": importer.document(detections)},
            destination=build / "finding_importer.zip",
        )

    def _subscribe(self, detections: Sequence[Detection]) -> None:
        permission = aws.LambdaPermission(
            self,
            "trail_invokes",
            statement_id="TrailLogGroupInvokes",
            action="lambda:InvokeFunction",
            function_name=self.function.function_name,
            principal="logs.amazonaws.com",
            source_arn=f"{self._names.trail_log_group_arn}:*",
            source_account=self._settings.accounts.security,
            **self._in_security,
        )
        aws.CloudwatchLogSubscriptionFilter(
            self,
            "subscription_filter",
            name=self._names.importer,
            log_group_name=self._names.trail_log_group,
            filter_pattern=subscription_pattern(detections),
            destination_arn=self.function.arn,
            distribution="ByLogStream",
            depends_on=[permission],
            **self._in_security,
        )
