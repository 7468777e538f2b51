"""The names of Rootwatch's resources, and whether existing resources belong to this deployment."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from config.settings import S3State
from operations.preflight import access, resources
from operations.preflight.aws import AccountClient, PreflightError, ReadError
from operations.preflight.check import Check, CheckContext, manages_trail
from operations.preflight.result import (
    CheckResult,
    Command,
    Remedy,
    Status,
    failed,
    passed,
)
from operations.preflight.terraform import states
from operations.preflight.trails import rootwatch_trails

MAX_PREFIX_CHARACTERS = 20  # as in config/schema.json
# What uses the other resources: if none of these exists, the deployment is not in use.
ACTIVE_KINDS = frozenset({"trail", "stack set", "stack", "function"})
TERRAFORM_TYPES = {
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
class NamedResource:
    kind: str
    name: str  # or the ARN, if `find` expects one
    find: resources.Find
    stack: str
    created_by: tuple[str, str] | None = None  # kind and name in the state, if not the resource's

    @property
    def in_state(self) -> tuple[str, str]:
        """Type and name in Terraform's state."""
        kind, name = self.created_by or (self.kind, self.name)
        return TERRAFORM_TYPES[kind], name

    @property
    def is_in_sign_in_region(self) -> bool:
        """CloudFormation creates the member access in the Region that records sign-ins."""
        return self.stack == "organization"

    def __str__(self) -> str:
        shown = self.name.rpartition(":")[2].removeprefix("trail/")
        return f"{self.kind} {shown}"


def in_management(context: CheckContext) -> Iterator[NamedResource]:
    names = context.names
    if context.settings.trail.managed:
        yield NamedResource("trail", names.trail_arn, resources.trail, "trail")
    name = names.member_stack_set
    yield NamedResource("stack set", name, resources.stack_set, "organization")
    yield NamedResource("stack", name, resources.stack, "organization")
    yield from _member_access(context, "stack")


def _member_access(context: CheckContext, kind: str) -> Iterator[NamedResource]:
    """The resources that the stack or the stack set creates in an account."""
    names = context.names
    by = kind, names.member_stack_set
    for role in (names.member_role, names.event_role):
        yield NamedResource("role", role, resources.role, "organization", by)
    yield NamedResource("event rule", names.event_rule, resources.event_rule, "organization", by)


def in_log_archive(context: CheckContext) -> Iterator[NamedResource]:
    yield NamedResource("bucket", context.names.trail_bucket, resources.bucket, "trail")
    yield NamedResource("key", context.names.trail_key_alias, resources.key_alias, "trail")


def in_security(context: CheckContext) -> Iterator[NamedResource]:
    names, settings = context.names, context.settings
    if settings.trail.managed:
        yield NamedResource("log group", names.trail_log_group, resources.log_group, "trail")
        yield NamedResource("role", names.trail_log_role, resources.role, "trail")
    detection: list[tuple[str, str, resources.Find]] = [
        ("log group", names.importer_log_group, resources.log_group),
        ("role", names.importer_role, resources.role),
        ("function", names.importer, resources.function),
        ("queue", names.importer_queue, resources.queue),
        ("queue", names.dead_letter_queue, resources.queue),
        ("topic", names.topic_arn("high"), resources.topic),
        ("topic", names.topic_arn("low"), resources.topic),
        ("table", names.idempotency_table, resources.table),
        ("event bus", names.event_bus, resources.event_bus),
        ("key", names.alerts_key_alias, resources.key_alias),
    ]
    for kind, name, find in detection:
        yield NamedResource(kind, name, find, "detection")
    if settings.accounts.security != settings.accounts.management:
        yield from _member_access(context, "stack set")


class NameOwner(StrEnum):
    NONE = "available"
    DEPLOYMENT = "created by this deployment"
    FORMER_DEPLOYMENT = "tagged by Rootwatch, but in no Terraform state"
    OTHER = "not created by Rootwatch"
    OTHER_ACCOUNT = "in another account"


@dataclass(frozen=True, slots=True)
class NameUse:
    resource: NamedResource
    owner: NameOwner
    deletion: tuple[resources.Words, ...] = ()  # of a resource of this deployment

    @property
    def is_conflict(self) -> bool:
        return self.owner not in {NameOwner.NONE, NameOwner.DEPLOYMENT}

    @property
    def is_active(self) -> bool:
        owners = {NameOwner.DEPLOYMENT, NameOwner.FORMER_DEPLOYMENT}
        return self.resource.kind in ACTIVE_KINDS and self.owner in owners

    def __str__(self) -> str:
        return f"{self.resource} exists, {self.owner}"


type NameUses = tuple[NameUse | ReadError, ...]


def names_in_management(context: CheckContext) -> NameUses:
    return _find_all(context, context.cached(access.management_account), in_management(context))


def names_in_log_archive(context: CheckContext) -> NameUses:
    return _find_all(context, context.cached(access.log_archive_account), in_log_archive(context))


def names_in_security(context: CheckContext) -> NameUses:
    return _find_all(context, context.cached(access.security_account), in_security(context))


def _find_all(
    context: CheckContext, account: AccountClient, expected: Iterable[NamedResource]
) -> NameUses:
    context.cached(states)  # without the states, no owner is known
    return tuple(context.map(partial(_find, context, account), expected))


def _find(
    context: CheckContext, account: AccountClient, resource: NamedResource
) -> NameUse | ReadError:
    region = _region(context, resource)
    try:
        existing = resource.find(replace(account, region=region), resource.name)
    except ReadError as error:
        return error
    if existing is None:
        return NameUse(resource, NameOwner.NONE)
    if existing.is_in_other_account:
        return NameUse(resource, NameOwner.OTHER_ACCOUNT)
    state = context.cached(states)[resource.stack]
    if state and state.contains(*resource.in_state):
        return NameUse(resource, NameOwner.DEPLOYMENT)
    if not resources.is_tagged(context.settings, existing.tags):
        return NameUse(resource, NameOwner.OTHER)
    return NameUse(resource, NameOwner.FORMER_DEPLOYMENT, existing.deletion)


def is_in_use(context: CheckContext) -> bool:
    """Whether this deployment may be in use, wherever its states are."""
    try:
        found, trails = tuple(_all_names(context)), context.cached(rootwatch_trails)
    except PreflightError:
        return True
    return bool(trails) or any(isinstance(one, ReadError) or one.is_active for one in found)


def _region(context: CheckContext, resource: NamedResource) -> str:
    settings = context.settings
    return settings.sign_in_region if resource.is_in_sign_in_region else settings.home_region


def _check_management(context: CheckContext) -> CheckResult:
    return _check_names(context, access.management_account, names_in_management)


def _check_log_archive(context: CheckContext) -> CheckResult:
    return _check_names(context, access.log_archive_account, names_in_log_archive)


def _check_security(context: CheckContext) -> CheckResult:
    return _check_names(context, access.security_account, names_in_security)


def _check_names(
    context: CheckContext,
    account: Callable[[CheckContext], AccountClient],
    names: Callable[[CheckContext], NameUses],
) -> CheckResult:
    """Reports conflicts even if other names cannot be read."""
    found = context.cached(names)
    uses = [one for one in found if isinstance(one, NameUse)]
    conflicts = [one for one in uses if one.is_conflict]
    problems = [str(one) for one in conflicts]
    problems += [f"call failed: {one}" for one in found if isinstance(one, ReadError)]
    if not problems:
        return passed(_counted(uses))
    status = Status.FAIL if conflicts else Status.ERROR
    remedy = _remedy(context, context.cached(account), conflicts) if conflicts else None
    return CheckResult(status, "; ".join(problems), remedy)


def _counted(uses: list[NameUse]) -> str:
    owners = [one.owner for one in uses]
    counts = {owner: owners.count(owner) for owner in (NameOwner.NONE, NameOwner.DEPLOYMENT)}
    return ", ".join(f"{count} {owner}" for owner, count in counts.items() if count)


def _remedy(context: CheckContext, account: AccountClient, conflicts: list[NameUse]) -> Remedy:
    prefix = context.settings.name_prefix
    other = f"{prefix[: MAX_PREFIX_CHARACTERS - 2].rstrip('-')}-2"
    commands = tuple(one for use in conflicts for one in _deletion(context, account, use))
    return Remedy(
        expected=_expected(conflicts, commands),
        commands=commands,
        config=(f"name_prefix: {other}",),
        config_is_alternative=True,
    )


def _expected(conflicts: list[NameUse], commands: tuple[Command, ...]) -> str:
    if commands:
        return "no resources of a former deployment, or another name_prefix"
    if any(one.owner is NameOwner.FORMER_DEPLOYMENT for one in conflicts):
        return (
            "the states that contain these resources, from the folder or the bucket of the"
            " deployment that created them; or another name_prefix"
        )
    return "another name_prefix"


def _deletion(context: CheckContext, account: AccountClient, use: NameUse) -> Iterator[Command]:
    """Nothing that a deployment may use, and nothing of somebody else."""
    if context.cached(is_in_use):
        return
    region = _region(context, use.resource)
    effect = f"Deletes {use.resource} and everything in it. No trail and no function uses it."
    for words in use.deletion:
        option = None if words[0] == "iam" else region
        yield context.cli.command(account.id, *words, region=option, effect=effect)


def _check_state(context: CheckContext) -> CheckResult:
    state = context.settings.state
    if isinstance(state, S3State) and not _bucket_exists(context, state):
        return failed(f"bucket {state.bucket} does not exist", _create_bucket(context, state))
    location = f"s3://{state.bucket}" if isinstance(state, S3State) else "the project folder"
    if lost := _stacks_without_state(context):
        expected = (
            "the states of the existing deployment, or their location in the configuration;"
            " without them, Terraform would create everything again"
        )
        detail = f"deployed, but no state in {location}: {', '.join(lost)}"
        return failed(detail, Remedy(expected=expected))
    deployed = [stack for stack, one in context.cached(states).items() if one and one.resources]
    stacks = f"deployed: {', '.join(deployed)}" if deployed else "nothing deployed yet"
    return passed(f"in {location}; {stacks}")


def _stacks_without_state(context: CheckContext) -> list[str]:
    former = {
        one.resource.stack
        for one in _all_names(context)
        if isinstance(one, NameUse) and one.owner is NameOwner.FORMER_DEPLOYMENT
    }
    return [
        stack
        for stack, state in context.cached(states).items()
        if stack in former and state is None
    ]


def _all_names(context: CheckContext) -> Iterator[NameUse | ReadError]:
    yield from context.cached(names_in_management)
    yield from context.cached(names_in_security)
    if context.settings.trail.managed:
        yield from context.cached(names_in_log_archive)


def _bucket_exists(context: CheckContext, state: S3State) -> bool:
    account = context.cached(access.management_account)
    found = account.find(
        "s3", "HeadBucket", absent={"404"}, region=state.region, Bucket=state.bucket
    )
    return found is not None


def _create_bucket(context: CheckContext, state: S3State) -> Remedy:
    words = ["s3api", "create-bucket", "--bucket", state.bucket]
    if state.region != "us-east-1":  # which S3 rejects as a location constraint
        words += ["--create-bucket-configuration", f"LocationConstraint={state.region}"]
    account = context.settings.accounts.management
    command = context.cli.command(account, *words, region=state.region)
    return Remedy(expected="the bucket for the states exists", commands=(command,))


CHECKS = (
    Check("names.management", "resource names, management account", _check_management),
    Check(
        "names.log_archive",
        "resource names, log archive account",
        _check_log_archive,
        manages_trail,
    ),
    Check("names.security", "resource names, security account", _check_security),
)
STATE_CHECKS = (Check("deployment.state", "Terraform state", _check_state),)
