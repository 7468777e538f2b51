"""CloudTrail in the sandbox: what happens in an account, delivered by the trails that cover it."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from moto.cloudtrail.models import cloudtrail_backends
from moto.s3.models import s3_backends

from sandbox.authority import assume_as_service
from sandbox.organization import ORGANIZATION_ID, PARTITION, is_active
from sandbox.refusals import AccessDeniedError
from sandbox.services.trail_administration import SERVICE, key_problem, write_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.cloudtrail.models import Trail


class UndeliverableEventError(Exception):
    """An event that CloudTrail would not have recorded, or a trail that cannot deliver it."""


class Trails:
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

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
    problem = write_problem(trail, key) or (trail.kms_key_id and key_problem(trail))
    if problem:
        raise UndeliverableEventError(f"{trail.arn} cannot deliver: {problem}")
    body = gzip.compress(json.dumps({"Records": [event]}).encode())
    owner = s3_backends.bucket_accounts[trail.bucket_name][1]
    s3_backends[owner][PARTITION].put_object(trail.bucket_name, key, body)


def _prefix(trail: Trail) -> str:
    return f"AWSLogs/{ORGANIZATION_ID}" if trail.is_org_trail else "AWSLogs"
