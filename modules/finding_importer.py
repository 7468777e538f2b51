"""The finding importer in the security account: function, role, queues and triggers.

A subscription filter of the trail's log group invokes the function, and so does its queue.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from collections.abc import Sequence
from pathlib import Path

from cdktf import AssetType, TerraformAsset
from constructs import Construct

from compiler import predicate as importer
from compiler.cloudwatch import subscription_pattern
from compiler.detection import Detection
from modules import aws
from modules.alert_topics import AlertTopics
from modules.function_package import build_zip, dependencies
from modules.importer_permissions import importer_statements
from modules.importer_queues import ImporterQueues
from modules.naming import Names
from modules.policies import create_service_role, protection

SOURCE = Path(__file__).parents[1] / "functions" / "finding_importer"
PACKAGE = "finding_importer"
MEMORY_MB = 1024  # Lambda allocates CPU in proportion, which shortens a cold start
TIMEOUT_SECONDS = 180
RESERVED_SECONDS = 95  # the longest step (four calls), and two calls that queue the remaining work
VISIBILITY_TIMEOUT_SECONDS = 6 * TIMEOUT_SECONDS  # as AWS recommends
LOG_DAYS = 90
CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 5
MAX_ATTEMPTS = 2  # of an AWS call, with the backoff of botocore's standard mode
MAX_CONCURRENT_ACCOUNTS = 8  # Security Hub accepts ten imports a second from an account, STS more
BATCH_SIZE = 10
MAX_CONCURRENT_BATCHES = 5
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
ASYNCHRONOUS_RETRIES = 2
ASYNCHRONOUS_AGE_SECONDS = 6 * 60 * 60


class FindingImporter(Construct):
    """`function` imports findings and publishes notifications for the events that detections match.

    It retries work from `queue`. Messages in `dead_letter_queue` need manual action.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Names,
        detections: Sequence[Detection],
        topics: AlertTopics,
        build: Path,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._provider = provider
        self._topics = topics
        queues = ImporterQueues(
            self,
            "queues",
            names=names,
            visibility_timeout_seconds=VISIBILITY_TIMEOUT_SECONDS,
            provider=provider,
        )
        self.queue, self.dead_letter_queue = queues.queue, queues.dead_letter_queue
        self._table = self._create_idempotency_table()
        self.function = self._create_function(self._package(detections, build))
        self._send_failed_invocations_to_dead_letter_queue()
        self._read_queue()
        self._subscribe(detections)

    def _create_idempotency_table(self) -> aws.DynamodbTable:
        """The published notifications, so that none is published twice. Items expire."""
        return aws.DynamodbTable(
            self,
            "idempotency",
            name=self._names.idempotency_table,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attribute=[aws.DynamodbTableAttribute(name="id", type="S")],
            ttl=aws.DynamodbTableTtl(attribute_name="expiration", enabled=True),
            deletion_protection_enabled=self._names.settings.protect,
            lifecycle=protection(is_protected=self._names.settings.protect),
            provider=self._provider,
        )

    def _package(self, detections: Sequence[Detection], build: Path) -> TerraformAsset:
        runbooks = self._names.settings.notifications.runbook_base_url
        archive = build_zip(
            source=SOURCE,
            package=PACKAGE,
            extra={"detections.json": importer.document(detections, runbooks)},
            dependencies=dependencies(),
            destination=build / "finding_importer.zip",
        )
        return TerraformAsset(self, "package", path=str(archive), type=AssetType.FILE)

    def _create_function(self, package: TerraformAsset) -> aws.LambdaFunction:
        role, role_policy = create_service_role(
            self,
            "role",
            name=self._names.importer_role,
            description="The Rootwatch finding importer.",
            service="lambda.amazonaws.com",
            policy_name="import-findings",
            statements=importer_statements(self._names, self._topics.key.arn),
            provider=self._provider,
        )
        log_group = aws.CloudwatchLogGroup(
            self,
            "log_group",
            name=self._names.importer_log_group,
            retention_in_days=LOG_DAYS,
            provider=self._provider,
        )
        return aws.LambdaFunction(
            self,
            "function",
            function_name=self._names.importer,
            description=(
                "Imports Security Hub findings and publishes notifications for the events that"
                " Rootwatch detects."
            ),
            role=role.arn,
            filename=package.path,
            source_code_hash=package.asset_hash,
            handler=f"{PACKAGE}.handler.handler",
            runtime="python3.13",
            architectures=["arm64"],
            memory_size=MEMORY_MB,
            timeout=TIMEOUT_SECONDS,
            environment={"variables": self._environment()},
            depends_on=[role_policy, log_group],
            provider=self._provider,
        )

    def _environment(self) -> dict[str, str]:
        return {
            "SECURITY_ACCOUNT": self._names.settings.accounts.security,
            "MEMBER_ROLE_NAME": self._names.member_role,
            "HIGH_PRIORITY_TOPIC_ARN": self._topics.by_priority["high"].arn,
            "LOW_PRIORITY_TOPIC_ARN": self._topics.by_priority["low"].arn,
            "QUEUE_URL": self.queue.url,
            "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.url,
            "IDEMPOTENCY_TABLE_NAME": self._table.name,
            "METRIC_NAMESPACE": self._names.metric_namespace,
            "CONNECT_TIMEOUT_SECONDS": str(CONNECT_TIMEOUT_SECONDS),
            "READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_SECONDS),
            "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "MAX_CONCURRENT_ACCOUNTS": str(MAX_CONCURRENT_ACCOUNTS),
            "RESERVED_SECONDS": str(RESERVED_SECONDS),
        }

    def _send_failed_invocations_to_dead_letter_queue(self) -> None:
        on_failure = aws.LambdaFunctionEventInvokeConfigDestinationConfigOnFailure(
            destination=self.dead_letter_queue.arn
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
            provider=self._provider,
        )

    def _read_queue(self) -> None:
        aws.LambdaEventSourceMapping(
            self,
            "queue_invokes",
            event_source_arn=self.queue.arn,
            function_name=self.function.arn,
            batch_size=BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=aws.LambdaEventSourceMappingScalingConfig(
                maximum_concurrency=MAX_CONCURRENT_BATCHES
            ),
            provider=self._provider,
        )

    def _subscribe(self, detections: Sequence[Detection]) -> None:
        permission = aws.LambdaPermission(
            self,
            "trail_invokes",
            statement_id="AllowTrailLogGroup",
            action="lambda:InvokeFunction",
            function_name=self.function.function_name,
            principal="logs.amazonaws.com",
            source_arn=f"{self._names.trail_log_group_arn}:*",
            source_account=self._names.settings.accounts.security,
            provider=self._provider,
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
            provider=self._provider,
        )
