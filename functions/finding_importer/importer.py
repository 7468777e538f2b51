"""One delivery from its records to findings and notices; one failure never stops the rest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from . import log, notice
from .accounts import OwningAccounts
from .aws import Credentials
from .cloudtrail import CloudTrailEvent
from .detection import Detection, Priority
from .errors import AccountAccessError, BadRecordError, Failure, ImportFailedError, NoticeError
from .finding import Finding, HubScope, build
from .notice import NoticeTopic
from .rules import Ruleset
from .security_hub import SecurityHub
from .sources import DeliveredRecord, Delivery
from .text import as_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingImporter:
    ruleset: Ruleset[Detection]
    scope: HubScope
    accounts: OwningAccounts
    hub_of: Callable[[Credentials], SecurityHub]
    topics: Mapping[Priority, NoticeTopic]

    def handle(self, delivery: Delivery) -> dict[str, int]:
        """Count what was done; ImportFailedError, after all the rest is done, for what was not."""
        findings, bad_records = self._findings(delivery.records)
        failures = [*delivery.unreadable, *bad_records]
        for failure in failures:
            _log_failure("record is bad", failure)
        for account, group in _by_account(findings):
            failures += self._import_and_notify(account, group)
        counts = {
            "records": len(delivery.records) + len(delivery.unreadable),
            "findings": len(findings),
            "failures": len(failures),
        }
        log.info("delivery handled", **counts)
        if failures:
            raise ImportFailedError(failures)
        return counts

    def _findings(
        self, records: Iterable[DeliveredRecord]
    ) -> tuple[tuple[Finding, ...], list[Failure]]:
        """Each finding once, however often its record stands in the delivery."""
        found: dict[str, Finding] = {}
        bad: list[Failure] = []
        for delivered in records:
            try:
                for finding in self._findings_of(delivered):
                    found.setdefault(finding.id, finding)
            except BadRecordError as error:
                bad.append(_bad_record(delivered, error))
        return tuple(found.values()), bad

    def _findings_of(self, delivered: DeliveredRecord) -> Iterator[Finding]:
        if not (matching := self.ruleset.matching(delivered.record)):
            return
        event = CloudTrailEvent.parse(delivered.record)
        for detection in matching:
            finding = build(event, detection, self.scope)
            log.info("record matched", **_names(finding))
            yield finding

    def _import_and_notify(self, account: str, findings: Sequence[Finding]) -> list[Failure]:
        refused = self._import(account, findings)
        failures = [
            _failure(finding, refused[finding.id]) for finding in findings if finding.id in refused
        ]
        for failure in failures:
            _log_failure("finding not imported", failure)
        for finding in findings:
            if finding.id not in refused:
                log.info("finding imported", **_names(finding))
            failures += self._notify(finding, refused.get(finding.id))
        return failures

    def _import(self, account: str, findings: Sequence[Finding]) -> dict[str, str]:
        """Tell why by the Id of each finding that was not imported."""
        try:
            credentials = self.accounts.credentials(account)
        except AccountAccessError as error:
            return {finding.id: error.reason for finding in findings}
        hub = self.hub_of(credentials)
        return hub.import_findings([finding.asff for finding in findings])

    def _notify(self, finding: Finding, import_failure: str | None) -> list[Failure]:
        topic = self.topics[finding.detection.priority]
        try:
            topic.publish(notice.compose(finding, import_failure))
        except NoticeError as error:
            failure = _failure(finding, str(error))
            _log_failure("notice not published", failure)
            return [failure]
        log.info("notice published", **_names(finding))
        return []


def _by_account(findings: Iterable[Finding]) -> Iterable[tuple[str, list[Finding]]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.event.account, []).append(finding)
    return groups.items()


def _names(finding: Finding) -> dict[str, str]:
    return {
        "eventID": finding.event.event_id,
        "account": finding.event.account,
        "detection": finding.detection.name,
        "finding": finding.id,
    }


def _failure(finding: Finding, reason: str) -> Failure:
    return Failure(
        reason=reason,
        event_id=finding.event.event_id,
        account=finding.event.account,
        finding_id=finding.id,
    )


def _bad_record(delivered: DeliveredRecord, error: BadRecordError) -> Failure:
    return Failure(
        reason=str(error),
        position=delivered.position,
        event_id=as_seen(delivered.record, "eventID", 128),
    )


def _log_failure(step: str, failure: Failure) -> None:
    log.error(
        step,
        position=failure.position,
        eventID=failure.event_id,
        account=failure.account,
        finding=failure.finding_id,
        reason=failure.reason,
    )
