"""CloudTrail: which accounts create trails, and the checks of CreateTrail and UpdateTrail.

The management account owns organization trails, also those of a delegated administrator.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html
"""

import functools
import json
import time
from typing import Any

from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError
from moto.organizations.exceptions import OrganizationsClientError
from moto.s3.models import s3_backends

from sandbox.iam.authorization import assume_as_service, authorize_service, authorize_session
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import bucket_access, key_access, log_stream_access
from sandbox.organizations.organization import MANAGEMENT, ORGANIZATION_ID, PARTITION, organization
from sandbox.overrides import Override, add, replace, wrap

SERVICE = "cloudtrail.amazonaws.com"
DELEGATED_AT = "sandbox_delegated_at"  # of moto's delegated administrator, which accepts attributes
ALL_MANAGEMENT_EVENTS = {  # the selector of a new trail
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}


class CloudTrailError(JsonRESTError):
    code = 400


def overrides(delegation_seconds: float = 0.0) -> list[Override]:
    """`delegation_seconds` is how long a new delegated administrator cannot create trails."""
    create = functools.partial(_check_creation, delegation_seconds)
    return [
        *add(
            CloudTrailResponse,
            register_organization_delegated_admin=_register_delegated_admin,
            deregister_organization_delegated_admin=_deregister_delegated_admin,
        ),
        *wrap(
            CloudTrailResponse,
            create_trail=create,
            update_trail=_check_request,
            cloudtrail_backend=_backend_for_caller,
        ),
        *wrap(
            CloudTrailBackend,
            create_trail=_create_trail,
            update_trail=_update_trail,
            delete_trail=_delete_trail,
        ),
        *replace(Trail, check_bucket_exists=_check_bucket, get_event_selectors=_event_selectors),
        *wrap(Trail, put_event_selectors=_put_event_selectors),
    ]


def _check_bucket(trail: Trail) -> None:
    """Moto expects the bucket in the account of the trail; any account may own it."""
    if trail.bucket_name not in s3_backends.bucket_accounts:
        raise CloudTrailError(
            "S3BucketDoesNotExistException", f"S3 bucket {trail.bucket_name} does not exist!"
        )


def write_problem(trail: Trail, key: str) -> str | None:
    """Why CloudTrail may not write this object; None if it may."""
    context = {"s3:x-amz-acl": "bucket-owner-full-control"}
    source = {"aws:SourceArn": trail.arn, "aws:SourceAccount": trail.account_id}
    decision = authorize_service(
        SERVICE, bucket_access("s3:PutObject", trail.bucket_name, key, context), source
    )
    return None if decision.allowed else decision.reason


def _check_creation(delegation_seconds: float, operation: Any, response: CloudTrailResponse) -> str:
    """An organization trail needs the service-linked role, which the delegation creates.

    How long CloudTrail refuses it after a delegation, and with which error, is undocumented. This
    is its error where it cannot use the role; the AWS provider for Terraform does not retry it.
    """
    request, caller = json.loads(response.body), response.current_account
    since = _delegated_at(caller)
    if request.get("IsOrganizationTrail") and since is not None:
        elapsed = time.monotonic() - since
        if elapsed < delegation_seconds:
            raise CloudTrailError(
                "InsufficientDependencyServiceAccessPermissionException",
                "AWS CloudTrail cannot create resources for your organization because access to "
                "one or more required APIs has been denied.",
            )
    return _check_request(operation, response)


def _delegated_at(account: str) -> float | None:
    """By the monotonic clock; None unless CloudTrail's own API delegated to the account."""
    for admin in organization().admins:
        if admin.account.id == account:
            since: float | None = vars(admin).get(DELEGATED_AT)
            return since
    return None


def _check_request(operation: Any, response: CloudTrailResponse) -> str:
    """The checks that depend on the caller; a trail has only its owner, the management account."""
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


def _may_make_organization_trails(account: str) -> bool:
    return account == MANAGEMENT.id or _is_delegated(account)


def _foreign_log_group() -> CloudTrailError:
    return CloudTrailError(
        "InvalidCloudWatchLogsLogGroupArnException",
        "CloudTrail cannot validate the specified log group ARN.",
    )


def _create_trail(
    create_trail: Any, backend: CloudTrailBackend, *args: Any, **kwargs: Any
) -> Trail:
    trail: Trail = create_trail(backend, *args, **kwargs)
    try:
        _check_trail(trail)
    except CloudTrailError:
        backend.delete_trail(trail.trail_name)
        raise
    return trail


def _update_trail(
    update_trail: Any, backend: CloudTrailBackend, name: str, **settings: Any
) -> Trail:
    """A refused update changes nothing."""
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


def _delete_trail(delete_trail: Any, backend: CloudTrailBackend, name: str) -> None:
    """Moto ignores a trail's ARN as name."""
    delete_trail(backend, backend.get_trail(name).trail_name)


def _event_selectors(trail: Trail) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A trail without selectors records all management events."""
    if trail.advanced_event_selectors:
        return [], trail.advanced_event_selectors
    return trail.event_selectors or [ALL_MANAGEMENT_EVENTS], []


def _put_event_selectors(
    put_event_selectors: Any,
    trail: Trail,
    event_selectors: list[dict[str, Any]],
    advanced_event_selectors: list[dict[str, Any]],
) -> None:
    """A trail has either basic or advanced selectors: new ones replace all old ones."""
    trail.event_selectors, trail.advanced_event_selectors = [], []
    put_event_selectors(trail, event_selectors, advanced_event_selectors)


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
    """Why CloudTrail may not use the key of the trail; None if it may.

    A bucket with an S3 Bucket Key requires kms:Decrypt, too.
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
        raise _invalid_role("trust relationships") from error
    for stream in _streams(trail):
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            access = log_stream_access(action, trail.cw_log_group_arn, stream)
            if not authorize_session(session, access, trail.region_name).allowed:
                raise _invalid_role("permissions")


def _invalid_role(part: str) -> CloudTrailError:
    return CloudTrailError(
        "InvalidCloudWatchLogsRoleArnException",
        f"Access denied. Check the {part} for your role.",
    )


def _streams(trail: Trail) -> list[str]:
    """Every name that CloudTrail may give the log stream of a trail.

    AWS documents the name for an organization trail that its owner creates. For a delegated
    administrator, the account in the name is undocumented: both are required. The creator is the
    account of the log group.
    """
    creator = trail.cw_log_group_arn.split(":")[4]
    if not trail.is_org_trail:
        return [f"{creator}_CloudTrail_{trail.region_name}"]
    own = [f"{one}_CloudTrail_{trail.region_name}" for one in (creator, MANAGEMENT.id)]
    return own + [f"{ORGANIZATION_ID}_{stream}" for stream in own]


def _backend_for_caller(own_backend: Any, response: CloudTrailResponse) -> CloudTrailBackend:
    """A delegated administrator manages the trails of the management account."""
    if _is_delegated(response.current_account):
        return cloudtrail_backends[MANAGEMENT.id][response.region]
    backend: CloudTrailBackend = own_backend(response)
    return backend


def _is_delegated(account: str) -> bool:
    return any(
        admin.account.id == account and SERVICE in admin.services for admin in organization().admins
    )


def _register_delegated_admin(response: CloudTrailResponse) -> str:
    _require_management(response)
    member = json.loads(response.body)["MemberAccountId"]
    try:
        organization().register_delegated_administrator(AccountId=member, ServicePrincipal=SERVICE)
    except OrganizationsClientError as error:
        raise CloudTrailError("AccountNotFoundException", str(error)) from error
    for admin in organization().admins:
        if admin.account.id == member:
            vars(admin)[DELEGATED_AT] = time.monotonic()
    return "{}"


def _deregister_delegated_admin(response: CloudTrailResponse) -> str:
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
