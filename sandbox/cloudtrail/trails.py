"""CloudTrail: delivery of events to trails and to EventBridge.

An event is delivered to the buckets and log groups of trails and to the event bus of its account.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

import gzip
import json
import logging
import uuid
from datetime import UTC, datetime

from moto.cloudtrail.models import Trail, cloudtrail_backends
from moto.logs.models import LogsBackend, logs_backends
from moto.s3.models import s3_backends

from sandbox.cloudtrail.administration import SERVICE, key_problem, write_problem
from sandbox.cloudtrail.late_deliveries import LateDeliveries
from sandbox.cloudwatch.service_metrics import ServiceMetrics
from sandbox.conditions import Conditions
from sandbox.eventbridge.buses import BusAddress
from sandbox.eventbridge.delivery import EventBridge
from sandbox.eventbridge.entries import Event, event_envelope
from sandbox.iam.authorization import ServiceSessions, authorize_session
from sandbox.iam.refusals import AccessDeniedError
from sandbox.iam.resources import log_stream_access
from sandbox.organizations.organization import ORGANIZATION_ID, PARTITION, is_active

LOG = logging.getLogger(__name__)
SIGN_IN_SPELLINGS = (  # AWS documents both
    "AWS Console Sign In via CloudTrail",
    "AWS Console Signin via CloudTrail",
)
DETAIL_TYPES = {  # by eventType
    "AwsApiCall": "AWS API Call via CloudTrail",
    "AwsConsoleSignIn": SIGN_IN_SPELLINGS[0],
    "AwsConsoleSignin": SIGN_IN_SPELLINGS[0],
    "AwsConsoleAction": "AWS Console Action via CloudTrail",
    "AwsServiceEvent": "AWS Service Event via CloudTrail",
    "AwsCloudTrailInsight": "AWS Insight via CloudTrail",
    "AwsVpceEvent": "AWS Network Activity Event via CloudTrail",
}
MAX_EVENT_BYTES = 262_144  # EventBridge does not receive larger events


class UndeliverableEventError(Exception):
    """CloudTrail does not record the event, or a trail cannot deliver it."""


class Trails:
    def __init__(
        self, event_bridge: EventBridge, metrics: ServiceMetrics, conditions: Conditions
    ) -> None:
        self._event_bridge = event_bridge
        self._metrics = metrics
        self._late = LateDeliveries(metrics.clock, conditions)
        self.undelivered: list[str] = []  # the reasons of late deliveries that failed
        self._sessions = ServiceSessions(SERVICE)

    def record(self, event: Event, *, detail_type: str | None = None) -> int:
        """Deliver an event to trails and EventBridge; the number of trails that record it.

        Raises UndeliverableEventError unless the account is active in the organization and all
        trails have the permissions that they need.
        """
        self.emit(event, detail_type=detail_type)
        return self.log(event)

    def log(self, event: Event) -> int:
        """Deliver an event to trails only; the number of trails that record it.

        Under the worst conditions, a log group has the event minutes later.
        """
        trails = _covering(event)
        for trail in trails:
            self._deliver(trail, event)
        return len(trails)

    def emit(self, event: Event, *, detail_type: str | None = None) -> int:
        """Deliver an event to the default bus of its account and Region only.

        EventBridge receives only events that a trail records. The number of triggered rules.
        """
        if not _covering(event) or len(json.dumps(event).encode()) > MAX_EVENT_BYTES:
            return 0
        envelope = _envelope(event, detail_type)
        bus = BusAddress(envelope["account"], envelope["region"])
        return self._event_bridge.deliver(envelope, bus)

    def publish_activity(self, when: datetime | None = None) -> None:
        """Count an event in the log group of each trail that can deliver to it.

        A trail is never silent: the calls that CloudTrail itself makes to deliver are events of the
        trail. The sandbox counts them in a metric, and does not write them.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
        """
        for trail in _logging_trails():
            if trail.cw_log_group_arn and self._can_log(trail):
                _, _, _, region, owner, _, group, *_ = trail.cw_log_group_arn.split(":")
                self._metrics.count_log_events(owner, region, group, 1, when)

    @property
    def has_late_deliveries(self) -> bool:
        return bool(self._late)

    def deliver_due(self, minute: datetime) -> None:
        """To log groups, what is due at this minute."""
        for late in self._late.take_due(minute):
            account, _ = _location(late.event)
            try:
                self._log(late.trail, late.event, account, late.timestamp or minute)
            except UndeliverableEventError as error:
                LOG.warning("%s", error)
                self.undelivered.append(str(error))

    def _can_log(self, trail: Trail) -> bool:
        try:
            self._log_stream(trail, trail.account_id)
        except UndeliverableEventError:
            return False
        return True

    def _deliver(self, trail: Trail, event: Event) -> None:
        account, region = _location(event)
        _store(trail, event, account, region)
        if not trail.cw_log_group_arn:
            return
        if self._late.is_late:
            self._log_stream(trail, account)  # which raises at once
            self._late.add(trail, event)
        else:
            self._log(trail, event, account, self._metrics.clock.now())

    def _log(self, trail: Trail, event: Event, account: str, timestamp: datetime) -> None:
        logs, group, stream = self._log_stream(trail, account)
        logs.ensure_log_stream(group, stream)
        milliseconds = int(timestamp.replace(tzinfo=UTC).timestamp() * 1000)
        message = {"timestamp": milliseconds, "message": json.dumps(event)}
        logs.put_log_events(group, stream, [message])

    def _log_stream(self, trail: Trail, account: str) -> tuple[LogsBackend, str, str]:
        """The stream for an account's events, with the current permissions of the trail's role."""
        _, _, _, region, owner, _, group, *_ = trail.cw_log_group_arn.split(":")
        prefix = f"{ORGANIZATION_ID}_" if trail.is_org_trail else ""
        stream = f"{prefix}{account}_CloudTrail_{trail.region_name}"
        logs = logs_backends[owner][region]
        try:
            self._authorize(trail, "logs:CreateLogStream", stream)
            self._authorize(trail, "logs:PutLogEvents", stream)
        except AccessDeniedError as error:
            raise UndeliverableEventError(f"{trail.arn} cannot deliver: {error}") from error
        if group not in logs.groups:
            raise UndeliverableEventError(f"{trail.arn} cannot deliver: {group} does not exist")
        return logs, group, stream

    def _authorize(self, trail: Trail, action: str, stream: str) -> None:
        session = self._sessions.session(trail.cw_role_arn, trail.arn)
        access = log_stream_access(action, trail.cw_log_group_arn, stream)
        decision = authorize_session(session, access, trail.region_name)
        if not decision.allowed:
            raise AccessDeniedError(
                f"{trail.cw_role_arn} is not authorized to perform: {action}: {decision.reason}"
            )


def _location(event: Event) -> tuple[str, str]:
    """Account and Region."""
    return str(event.get("recipientAccountId")), str(event.get("awsRegion"))


def _covering(event: Event) -> list[Trail]:
    account, region = _location(event)
    if not is_active(account):
        raise UndeliverableEventError(
            f"recipientAccountId: got {account}, expected an active account of the organization"
        )
    return [trail for trail in _logging_trails() if _covers(trail, account, region)]


def _envelope(event: Event, detail_type: str | None) -> Event:
    account, region = _location(event)
    try:
        return event_envelope(
            source=f"aws.{str(event['eventSource']).removesuffix('.amazonaws.com')}",
            detail_type=detail_type or DETAIL_TYPES[event["eventType"]],
            account=account,
            region=region,
            time=datetime.fromisoformat(event["eventTime"]),
            resources=[],
            detail=event,
        )
    except (KeyError, ValueError) as error:
        reason = f"eventSource, eventTime or eventType: got {error!r}, expected a CloudTrail record"
        raise UndeliverableEventError(reason) from error


def _logging_trails() -> list[Trail]:
    return [
        trail
        for regions in list(cloudtrail_backends.values())
        for backend in list(regions.values())
        for trail in list(backend.trails.values())
        if trail.status.is_logging
    ]


def _covers(trail: Trail, account: str, region: str) -> bool:
    in_account = trail.is_org_trail or trail.account_id == account
    return in_account and (trail.is_multi_region or trail.region_name == region)


def _store(trail: Trail, event: Event, account: str, region: str) -> None:
    """One log file for each event; AWS writes one for several minutes of events."""
    key = f"{_prefix(trail)}/{account}/CloudTrail/{region}/{uuid.uuid4()}.json.gz"
    problem = write_problem(trail, key) or (trail.kms_key_id and key_problem(trail))
    if problem:
        raise UndeliverableEventError(f"{trail.arn} cannot deliver: {problem}")
    body = gzip.compress(json.dumps({"Records": [event]}).encode())
    owner = s3_backends.bucket_accounts[trail.bucket_name][1]
    s3_backends[owner][PARTITION].put_object(trail.bucket_name, key, body)


def _prefix(trail: Trail) -> str:
    return f"AWSLogs/{ORGANIZATION_ID}" if trail.is_org_trail else "AWSLogs"
