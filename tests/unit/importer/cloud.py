"""The importer's function as a whole, against fakes of all the services that it calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from functions.finding_importer.aws import Credentials
from functions.finding_importer.delivery.accounts import OwningAccounts
from functions.finding_importer.delivery.imported import Imported
from functions.finding_importer.delivery.queues import Queues
from functions.finding_importer.delivery.report import HasTime, Outcome, Outcomes, Reporter
from functions.finding_importer.delivery.security_hub import SecurityHub
from functions.finding_importer.findings.refusal import Cause
from functions.finding_importer.handler import Function
from functions.finding_importer.importer import Delivery, FindingImporter
from functions.finding_importer.matching.detection import Detection
from functions.finding_importer.matching.rules import Ruleset
from functions.finding_importer.notifications.deduplicator import Once
from functions.finding_importer.notifications.directory import Directory
from functions.finding_importer.notifications.notification import NotificationTopic, Place
from functions.finding_importer.sources import sources
from functions.finding_importer.sources.job import Job
from tests.unit.importer.doubles import (
    OWNER,
    SCOPE,
    SECURITY,
    Context,
    detection,
    finding,
    queue_event,
)
from tests.unit.importer.fakes import (
    FakeOrganizations,
    FakeSecurityHub,
    FakeSns,
    FakeSqs,
    FakeSts,
    Journal,
    SentMessage,
)
from tests.unit.importer.table import FakeTable

HIGH, LOW = (f"arn:aws:sns:eu-central-1:{SECURITY}:{name}" for name in ("high", "low"))
QUEUE, DEAD_LETTERS = (
    f"https://sqs.eu-central-1.amazonaws.com/{SECURITY}/{name}" for name in ("queue", "dead")
)


@dataclass
class Cloud:
    detections: Sequence[Detection] = field(default_factory=lambda: [detection()])
    accounts_at_once: int = 4
    reserved_seconds: float = 45.0
    journal: Journal = field(default_factory=list)
    hubs: dict[str, FakeSecurityHub] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sts = FakeSts(self.journal)
        self.sns = FakeSns(self.journal)
        self.sqs = FakeSqs(self.journal)
        self.organizations = FakeOrganizations()
        self.table = FakeTable(self.journal)

    def hub(self, account: str) -> FakeSecurityHub:
        return self.hubs.setdefault(account, FakeSecurityHub(account, self.journal))

    def _hub_of(self, credentials: Credentials | None) -> SecurityHub:
        # The fake of STS tells the account by the key.
        return SecurityHub(self.hub(credentials.access_key_id if credentials else SECURITY))

    @cached_property
    def queues(self) -> Queues:
        return Queues(self.sqs, QUEUE, DEAD_LETTERS)

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.organizations)

    @cached_property
    def reporter(self) -> Reporter:
        return Reporter(
            security_account=SECURITY,
            accounts=OwningAccounts(self.sts, "aws", "rootwatch-member"),
            hub_of=self._hub_of,
            queues=self.queues,
            directory=self.directory,
            once=Once("told", self.table),
            imported=Imported("told", self.table),
            topics={
                "high": NotificationTopic(self.sns, HIGH),
                "low": NotificationTopic(self.sns, LOW),
            },
        )

    @cached_property
    def importer(self) -> FindingImporter:
        return FindingImporter(
            ruleset=Ruleset.of(self.detections),
            scope=SCOPE,
            reporter=self.reporter,
            accounts_at_once=self.accounts_at_once,
            reserved_seconds=self.reserved_seconds,
        )

    @cached_property
    def function(self) -> Function:
        return Function(self.importer, self.queues, self.directory, self.reporter.once, "Rootwatch")

    def invoke(self, event: Any, seconds: float = 120.0) -> dict[str, Any]:
        return self.function.handle(event, Context(seconds))

    def handle(
        self, *events: Any, seconds_left: Callable[[], float] = lambda: 120.0
    ) -> tuple[list[Delivery], dict[str, int]]:
        """As an invocation handles deliveries, without keeping what is left of them."""
        self.directory.begin_invocation()
        self.reporter.once.begin_invocation(Context())
        delivered = [sources.read(event) for event in events]
        deliveries, counts = self.importer.handle(delivered, seconds_left)
        return deliveries, dict(counts)

    def work_off(self) -> None:
        """Deliver what is in the queue, in batches of ten; what stays, stays in it."""
        waiting, self.sqs.sent["queue"] = self.queued, []  # in hand now
        for start in range(0, len(waiting), 10):
            batch = waiting[start : start + 10]
            answer = self.invoke(queue_event(*(message.body for message in batch)))
            stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            self.queued.extend(m for n, m in enumerate(batch) if f"message-{n}" in stay)

    @property
    def queued(self) -> list[SentMessage]:
        return self.sqs.sent.setdefault("queue", [])

    @property
    def dead(self) -> list[SentMessage]:
        return self.sqs.sent.setdefault("dead", [])

    def report(
        self, *jobs: Job, account: str = OWNER, has_time: HasTime = lambda: True
    ) -> Outcomes:
        """As an invocation reports the jobs of one account."""
        self.directory.begin_invocation()
        self.reporter.once.begin_invocation(Context())
        return self.reporter.report(account, jobs, has_time)

    def report_one(self, one: Job | None = None, account: str = OWNER) -> Outcome:
        [outcome] = self.report(one or job(account=account), account=account).values()
        return outcome

    def active(self) -> dict[str, list[str]]:
        """The Ids of the active findings, by the accounts that have any."""
        return {
            account: ids
            for account, hub in self.hubs.items()
            if (ids := [id_ for id_, state in hub.states.items() if state == "ACTIVE"])
        }


def job(event_id: str = "e", account: str = OWNER, *, stand_in: bool = False) -> Job:
    return Job(finding({"recipientAccountId": account, "eventID": event_id}), stand_in)


def place_and_cause(outcome: Outcome) -> tuple[Place, Cause | None]:
    refusal = outcome.standing.refusal
    return outcome.standing.place, refusal.cause if refusal else None
