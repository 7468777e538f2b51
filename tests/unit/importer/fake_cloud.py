"""The importer's function, with fakes of all services that it calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from functions.finding_importer.aws import Credentials
from functions.finding_importer.delivery.queues import MessageQueues
from functions.finding_importer.delivery.reporter import HasTime, JobOutcome, Outcomes, Reporter
from functions.finding_importer.delivery.security_hub import (
    MemberRoleCredentials,
    SecurityHubImporter,
)
from functions.finding_importer.findings.import_status import FailureCause, FindingLocation
from functions.finding_importer.handler import DeliveryWork, ImporterFunction
from functions.finding_importer.matching.rules import DeployedDetection, Ruleset
from functions.finding_importer.notifications.deduplicator import (
    ImportedFindings,
    NotificationDeduplicator,
)
from functions.finding_importer.notifications.directory import AccountDirectory
from functions.finding_importer.notifications.notification import NotificationTopic
from functions.finding_importer.sources.events import read
from functions.finding_importer.sources.messages import Job
from tests.unit.importer.builders import (
    OWNER,
    SCOPE,
    SECURITY,
    FakeContext,
    detection,
    finding,
    queue_event,
)
from tests.unit.importer.fakes import (
    TABLE_NAME,
    CallLog,
    FakeOrganizations,
    FakeSecurityHub,
    FakeSns,
    FakeSqs,
    FakeSts,
    FakeTable,
    SentMessage,
)

HIGH, LOW = (f"arn:aws:sns:eu-central-1:{SECURITY}:{name}" for name in ("high", "low"))
QUEUE, DEAD_LETTER_QUEUE = (
    f"https://sqs.eu-central-1.amazonaws.com/{SECURITY}/{name}" for name in ("queue", "dead")
)


@dataclass
class FakeCloud:
    detections: Sequence[DeployedDetection] = field(default_factory=lambda: [detection()])
    max_concurrent_accounts: int = 4
    reserved_seconds: float = 45.0
    call_log: CallLog = field(default_factory=list)
    hubs: dict[str, FakeSecurityHub] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sts = FakeSts(self.call_log)
        self.sns = FakeSns(self.call_log)
        self.sqs = FakeSqs(self.call_log)
        self.organizations = FakeOrganizations()
        self.table = FakeTable(self.call_log)

    def hub(self, account: str) -> FakeSecurityHub:
        return self.hubs.setdefault(account, FakeSecurityHub(account, self.call_log))

    def _hub_of(self, credentials: Credentials | None) -> SecurityHubImporter:
        # FakeSts returns the account ID as access key ID.
        return SecurityHubImporter(self.hub(credentials.access_key_id if credentials else SECURITY))

    @cached_property
    def reporter(self) -> Reporter:
        return Reporter(
            security_account=SECURITY,
            member_roles=MemberRoleCredentials(self.sts, "aws", "rootwatch-member"),
            hub_of=self._hub_of,
            queues=MessageQueues(self.sqs, QUEUE, DEAD_LETTER_QUEUE),
            directory=AccountDirectory(self.organizations),
            deduplicator=NotificationDeduplicator(TABLE_NAME, self.table),
            imported=ImportedFindings(TABLE_NAME, self.table),
            topics={
                "high": NotificationTopic(self.sns, HIGH),
                "low": NotificationTopic(self.sns, LOW),
            },
        )

    @cached_property
    def function(self) -> ImporterFunction:
        return ImporterFunction(
            ruleset=Ruleset.of(self.detections),
            scope=SCOPE,
            reporter=self.reporter,
            queues=self.reporter.queues,
            max_concurrent_accounts=self.max_concurrent_accounts,
            reserved_seconds=self.reserved_seconds,
            metric_namespace="Rootwatch",
        )

    def invoke(self, event: Any, seconds: float = 120.0) -> dict[str, Any]:
        return self.function.handle(event, FakeContext(seconds))

    def process(
        self, *events: Any, seconds_left: Callable[[], float] = lambda: 120.0
    ) -> tuple[list[DeliveryWork], dict[str, int]]:
        """Process deliveries without queueing what remains of them."""
        self.reporter.begin_invocation(FakeContext())
        deliveries, counts = self.function.process([read(e) for e in events], seconds_left)
        return deliveries, dict(counts)

    def drain_queue(self) -> None:
        """Deliver the queue's messages once, in batches of ten; failed ones stay in the queue."""
        received, self.sqs.sent["queue"] = self.queued, []
        for start in range(0, len(received), 10):
            batch = received[start : start + 10]
            response = self.invoke(queue_event(*(message.body for message in batch)))
            failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
            self.queued.extend(m for n, m in enumerate(batch) if f"message-{n}" in failed)

    @property
    def queued(self) -> list[SentMessage]:
        return self.sqs.sent.setdefault("queue", [])

    @property
    def dead_letters(self) -> list[SentMessage]:
        return self.sqs.sent.setdefault("dead", [])

    def report(
        self, *jobs: Job, account: str = OWNER, has_time: HasTime = lambda: True
    ) -> Outcomes:
        """Report jobs of one account in an invocation of their own."""
        self.reporter.begin_invocation(FakeContext())
        return self.reporter.report(account, jobs, has_time)

    def report_one(self, one: Job | None = None, account: str = OWNER) -> JobOutcome:
        [outcome] = self.report(one or job(account=account), account=account).values()
        return outcome

    def active_findings(self) -> dict[str, list[str]]:
        """Return the Ids of active findings, by account."""
        return {
            account: ids
            for account, hub in self.hubs.items()
            if (ids := [id_ for id_, state in hub.states.items() if state == "ACTIVE"])
        }


def job(event_id: str = "e", account: str = OWNER, *, has_fallback: bool = False) -> Job:
    return Job(finding({"recipientAccountId": account, "eventID": event_id}), has_fallback)


def location_and_cause(outcome: JobOutcome) -> tuple[FindingLocation, FailureCause | None]:
    failure = outcome.status.failure
    return outcome.status.location, failure.cause if failure else None
