"""CloudTrail in the sandbox: who may make which trail, and what is checked before it exists.

Organization trails live in the management account, whoever creates them.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
"""

import functools
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError
from moto.organizations.exceptions import OrganizationsClientError
from moto.s3.models import s3_backends

from sandbox.iam.authority import assume_as_service, authorize_service, authorize_session
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import bucket_access, key_access, log_stream_access
from sandbox.organizations.organization import MANAGEMENT, ORGANIZATION_ID, PARTITION, organization

SERVICE = "cloudtrail.amazonaws.com"


class CloudTrailError(JsonRESTError):
    code = 400


@contextmanager
def installed() -> Iterator[None]:
    with ExitStack() as stack:
        for name, operation in {
            "register_organization_delegated_admin": _register_organization_delegated_admin,
            "deregister_organization_delegated_admin": _deregister_organization_delegated_admin,
        }.items():
            stack.enter_context(patch.object(CloudTrailResponse, name, operation, create=True))
        for name in ("create_trail", "update_trail"):
            requesting = _requesting(getattr(CloudTrailResponse, name))
            stack.enter_context(patch.object(CloudTrailResponse, name, requesting))
        for name, changing in {
            "create_trail": _creating,
            "update_trail": _updating,
            "delete_trail": _deleting,
        }.items():
            changed = changing(getattr(CloudTrailBackend, name))
            stack.enter_context(patch.object(CloudTrailBackend, name, changed))
        stack.enter_context(
            patch.object(
                CloudTrailResponse,
                "cloudtrail_backend",
                property(_backend_of(vars(CloudTrailResponse)["cloudtrail_backend"])),
            )
        )
        stack.enter_context(patch.object(Trail, "check_bucket_exists", _check_bucket))
        yield


def _check_bucket(trail: Trail) -> None:
    """Moto looks in the trail's own account; a trail's bucket may be anywhere."""
    if trail.bucket_name not in s3_backends.bucket_accounts:
        raise CloudTrailError(
            "S3BucketDoesNotExistException", f"S3 bucket {trail.bucket_name} does not exist!"
        )


def write_problem(trail: Trail, key: str) -> str | None:
    """Why CloudTrail may not write this object, or None."""
    context = {"s3:x-amz-acl": "bucket-owner-full-control"}
    source = {"aws:SourceArn": trail.arn, "aws:SourceAccount": trail.account_id}
    decision = authorize_service(
        SERVICE, bucket_access("s3:PutObject", trail.bucket_name, key, context), source
    )
    return None if decision.allowed else decision.reason


def _requesting(operation: Any) -> Any:
    """What depends on who calls: a trail does not know it, as the management account owns it."""

    @functools.wraps(operation)
    def requesting(response: CloudTrailResponse) -> str:
        request, caller = json.loads(response.body), response.current_account
        if request.get("IsOrganizationTrail") and not _may_make_organization_trails(caller):
            raise CloudTrailError(
                "NotOrganizationMasterAccountException",
                "The caller is neither the management account nor a delegated administrator.",
            )
        group = request.get("CloudWatchLogsLogGroupArn")
        if group and group.split(":")[4] != caller:
            raise _foreign_log_group()
        answer: str = operation(response)
        return answer

    return requesting


def _may_make_organization_trails(account: str) -> bool:
    return account == MANAGEMENT.id or _is_delegated(account)


def _foreign_log_group() -> CloudTrailError:
    return CloudTrailError(
        "InvalidCloudWatchLogsLogGroupArnException",
        "CloudTrail cannot validate the specified log group ARN.",
    )


def _creating(create_trail: Any) -> Any:
    @functools.wraps(create_trail)
    def creating(backend: CloudTrailBackend, *args: Any, **kwargs: Any) -> Trail:
        trail: Trail = create_trail(backend, *args, **kwargs)
        try:
            _check_trail(trail)
        except CloudTrailError:
            backend.delete_trail(trail.trail_name)
            raise
        return trail

    return creating


def _updating(update_trail: Any) -> Any:
    """A refused update changes nothing."""

    @functools.wraps(update_trail)
    def updating(backend: CloudTrailBackend, name: str, **settings: Any) -> Trail:
        trail = backend.get_trail(name)
        before = {**vars(trail)}
        update_trail(backend, name, **settings)
        try:
            trail.check_bucket_exists()
            _check_trail(trail)
        except CloudTrailError:
            vars(trail).update(before)
            raise
        return trail

    return updating


def _deleting(delete_trail: Any) -> Any:
    """Moto passes over a trail that is named by its ARN."""

    @functools.wraps(delete_trail)
    def deleting(backend: CloudTrailBackend, name: str) -> None:
        delete_trail(backend, backend.get_trail(name).trail_name)

    return deleting


def _check_trail(trail: Trail) -> None:
    source = {"aws:SourceArn": trail.arn, "aws:SourceAccount": trail.account_id}
    acl = bucket_access("s3:GetBucketAcl", trail.bucket_name, None, {})
    prefixes = [f"AWSLogs/{trail.account_id}"]
    if trail.is_org_trail:
        prefixes.append(f"AWSLogs/{ORGANIZATION_ID}")
    problems = [write_problem(trail, f"{prefix}/x") for prefix in prefixes]
    if any(problems) or not authorize_service(SERVICE, acl, source).allowed:
        raise CloudTrailError(
            "InsufficientS3BucketPolicyException",
            f"Incorrect S3 bucket policy is detected for bucket: {trail.bucket_name}",
        )
    if trail.kms_key_id:
        _check_key(trail)
    if trail.cw_log_group_arn:
        _check_log_role(trail)


def _check_key(trail: Trail) -> None:
    if key_problem(trail):
        raise CloudTrailError(
            "InsufficientEncryptionPolicyException",
            "Insufficient permissions to access S3 bucket or KMS key.",
        )


def key_problem(trail: Trail) -> str | None:
    """Why CloudTrail may not use the trail's key, or None.

    Decrypt is needed where the bucket has a key of its own between the objects and this one.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
    """
    source = {"aws:SourceArn": trail.arn, "aws:SourceAccount": trail.account_id}
    encryption = {"kms:EncryptionContext:aws:cloudtrail:arn": trail.arn}
    actions = ["kms:GenerateDataKey", "kms:DescribeKey"]
    if _has_bucket_key(trail.bucket_name):
        actions.append("kms:Decrypt")
    for action in actions:
        access = key_access(action, trail.kms_key_id, encryption)
        decision = authorize_service(SERVICE, access, source)
        if not decision.allowed:
            return decision.reason
    return None


def _has_bucket_key(bucket: str) -> bool:
    owner = s3_backends.bucket_accounts[bucket][1]
    encryption = s3_backends[owner][PARTITION].buckets[bucket].encryption or {}
    rules = encryption.get("Rule", [])
    listed = rules if isinstance(rules, list) else [rules]
    return any(str(rule.get("BucketKeyEnabled")).lower() == "true" for rule in listed)


def _check_log_role(trail: Trail) -> None:
    if trail.cw_log_group_arn.split(":")[4] != trail.cw_role_arn.split(":")[4]:
        raise _foreign_log_group()
    try:
        session = assume_as_service(SERVICE, trail.cw_role_arn, "CloudTrail", trail.arn)
    except AccessDeniedError as error:
        raise _useless_role("trust relationships") from error
    for stream in _streams(trail):
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            access = log_stream_access(action, trail.cw_log_group_arn, stream)
            if not authorize_session(session, access, trail.region_name).allowed:
                raise _useless_role("permissions")


def _useless_role(part: str) -> CloudTrailError:
    return CloudTrailError(
        "InvalidCloudWatchLogsRoleArnException",
        f"Access denied. Check the {part} for your role.",
    )


def _streams(trail: Trail) -> list[str]:
    """Every name that CloudTrail may give the stream of a trail.

    AWS's example has one account that creates and owns an organization trail; where they are two,
    it does not say whose name the streams bear. The creator is the account of the log group.
    """
    creator = trail.cw_log_group_arn.split(":")[4]
    if not trail.is_org_trail:
        return [f"{creator}_CloudTrail_{trail.region_name}"]
    own = [f"{one}_CloudTrail_{trail.region_name}" for one in (creator, MANAGEMENT.id)]
    return own + [f"{ORGANIZATION_ID}_{stream}" for stream in own]


def _backend_of(original: property) -> Any:
    """A delegated administrator's calls act on the management account's trails."""

    def backend(response: CloudTrailResponse) -> CloudTrailBackend:
        if _is_delegated(response.current_account):
            return cloudtrail_backends[MANAGEMENT.id][response.region]
        assert original.fget is not None  # noqa: S101  a property of moto's has a getter
        own: CloudTrailBackend = original.fget(response)
        return own

    return backend


def _is_delegated(account: str) -> bool:
    return any(
        admin.account.id == account and SERVICE in admin.services for admin in organization().admins
    )


def _register_organization_delegated_admin(response: CloudTrailResponse) -> str:
    _require_management(response)
    member = json.loads(response.body)["MemberAccountId"]
    try:
        organization().register_delegated_administrator(AccountId=member, ServicePrincipal=SERVICE)
    except OrganizationsClientError as error:
        raise CloudTrailError("AccountNotFoundException", str(error)) from error
    return "{}"


def _deregister_organization_delegated_admin(response: CloudTrailResponse) -> str:
    _require_management(response)
    admin = json.loads(response.body)["DelegatedAdminAccountId"]
    organization().deregister_delegated_administrator(AccountId=admin, ServicePrincipal=SERVICE)
    return "{}"


def _require_management(response: CloudTrailResponse) -> None:
    if response.current_account != MANAGEMENT.id:
        raise CloudTrailError(
            "NotOrganizationManagementAccountException",
            "Only the management account can register a delegated administrator.",
        )
