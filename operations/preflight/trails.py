"""The organization's trails: what they log, where they deliver, and how to change that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from operations.preflight.access import management_account
from operations.preflight.check import CheckContext, as_json
from operations.preflight.delegations import cloudtrail_administrators
from operations.preflight.resources import as_tags, is_tagged
from operations.preflight.result import Command

MANAGEMENT_EVENTS = {
    "Name": "Management events",
    "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
}
# A selector matches a value that one of these accepts, and none of the negated ones.
# https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "Equals": str.__eq__,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailLogGroup:
    region: str
    account: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> Self:
        _, _, _, region, account, _, name, *_ = arn.split(":")
        return cls(region=region, account=account, name=name)

    def __str__(self) -> str:
        return f"log group {self.name} in {self.account}, {self.region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailDescription:
    name: str
    arn: str
    home_region: str
    bucket: str
    log_group: TrailLogGroup | None
    is_organization_trail: bool
    is_multi_region: bool

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Self:
        """As DescribeTrails returns it."""
        log_group = described.get("CloudWatchLogsLogGroupArn")
        return cls(
            name=described["Name"],
            arn=described["TrailARN"],
            home_region=described["HomeRegion"],
            bucket=described["S3BucketName"],
            log_group=TrailLogGroup.parse(log_group) if log_group else None,
            is_organization_trail=described.get("IsOrganizationTrail", False),
            is_multi_region=described.get("IsMultiRegionTrail", False),
        )


def trails(context: CheckContext) -> tuple[TrailDescription, ...]:
    """The management account owns organization trails, also those of a delegated administrator."""
    account = context.cached(management_account)
    response = account.read("cloudtrail", "DescribeTrails", includeShadowTrails=True)
    found = map(TrailDescription.parse, response["trailList"])
    return tuple(sorted(found, key=lambda trail: trail.arn))


def organization_trails(context: CheckContext) -> tuple[TrailDescription, ...]:
    return tuple(trail for trail in context.cached(trails) if trail.is_organization_trail)


def rootwatch_trails(context: CheckContext) -> tuple[TrailDescription, ...]:
    """Organization trails of this deployment, or of a former one."""
    found = context.cached(organization_trails)
    return tuple(one for one in found if is_tagged(context.settings, _read_tags(context, one)))


def _read_tags(context: CheckContext, trail: TrailDescription) -> dict[str, str]:
    response = read_in_home_region(context, trail, "ListTags", ResourceIdList=[trail.arn])
    return as_tags(tag for one in response["ResourceTagList"] for tag in one["TagsList"])


def read_status(context: CheckContext, trail: TrailDescription) -> dict[str, Any]:
    return read_in_home_region(context, trail, "GetTrailStatus", Name=trail.arn)


def read_selectors(context: CheckContext, trail: TrailDescription) -> dict[str, Any]:
    return read_in_home_region(context, trail, "GetEventSelectors", TrailName=trail.arn)


def read_in_home_region(
    context: CheckContext, trail: TrailDescription, operation: str, **parameters: Any
) -> dict[str, Any]:
    """CloudTrail returns status, selectors and tags of a trail only in its home Region."""
    account = context.cached(management_account)
    return account.read("cloudtrail", operation, region=trail.home_region, **parameters)


def in_home_region(
    context: CheckContext, trail: TrailDescription, *words: str, effect: str | None = None
) -> Command:
    account, region = context.settings.accounts.management, trail.home_region
    return context.cli.command(account, "cloudtrail", *words, region=region, effect=effect)


def trail_config(
    context: CheckContext, trail: TrailDescription, log_group: TrailLogGroup
) -> tuple[str, ...]:
    """The lines of the configuration that let Rootwatch use this trail."""
    settings = context.settings
    lines = [
        "trail:",
        "  managed: false",
        f"  name: {trail.name}",
        f"  log_group: {log_group.name}",
        f"  bucket: {trail.bucket}",
    ]
    if log_group.region != settings.home_region:
        lines = [f"home_region: {log_group.region}", *lines]
    if log_group.account != settings.accounts.security:
        lines += ["accounts:", f'  security: "{log_group.account}"']
    return tuple(lines)


def root_sign_in(partition: str, account: str) -> dict[str, str]:
    """The fields of a root sign-in that advanced event selectors can refer to."""
    return {
        "eventCategory": "Management",
        "readOnly": "false",
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "eventType": "AwsConsoleSignIn",
        "userIdentity.arn": f"arn:{partition}:iam::{account}:root",
    }


def logs_event(selectors: Mapping[str, Any], event: Mapping[str, str]) -> bool:
    """For a management event that writes, and selectors as GetEventSelectors returns them.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
    """
    basic = selectors.get("EventSelectors") or ()
    advanced = selectors.get("AdvancedEventSelectors") or ()
    return any(map(_logs_writes, basic)) or any(_matches(one, event) for one in advanced)


def logs_management_events(selectors: Mapping[str, Any]) -> bool:
    """All or some of them."""
    basic = selectors.get("EventSelectors") or ()
    advanced = selectors.get("AdvancedEventSelectors") or ()
    return any(one.get("IncludeManagementEvents") for one in basic) or any(
        _field_matches(field, "Management")
        for one in advanced
        for field in one["FieldSelectors"]
        if field["Field"] == "eventCategory"
    )


def with_management_events(selectors: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The option of put-event-selectors that adds all management events, and its value."""
    if advanced := selectors.get("AdvancedEventSelectors"):
        return "--advanced-event-selectors", [*advanced, MANAGEMENT_EVENTS]
    basic = selectors.get("EventSelectors") or [{}]
    complete = {"ReadWriteType": "All", "IncludeManagementEvents": True}
    return "--event-selectors", [{**basic[0], **complete}, *basic[1:]]


def _logs_writes(selector: Mapping[str, Any]) -> bool:
    """Excluded event sources have no effect here: only those of KMS and RDS can be excluded."""
    types = {"All", "WriteOnly"}
    return bool(selector.get("IncludeManagementEvents")) and selector.get("ReadWriteType") in types


def _matches(selector: Mapping[str, Any], event: Mapping[str, str]) -> bool:
    fields = selector["FieldSelectors"]
    return all(_field_matches(field, event.get(field["Field"], "")) for field in fields)


def _field_matches(field: Mapping[str, Any], value: str) -> bool:
    accepted = [test(value, one) for name, test in OPERATORS.items() for one in field.get(name, ())]
    rejected = [
        test(value, one) for name, test in OPERATORS.items() for one in field.get(f"Not{name}", ())
    ]
    return (not accepted or any(accepted)) and not any(rejected)


def add_log_group(
    context: CheckContext, trail: TrailDescription, log_group: TrailLogGroup
) -> tuple[Command, ...]:
    """The commands that create a log group and let the trail deliver to it.

    The trust policy has no condition: CloudTrail sends no aws:SourceArn or aws:SourceAccount.
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/send-cloudtrail-events-to-cloudwatch-logs.html
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
    """
    settings, cli = context.settings, context.cli
    account, region = log_group.account, log_group.region
    group_arn = f"arn:{settings.partition}:logs:{region}:{account}:log-group:{log_group.name}:*"
    role = f"{trail.name[:48]}-log-delivery"  # a role name has at most 64 characters
    role_arn = f"arn:{settings.partition}:iam::{account}:role/{role}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    delivery = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": group_arn,
    }
    create_group = ("logs", "create-log-group", "--log-group-name", log_group.name)
    create_role = ("iam", "create-role", "--role-name", role)
    put_policy = ("iam", "put-role-policy", "--role-name", role, "--policy-name", "deliver-events")
    update = ("cloudtrail", "update-trail", "--name", trail.arn)
    group = ("--cloud-watch-logs-log-group-arn", group_arn)
    return (
        *_delegate(context, account, region),
        cli.command(account, *create_group, region=region),
        cli.command(account, *create_role, "--assume-role-policy-document", _policy(trust)),
        cli.command(account, *put_policy, "--policy-document", _policy(delivery)),
        cli.command(
            account, *update, *group, "--cloud-watch-logs-role-arn", role_arn, region=region
        ),
    )


def _delegate(context: CheckContext, account: str, region: str) -> tuple[Command, ...]:
    """The log group has to be in the account that calls UpdateTrail: an administrator's."""
    management = context.settings.accounts.management
    if account == management or account in context.cached(cloudtrail_administrators):
        return ()
    words = ("cloudtrail", "register-organization-delegated-admin", "--member-account-id", account)
    return (context.cli.command(management, *words, region=region),)


def _policy(statement: Mapping[str, Any]) -> str:
    return as_json({"Version": "2012-10-17", "Statement": [statement]})
