"""Every name that Rootwatch gives: what it is of, and which stack makes it."""

from collections.abc import Iterator
from dataclasses import dataclass

from operations.preflight import resources
from operations.preflight.facts import Facts
from operations.preflight.resources import Look

# As Terraform calls them.
KINDS = {
    "trail": "aws_cloudtrail",
    "stack set": "aws_cloudformation_stack_set",
    "stack": "aws_cloudformation_stack",
    "bucket": "aws_s3_bucket",
    "key": "aws_kms_alias",
    "log group": "aws_cloudwatch_log_group",
    "role": "aws_iam_role",
    "function": "aws_lambda_function",
    "queue": "aws_sqs_queue",
    "topic": "aws_sns_topic",
    "table": "aws_dynamodb_table",
    "event bus": "aws_cloudwatch_event_bus",
}


@dataclass(frozen=True, slots=True)
class Resource:
    kind: str
    name: str  # or its ARN, where its kind is looked for by that
    look: Look
    stack: str
    brought_by: tuple[str, str] | None = None  # kind and name of what is in the state instead

    @property
    def held_as(self) -> tuple[str, str]:
        """Kind and name in the state."""
        kind, name = self.brought_by or (self.kind, self.name)
        return KINDS[kind], name

    @property
    def is_by_cloudformation(self) -> bool:
        """And therefore in the region that records sign-ins."""
        return self.stack == "organization"

    def __str__(self) -> str:
        shown = self.name.rpartition(":")[2].removeprefix("trail/")
        return f"{self.kind} {shown}"


def in_management(facts: Facts) -> Iterator[Resource]:
    names = facts.names
    if facts.settings.trail.managed:
        yield Resource("trail", names.trail_arn, resources.trail, "trail")
    yield Resource("stack set", names.member_stack_set, resources.stack_set, "organization")
    yield Resource("stack", names.member_stack_set, resources.stack, "organization")
    yield from _member_access(facts, "stack")


def _member_access(facts: Facts, bringer: str) -> Iterator[Resource]:
    """What stack or stack set bring to an account."""
    names = facts.names
    by = bringer, names.member_stack_set
    for role in (names.member_role, names.event_role):
        yield Resource("role", role, resources.role, "organization", by)
    yield Resource("event rule", names.event_rule, resources.event_rule, "organization", by)


def in_log_archive(facts: Facts) -> Iterator[Resource]:
    yield Resource("bucket", facts.names.trail_bucket, resources.bucket, "trail")
    yield Resource("key", facts.names.trail_key_alias, resources.key_alias, "trail")


def in_security(facts: Facts) -> Iterator[Resource]:
    names = facts.names
    if facts.settings.trail.managed:
        yield Resource("log group", names.trail_log_group, resources.log_group, "trail")
        yield Resource("role", names.trail_log_role, resources.role, "trail")
    yield Resource("log group", names.importer_log_group, resources.log_group, "detection")
    yield Resource("role", names.importer_role, resources.role, "detection")
    yield Resource("function", names.importer, resources.function, "detection")
    for queue in (names.importer_queue, names.dead_letter_queue):
        yield Resource("queue", queue, resources.queue, "detection")
    for priority in ("high", "low"):
        yield Resource("topic", names.topic_arn(priority), resources.topic, "detection")
    yield Resource("table", names.idempotency_table, resources.table, "detection")
    yield Resource("event bus", names.event_bus, resources.event_bus, "detection")
    yield Resource("key", names.alerts_key_alias, resources.key_alias, "detection")
    if facts.settings.accounts.security != facts.settings.accounts.management:
        yield from _member_access(facts, "stack set")
