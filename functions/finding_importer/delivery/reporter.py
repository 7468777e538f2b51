"""Imports the findings of one account, or their fallbacks, and publishes the notifications."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .. import log
from ..aws import ClientFactory, ClientTimeouts, Credentials
from ..environment import FunctionEnvironment
from ..errors import NotificationError, QueueError
from ..findings.finding import Asff
from ..findings.import_status import (
    FailureAction,
    FailureCause,
    FindingImportFailure,
    FindingLocation,
    ImportStatus,
)
from ..matching.rules import Priority
from ..notifications.deduplicator import ImportedFindings, NotificationDeduplicator, PublishResult
from ..notifications.directory import NOT_FOUND, AccountDirectory
from ..notifications.notification import NotificationTopic, compose
from ..sources.messages import Job
from .queues import MessageQueues
from .security_hub import MemberRoleCredentials, SecurityHubImporter

# The names of accounts and organizational units are optional.
DIRECTORY_TIMEOUTS = ClientTimeouts(connect_seconds=1, read_seconds=2, max_attempts=1)
# A duplicate notification is better than a late one.
TABLE_TIMEOUTS = ClientTimeouts(connect_seconds=1, read_seconds=2, max_attempts=2)
_MAX_CACHED_HUBS = 256  # each client keeps a connection open
# Sessions of a deleted and recreated role are rejected as if the Region were not enabled.
_STALE_CREDENTIALS = frozenset({FailureCause.CREDENTIALS_EXPIRED, FailureCause.REGION_NOT_ENABLED})
_SUSPENDED = frozenset({"SUSPENDED", "PENDING_CLOSURE", "CLOSED"})


@dataclass(frozen=True, slots=True)
class JobOutcome:
    status: ImportStatus
    retry: bool  # work remains that is not in the queue yet
    is_queued: bool = False  # the queue already holds the job, with its fallback finding
    publish_result: PublishResult | None = None  # None: not published in this invocation


type HasTime = Callable[[], bool]  # for another step in this invocation
type Failures = Mapping[str, FindingImportFailure]  # by the finding's Id
type Outcomes = dict[str, JobOutcome]  # by the finding's Id


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Thread-safe: reports several accounts concurrently."""

    security_account: str
    member_roles: MemberRoleCredentials
    hub_of: Callable[[Credentials | None], SecurityHubImporter]  # None: the security account's hub
    queues: MessageQueues
    directory: AccountDirectory
    deduplicator: NotificationDeduplicator
    imported: ImportedFindings
    topics: Mapping[Priority, NotificationTopic]

    def begin_invocation(self, context: Any) -> None:
        self.directory.begin_invocation()
        self.deduplicator.begin_invocation(context)

    def report(self, account: str, jobs: Sequence[Job], has_time: HasTime) -> Outcomes:
        """Process the jobs of an account as far as time allows. AWS errors become outcomes."""
        if not has_time():
            return all_failed(jobs, FindingImportFailure(FailureCause.NO_TIME_LEFT, ""))
        self.directory.look_up(account)
        failures = self._import(account, [job.finding.asff for job in jobs])
        imported, to_fall_back = [], []
        outcomes: Outcomes = {}
        for job in jobs:
            match failures.get(job.finding.id):
                case None:
                    imported.append(job)
                case FindingImportFailure(action=FailureAction.FALLBACK):
                    to_fall_back.append(job)
                case failure:
                    outcomes[job.finding.id] = _not_imported(failure)
        outcomes |= self._record_imported(imported, has_time)
        outcomes |= self._fall_back(to_fall_back, self._refine(account, failures), has_time)
        return {
            job.finding.id: self._notify(job, outcomes[job.finding.id], has_time) for job in jobs
        }

    def _import(self, account: str, findings: Sequence[Asff]) -> dict[str, FindingImportFailure]:
        """Import into the owning account, and retry once if the credentials may be stale."""
        failures = self._import_once(account, findings)
        stale = [
            finding
            for finding in findings
            if (failure := failures.get(finding["Id"])) and failure.cause in _STALE_CREDENTIALS
        ]
        if not stale or account == self.security_account:
            return failures
        self.member_roles.discard(account)
        retried = {finding["Id"] for finding in stale}
        rest = {id_: failure for id_, failure in failures.items() if id_ not in retried}
        return rest | self._import_once(account, stale)

    def _import_once(
        self, account: str, findings: Sequence[Asff]
    ) -> dict[str, FindingImportFailure]:
        if account == self.security_account:
            return self.hub_of(None).import_findings(findings)
        credentials = self.member_roles.get(account)
        if isinstance(credentials, FindingImportFailure):
            return {finding["Id"]: credentials for finding in findings}
        return self.hub_of(credentials).import_findings(findings)

    def _record_imported(self, jobs: Sequence[Job], has_time: HasTime) -> Outcomes:
        if jobs and jobs[0].finding.account != self.security_account and has_time():
            self.imported.record(job.finding.id for job in jobs)
        return self._archive_fallbacks(jobs)

    def _archive_fallbacks(self, jobs: Sequence[Job]) -> Outcomes:
        """Archive the fallback findings of imported findings, which would otherwise count twice."""
        archived = [job.finding.archived_fallback_finding() for job in jobs if job.has_fallback]
        failures = self.hub_of(None).import_findings(archived) if archived else {}
        for job in jobs:
            failure = failures.get(job.finding.id)
            message = "fallback finding not archived" if failure else "finding imported"
            _log(message, job, failure)
        status = ImportStatus(FindingLocation.OWNING_ACCOUNT)
        return {
            job.finding.id: JobOutcome(status, retry=job.finding.id in failures) for job in jobs
        }

    def _fall_back(self, jobs: Sequence[Job], failures: Failures, has_time: HasTime) -> Outcomes:
        """Store fallback findings, except for those that the owning account accepted before."""
        is_own = any(job.finding.account == self.security_account for job in jobs)
        if is_own or not has_time():
            return {job.finding.id: _not_imported(failures[job.finding.id]) for job in jobs}
        accepted = self.imported.among(job.finding.id for job in jobs)
        imported = [job for job in jobs if job.finding.id in accepted]
        others = [job for job in jobs if job.finding.id not in accepted]
        return self._archive_fallbacks(imported) | self._store_fallbacks(others, failures)

    def _store_fallbacks(self, jobs: Sequence[Job], failures: Failures) -> Outcomes:
        """Queue the jobs first: an existing fallback finding always has a job that archives it."""
        if not jobs:
            return {}
        if (new := [job for job in jobs if not job.has_fallback]) and not self._queue(new):
            return {job.finding.id: _not_imported(failures[job.finding.id]) for job in jobs}
        findings = [job.finding.fallback_finding(failures[job.finding.id]) for job in jobs]
        fallback_failures = self.hub_of(None).import_findings(findings)
        return {
            job.finding.id: _fallback_outcome(
                job, failures[job.finding.id], fallback_failures.get(job.finding.id)
            )
            for job in jobs
        }

    def _queue(self, jobs: Sequence[Job]) -> bool:
        try:
            self.queues.requeue([job.with_fallback() for job in jobs])
        except QueueError as error:
            log.error("fallback jobs not queued", reason=str(error))
            return False
        return True

    def _refine(self, account: str, failures: Failures) -> Failures:
        """State the cause if the account is suspended or not in the organization."""
        info = self.directory.account(account) if failures else None
        if info == NOT_FOUND:
            cause = FailureCause.ACCOUNT_NOT_FOUND
        elif info is not None and info.status in _SUSPENDED:
            cause = FailureCause.ACCOUNT_SUSPENDED
        else:
            return failures
        return {id_: failure.with_cause(cause) for id_, failure in failures.items()}

    def _notify(self, job: Job, outcome: JobOutcome, has_time: HasTime) -> JobOutcome:
        if not has_time():
            return replace(outcome, retry=not outcome.is_queued)
        finding = job.finding
        topic = self.topics[finding.detection.priority]

        def publish() -> None:
            account = self.directory.account(finding.account)
            topic.publish(compose(finding, outcome.status, account))

        try:
            result = self.deduplicator.publish_once(finding.id, publish)
        except NotificationError as error:
            _log("notification not published", job, error)
            return replace(outcome, retry=not outcome.is_queued)
        _log(f"notification {result.value}", job)
        in_progress = result is PublishResult.IN_PROGRESS
        retry = outcome.retry or (in_progress and not outcome.is_queued)
        return replace(outcome, publish_result=result, retry=retry)


def all_failed(jobs: Sequence[Job], failure: FindingImportFailure) -> Outcomes:
    return {job.finding.id: _not_imported(failure) for job in jobs}


def _not_imported(failure: FindingImportFailure) -> JobOutcome:
    if failure.action is FailureAction.DEAD_LETTER:
        return JobOutcome(ImportStatus(FindingLocation.DEAD_LETTER_QUEUE, failure), retry=False)
    return JobOutcome(ImportStatus(FindingLocation.NOT_IMPORTED, failure), retry=True)


def _fallback_outcome(
    job: Job, failure: FindingImportFailure, fallback_failure: FindingImportFailure | None
) -> JobOutcome:
    """Return the received job to the queue. For any other, the queue holds a new job already."""
    if fallback_failure is None:
        _log("finding stored in the security account (fallback)", job, failure)
        status = ImportStatus(FindingLocation.SECURITY_ACCOUNT, failure)
    else:
        _log("fallback finding not imported", job, fallback_failure)
        status = ImportStatus(FindingLocation.NOT_IMPORTED, failure)
    return JobOutcome(status, retry=job.has_fallback, is_queued=not job.has_fallback)


def _log(
    message: str, job: Job, reason: FindingImportFailure | NotificationError | None = None
) -> None:
    finding = job.finding
    write = log.info if reason is None else log.warning
    write(
        message,
        event_id=finding.event.event_id,
        account=finding.account,
        detection=finding.detection.name,
        finding=finding.id,
        **({} if reason is None else {"reason": str(reason)}),
    )


def create_reporter(environment: FunctionEnvironment) -> Reporter:
    clients = ClientFactory(environment.region, environment.timeouts)
    dynamodb = clients.client("dynamodb", timeouts=TABLE_TIMEOUTS)
    table_name = environment.idempotency_table_name
    sns = clients.client("sns")

    @lru_cache(maxsize=_MAX_CACHED_HUBS)
    def hub_of(credentials: Credentials | None) -> SecurityHubImporter:
        return SecurityHubImporter(clients.client("securityhub", credentials=credentials))

    return Reporter(
        security_account=environment.security_account,
        member_roles=MemberRoleCredentials(
            clients.client("sts"), environment.partition, environment.member_role_name
        ),
        hub_of=hub_of,
        queues=MessageQueues(
            clients.client("sqs"), environment.queue_url, environment.dead_letter_queue_url
        ),
        directory=AccountDirectory(clients.client("organizations", timeouts=DIRECTORY_TIMEOUTS)),
        deduplicator=NotificationDeduplicator(table_name, dynamodb),
        imported=ImportedFindings(table_name, dynamodb),
        topics={
            "high": NotificationTopic(sns, environment.high_priority_topic_arn),
            "low": NotificationTopic(sns, environment.low_priority_topic_arn),
        },
    )
