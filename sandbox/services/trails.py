"""CloudTrail in the sandbox: organization trails, checked when made, that deliver what happens.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
"""

from __future__ import annotations

import functools
import gzip
import json
import time
import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError
from moto.organizations.exceptions import OrganizationsClientError
from moto.s3.models import s3_backends

from sandbox.authority import AccessDeniedError, assume_as_service, authorize_service
from sandbox.organization import (
    MANAGEMENT,
    ORGANIZATION_ID,
    PARTITION,
    is_active,
    organization,
)
from sandbox.resources import bucket_access, key_access

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVICE = "cloudtrail.amazonaws.com"


class CloudTrailError(JsonRESTError):
    code = 400


class UndeliverableEventError(Exception):
    """An event that CloudTrail would not have recorded, or a trail that cannot deliver it."""


class Trails:
    """Organization trails live in the management account, whoever creates them."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name in (
                "register_organization_delegated_admin",
                "deregister_organization_delegated_admin",
            ):
                operation = globals()[f"_{name}"]
                stack.enter_context(patch.object(CloudTrailResponse, name, operation, create=True))
            requesting = _requesting(CloudTrailResponse.create_trail)
            stack.enter_context(patch.object(CloudTrailResponse, "create_trail", requesting))
            stack.enter_context(
                patch.object(CloudTrailBackend, "create_trail", _creating(CloudTrailBackend))
            )
            stack.enter_context(
                patch.object(
                    CloudTrailBackend, "delete_trail", _deleting(CloudTrailBackend.delete_trail)
                )
            )
            stack.enter_context(
                patch.object(
                    CloudTrailResponse,
                    "cloudtrail_backend",
                    property(_backend_of(vars(CloudTrailResponse)["cloudtrail_backend"])),
                )
            )
            stack.enter_context(patch.object(Trail, "check_bucket_exists", _check_bucket))
            yield

    def record(self, event: Mapping[str, Any]) -> int:
        """Deliver an event to every trail that covers it; how many there were.

        Raises UndeliverableEventError for an event of no active account of the organization, and
        where a trail may not deliver.
        """
        account, region = str(event.get("recipientAccountId")), str(event.get("awsRegion"))
        if not is_active(account):
            raise UndeliverableEventError(f"no active account of the organization: {account}")
        trails = [trail for trail in _logging_trails() if _covers(trail, account, region)]
        for trail in trails:
            self._deliver(trail, event, account, region)
        return len(trails)

    def _deliver(self, trail: Trail, event: Mapping[str, Any], account: str, region: str) -> None:
        _store(trail, event, account, region)
        if trail.cw_log_group_arn:
            self._log(trail, event, account)

    def _log(self, trail: Trail, event: Mapping[str, Any], account: str) -> None:
        group = trail.cw_log_group_arn.split(":")[6]
        prefix = f"{ORGANIZATION_ID}_" if trail.is_org_trail else ""
        stream = f"{prefix}{account}_CloudTrail_{trail.region_name}"
        message = {"timestamp": int(time.time() * 1000), "message": json.dumps(event)}
        try:
            logs = self._logs_client(trail)
            _ensure_stream(logs, group, stream)
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[message])
        except (ClientError, AccessDeniedError) as error:
            raise UndeliverableEventError(f"{trail.arn} cannot deliver: {error}") from error

    def _logs_client(self, trail: Trail) -> Any:
        session = assume_as_service(SERVICE, trail.cw_role_arn, "CloudTrail", trail.arn)
        return boto3.client(
            "logs",
            region_name=trail.region_name,
            endpoint_url=self._endpoint,
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
        )


def _ensure_stream(logs: Any, group: str, stream: str) -> None:
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceAlreadyExistsException:
        return


def _logging_trails() -> list[Trail]:
    return [
        trail
        for regions in list(cloudtrail_backends.values())
        for backend in list(regions.values())
        for trail in backend.trails.values()
        if trail.status.is_logging
    ]


def _covers(trail: Trail, account: str, region: str) -> bool:
    in_account = trail.is_org_trail or trail.account_id == account
    return in_account and (trail.is_multi_region or trail.region_name == region)


def _store(trail: Trail, event: Mapping[str, Any], account: str, region: str) -> None:
    """One log file an event; CloudTrail gathers some minutes of them."""
    key = f"{_prefix(trail)}/{account}/CloudTrail/{region}/{uuid.uuid4()}.json.gz"
    problem = _write_problem(trail, key)
    if problem:
        raise UndeliverableEventError(f"{trail.arn} cannot deliver: {problem}")
    body = gzip.compress(json.dumps({"Records": [event]}).encode())
    owner = s3_backends.bucket_accounts[trail.bucket_name][1]
    s3_backends[owner][PARTITION].put_object(trail.bucket_name, key, body)


def _prefix(trail: Trail) -> str:
    return f"AWSLogs/{ORGANIZATION_ID}" if trail.is_org_trail else "AWSLogs"


def _check_bucket(trail: Trail) -> None:
    """Moto looks in the trail's own account; a trail's bucket may be anywhere."""
    if trail.bucket_name not in s3_backends.bucket_accounts:
        raise CloudTrailError(
            "S3BucketDoesNotExistException", f"S3 bucket {trail.bucket_name} does not exist!"
        )


def _write_problem(trail: Trail, key: str) -> str | None:
    """Why CloudTrail may not write this object, or None."""
    context = {"s3:x-amz-acl": "bucket-owner-full-control"}
    source = {"aws:SourceArn": trail.arn, "aws:SourceAccount": trail.account_id}
    decision = authorize_service(
        SERVICE, bucket_access("s3:PutObject", trail.bucket_name, key, context), source
    )
    return None if decision.allowed else decision.reason


def _requesting(create_trail: Any) -> Any:
    """What depends on who calls: a trail does not know it, as the management account owns it."""

    @functools.wraps(create_trail)
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
        answer: str = create_trail(response)
        return answer

    return requesting


def _may_make_organization_trails(account: str) -> bool:
    return account == MANAGEMENT.id or _is_delegated(account)


def _foreign_log_group() -> CloudTrailError:
    return CloudTrailError(
        "InvalidCloudWatchLogsLogGroupArnException",
        "CloudTrail cannot validate the specified log group ARN.",
    )


def _creating(backend_class: type[CloudTrailBackend]) -> Any:
    create_trail = backend_class.create_trail

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
    problems = [_write_problem(trail, f"{prefix}/x") for prefix in prefixes]
    if any(problems) or not authorize_service(SERVICE, acl, source).allowed:
        raise CloudTrailError(
            "InsufficientS3BucketPolicyException",
            f"Incorrect S3 bucket policy is detected for bucket: {trail.bucket_name}",
        )
    if trail.kms_key_id:
        _check_key(trail, source)
    if trail.cw_log_group_arn:
        _check_log_role(trail)


def _check_key(trail: Trail, source: Mapping[str, str]) -> None:
    encryption = {"kms:EncryptionContext:aws:cloudtrail:arn": trail.arn}
    for action in ("kms:GenerateDataKey", "kms:DescribeKey"):
        access = key_access(action, trail.kms_key_id, encryption)
        if not authorize_service(SERVICE, access, source).allowed:
            raise CloudTrailError(
                "InsufficientEncryptionPolicyException",
                "Insufficient permissions to access S3 bucket or KMS key.",
            )


def _check_log_role(trail: Trail) -> None:
    if trail.cw_log_group_arn.split(":")[4] != trail.cw_role_arn.split(":")[4]:
        raise _foreign_log_group()
    try:
        assume_as_service(SERVICE, trail.cw_role_arn, "CloudTrail", trail.arn)
    except AccessDeniedError as error:
        raise CloudTrailError(
            "InvalidCloudWatchLogsRoleArnException",
            "Access denied. Check the trust relationships for your role.",
        ) from error


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
