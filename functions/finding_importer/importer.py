"""From what was delivered to findings and notifications, all accounts at once, and what is left of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from . import log
from .delivery import dead_letter
from .delivery.dead_letter import DeadLetter
from .delivery.report import Outcomes, Reporter, not_done
from .errors import BadJobError, BadRecordError
from .findings.finding import HubScope, build
from .findings.refusal import Cause, Refusal
from .matching.cloudtrail import CloudTrailEvent
from .matching.detection import Detection
from .matching.rules import Ruleset
from .notifications.notification import Place
from .sources.job import Job
from .sources.sources import Delivered, DeliveredJob, DeliveredRecord, Unreadable
from .text import as_seen

type SecondsLeft = Callable[[], float]  # of this invocation


@dataclass(slots=True)
class Delivery:
    """What one event, or one message of the queue, comes to."""

    jobs: list[Job] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)  # for a person
    records: int = 0
    is_job: bool = False  # rather than a source's event

    def put_aside(
        self, content: str, reason: str, position: int | None, **seen: str | None
    ) -> None:
        log.error("put aside as unreadable", position=position, reason=reason, **seen)
        where = "" if position is None else f"log event {position}: "
        self.letters += dead_letter.unreadable(content, where + reason)


@dataclass
class FindingImporter:
    ruleset: Ruleset[Detection]
    scope: HubScope
    reporter: Reporter
    accounts_at_once: int
    reserved_seconds: float

    def handle(
        self, delivered: Sequence[Iterable[Delivered]], seconds_left: SecondsLeft
    ) -> tuple[list[Delivery], Counter[str]]:
        """Do what can be done of all deliveries together.

        Each comes back with the jobs of which something is left and the letters that a person has
        to see; the counts are metrics by name.
        """
        deliveries = [self._read(items) for items in delivered]
        jobs = _merged(job for delivery in deliveries for job in delivery.jobs)
        outcomes = self._report(jobs, seconds_left)
        for delivery in deliveries:
            _keep_what_is_left(delivery, outcomes)
        return deliveries, _counts(deliveries, outcomes)

    def _read(self, delivered: Iterable[Delivered]) -> Delivery:
        delivery = Delivery()
        for item in delivered:
            match item:
                case DeliveredRecord():
                    delivery.records += 1
                    self._read_record(item, delivery)
                case DeliveredJob():
                    self._read_job(item, delivery)
                case Unreadable(is_letter=True, reason=reason, content=body):
                    delivery.letters.append(dead_letter.dead_letter(body, reason))
                case Unreadable(reason=reason, content=content, position=position):
                    delivery.put_aside(content, reason, position)
        return delivery

    def _read_record(self, item: DeliveredRecord, delivery: Delivery) -> None:
        if not (matching := self.ruleset.matching(item.record)):
            return
        try:
            event = CloudTrailEvent.parse(item.record)
        except BadRecordError as error:
            seen = as_seen(item.record, "eventID", 128)
            delivery.put_aside(item.content, str(error), item.position, eventID=seen)
            return
        for detection in matching:
            job = Job(build(event, detection, self.scope))
            delivery.jobs.append(job)
            log.info("record matched", event_id=event.event_id, finding=job.finding.id)

    def _read_job(self, item: DeliveredJob, delivery: Delivery) -> None:
        delivery.is_job = True
        try:
            delivery.jobs.append(Job.parse(item.message, self._detections, self.scope))
        except BadJobError as error:
            delivery.put_aside(item.content, str(error), None)

    @cached_property
    def _detections(self) -> Mapping[str, Detection]:
        return {detection.name: detection for detection in self.ruleset.detections}

    def _report(self, jobs: Iterable[Job], seconds_left: SecondsLeft) -> Outcomes:
        """Each account by itself: one that is slow or fails keeps no other from its findings.

        An error that nobody foresaw is one account's, too; its jobs are tried again.
        """
        groups = _by_account(jobs)

        def has_time() -> bool:
            return seconds_left() >= self.reserved_seconds

        with ThreadPoolExecutor(self.accounts_at_once) as pool:
            reports = {
                account: pool.submit(self.reporter.report, account, jobs, has_time)
                for account, jobs in groups.items()
            }
        outcomes: Outcomes = {}
        for account, report in reports.items():
            error = report.exception()
            if error is not None:
                log.error("account failed", account=account, reason=repr(error))
                outcomes |= not_done(groups[account], Refusal(Cause.UNKNOWN, repr(error)))
            else:
                outcomes |= report.result()
        return outcomes


def _merged(jobs: Iterable[Job]) -> Iterable[Job]:
    """Each finding once, whatever was delivered twice."""
    merged: dict[str, Job] = {}
    for job in jobs:
        known = merged.setdefault(job.finding.id, job)
        if job.stand_in and not known.stand_in:
            merged[job.finding.id] = job
    return merged.values()


def _by_account(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.finding.account, []).append(job)
    return groups


def _keep_what_is_left(delivery: Delivery, outcomes: Outcomes) -> None:
    left = []
    for job in _merged(delivery.jobs):
        outcome = outcomes[job.finding.id]
        if outcome.again:
            left.append(job)
        elif outcome.standing.place is Place.PUT_ASIDE:
            reason = str(outcome.standing.refusal)
            delivery.letters.append(dead_letter.dead_letter(job.body(), reason))
    delivery.jobs = left


def _counts(deliveries: Sequence[Delivery], outcomes: Outcomes) -> Counter[str]:
    counts = Counter(
        {
            "Records": sum(delivery.records for delivery in deliveries),
            "DeadLettered": sum(len(delivery.letters) for delivery in deliveries),
            "Requeued": sum(len(delivery.jobs) for delivery in deliveries),
        }
    )
    for outcome in outcomes.values():
        counts[_METRICS[outcome.standing.place]] += 1
        if outcome.told is not None:
            counts[f"Notification{outcome.told.name.title().replace('_', '')}"] += 1
    return counts


_METRICS = {
    Place.OWNING_ACCOUNT: "FindingsImported",
    Place.SECURITY_ACCOUNT: "FindingsInSecurityAccount",
    Place.NOWHERE_YET: "FindingsNotImported",
    Place.PUT_ASIDE: "FindingsInvalid",
}
