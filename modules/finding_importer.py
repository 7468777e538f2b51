"""The finding importer in the security account: function, role, and what feeds it.

The trail's log group invokes it by a subscription filter, and its own queue by a mapping.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdktf import AssetType, TerraformAsset
from constructs import Construct

from compiler import predicate as importer
from compiler.cloudwatch import subscription_pattern
from compiler.detection import Detection
from config.settings import Settings
from modules import aws
from modules.alert_topics import AlertTopics
from modules.function_dependencies import dependencies
from modules.function_package import build_zip
from modules.importer_permissions import importer_statements
from modules.importer_queues import ImporterQueues
from modules.naming import Names
from modules.operational_alarm import alarm_at_the_first
from modules.policy_document import policy_document

SOURCE = Path(__file__).parents[1] / "functions" / "finding_importer"
PACKAGE = "finding_importer"
MEMORY_MB = 1024  # and with it more of a processor, for a quick start
TIMEOUT_SECONDS = 180
RESERVED_SECONDS = 95  # for the longest step, four calls, and two more to keep what is left
VISIBILITY_TIMEOUT_SECONDS = 6 * TIMEOUT_SECONDS  # as AWS advises
LOG_DAYS = 90
CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 5
MAX_ATTEMPTS = 2  # of one call to AWS, with the backoff of botocore's standard mode
ACCOUNTS_AT_ONCE = 8  # Security Hub takes ten imports a second of one account, STS more
MESSAGES_AT_ONCE = 10
BATCHES_AT_ONCE = 5
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
ASYNCHRONOUS_RETRIES = 2
ASYNCHRONOUS_AGE_SECONDS = 6 * 60 * 60


class FindingImporter(Construct):
    """`function` reads what the subscription filter sends it and reports what detections match.

    What it cannot do now it tries again from `queue`; `dead_letters` is for a person.
    """

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
        queues = ImporterQueues(
            self,
            "queues",
            names=names,
            visibility_timeout_seconds=VISIBILITY_TIMEOUT_SECONDS,
            topic=topics.of_priority["high"],
            provider=provider,
        )
        self.queue, self.dead_letters = queues.queue, queues.dead_letters
        self._table = self._create_idempotency_table()
        self._log_group = self._create_log_group()
        self._role = self._create_role()
        self._role_policy = self._allow_its_work()
        self.function = self._create_function(detections, build)
        self._keep_failed_invocations()
        self._tell_of_lost_events()
        self._read_queue()
        self._subscribe(detections)

    def _create_idempotency_table(self) -> aws.DynamodbTable:
        """What people were told, so that nobody is told twice; entries end by themselves."""
        return aws.DynamodbTable(
            self,
            "idempotency",
            name=self._names.idempotency_table,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attribute=[aws.DynamodbTableAttribute(name="id", type="S")],
            ttl=aws.DynamodbTableTtl(attribute_name="expiration", enabled=True),
            **self._in_security,
        )

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
            policy=policy_document(
                importer_statements(self._settings, self._names, self._topics.key)
            ),
            **self._in_security,
        )

    def _create_function(self, detections: Sequence[Detection], build: Path) -> aws.LambdaFunction:
        asset = TerraformAsset(
            self, "package", path=str(self._package(detections, build)), type=AssetType.FILE
        )
        return aws.LambdaFunction(
            self,
            "function",
            function_name=self._names.importer,
            description="Reports what Rootwatch detects as Security Hub findings and notifications.",
            role=self._role.arn,
            filename=asset.path,
            source_code_hash=asset.asset_hash,
            handler=f"{PACKAGE}.handler.handler",
            runtime="python3.13",
            architectures=["arm64"],
            memory_size=MEMORY_MB,
            timeout=TIMEOUT_SECONDS,
            environment={"variables": self._environment()},
            depends_on=[self._role_policy, self._log_group],
            **self._in_security,
        )

    def _environment(self) -> dict[str, str]:
        return {
            "SECURITY_ACCOUNT": self._settings.accounts.security,
            "MEMBER_ROLE_NAME": self._names.member_role,
            "HIGH_PRIORITY_TOPIC_ARN": self._topics.of_priority["high"].arn,
            "LOW_PRIORITY_TOPIC_ARN": self._topics.of_priority["low"].arn,
            "QUEUE_URL": self.queue.url,
            "DEAD_LETTER_QUEUE_URL": self.dead_letters.url,
            "IDEMPOTENCY_TABLE_NAME": self._table.name,
            "METRIC_NAMESPACE": self._names.metric_namespace,
            "CONNECT_TIMEOUT_SECONDS": str(CONNECT_TIMEOUT_SECONDS),
            "READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_SECONDS),
            "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "ACCOUNTS_AT_ONCE": str(ACCOUNTS_AT_ONCE),
            "RESERVED_SECONDS": str(RESERVED_SECONDS),
        }

    def _keep_failed_invocations(self) -> None:
        on_failure = aws.LambdaFunctionEventInvokeConfigDestinationConfigOnFailure(
            destination=self.dead_letters.arn
        )
        aws.LambdaFunctionEventInvokeConfig(
            self,
            "asynchronous",
            function_name=self.function.function_name,
            maximum_retry_attempts=ASYNCHRONOUS_RETRIES,
            maximum_event_age_in_seconds=ASYNCHRONOUS_AGE_SECONDS,
            destination_config=aws.LambdaFunctionEventInvokeConfigDestinationConfig(
                on_failure=on_failure
            ),
            **self._in_security,
        )

    def _tell_of_lost_events(self) -> None:
        """A queue that Terraform makes takes 256 KiB, and a failed invocation may be larger.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        """
        alarm_at_the_first(
            self,
            "lost_events",
            name=self._names.lost_events_alarm,
            description=(
                "Rootwatch's finding importer failed on a delivery to the end, and the dead-letter"
                " queue did not take it: findings and notifications of its events are missing. The"
                " trail's log group and bucket have the events, and the detections' alarms came."
            ),
            namespace="AWS/Lambda",
            metric="DestinationDeliveryFailures",
            dimensions={"FunctionName": self._names.importer},
            statistic="Sum",
            topic=self._topics.of_priority["high"],
            **self._in_security,
        )

    def _read_queue(self) -> None:
        aws.LambdaEventSourceMapping(
            self,
            "queue_invokes",
            event_source_arn=self.queue.arn,
            function_name=self.function.arn,
            batch_size=MESSAGES_AT_ONCE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=aws.LambdaEventSourceMappingScalingConfig(
                maximum_concurrency=BATCHES_AT_ONCE
            ),
            **self._in_security,
        )

    def _package(self, detections: Sequence[Detection], build: Path) -> Path:
        return build_zip(
            source=SOURCE,
            package=PACKAGE,
            extra={"detections.json": self._document(detections)},
            dependencies=dependencies(),
            destination=build / "finding_importer.zip",
        )

    def _document(self, detections: Sequence[Detection]) -> bytes:
        return importer.document(detections, self._settings.notifications.runbook_base_url)

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
