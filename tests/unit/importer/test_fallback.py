"""Fallback findings in the security account, from the queued job to the archived finding."""

import pytest

from functions.finding_importer.findings.import_status import FailureCause, FindingLocation
from functions.finding_importer.notifications.deduplicator import PublishResult
from tests.unit.importer.builders import OWNER, SECURITY, id_of
from tests.unit.importer.fake_cloud import FakeCloud, job, location_and_cause
from tests.unit.importer.fakes import client_error

E = id_of(OWNER)
DENIED = client_error("AccessDenied", "AssumeRole", 403)
UNAVAILABLE = client_error("InternalException", "Operation", 500)


def test_the_job_is_queued_before_the_fallback_finding_is_imported() -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED

    outcome = cloud.report_one()

    assert location_and_cause(outcome) == (
        FindingLocation.SECURITY_ACCOUNT,
        FailureCause.ROLE_NOT_ASSUMABLE,
    )
    assert (outcome.retry, outcome.is_queued) == (False, True)
    assert cloud.call_log.index("send queue") < cloud.call_log.index(f"import {SECURITY}")
    assert [sent.body for sent in cloud.queued] == [job(has_fallback=True).body()]
    assert cloud.active_findings() == {SECURITY: [E]}
    assert "imported into the security account 999988887777 as a fallback." in cloud.sns.texts[0]


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("AccessDeniedException", FailureCause.IMPORT_DENIED),
        ("InvalidAccessException", FailureCause.HUB_NOT_ENABLED),
        ("UnrecognizedClientException", FailureCause.REGION_NOT_ENABLED),
    ],
)
def test_every_reason_of_an_account_to_reject_findings_causes_a_fallback_finding(
    code: str, cause: FailureCause
) -> None:
    cloud = FakeCloud()
    cloud.hub(OWNER).errors.default = client_error(code)

    assert location_and_cause(cloud.report_one()) == (FindingLocation.SECURITY_ACCOUNT, cause)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("SUSPENDED", FailureCause.ACCOUNT_SUSPENDED),
        ("PENDING_CLOSURE", FailureCause.ACCOUNT_SUSPENDED),
        ("ACTIVE", FailureCause.ROLE_NOT_ASSUMABLE),
    ],
)
def test_the_status_of_the_account_refines_the_cause(status: str, cause: FailureCause) -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.organizations.accounts[OWNER] = {"Status": status}

    assert location_and_cause(cloud.report_one()) == (FindingLocation.SECURITY_ACCOUNT, cause)
    [fallback] = cloud.hub(SECURITY).store
    assert fallback["ProductFields"]["rootwatch/fallbackReason"].startswith(cause.value)


def test_an_account_of_another_organization_is_not_found() -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.organizations.unknown_accounts.add(OWNER)

    assert location_and_cause(cloud.report_one()) == (
        FindingLocation.SECURITY_ACCOUNT,
        FailureCause.ACCOUNT_NOT_FOUND,
    )
    assert "Reason: the account is not in the organization: " in cloud.sns.texts[0]


def test_no_fallback_finding_is_imported_unless_its_job_is_queued() -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.sqs.errors.default = UNAVAILABLE

    outcome = cloud.report_one()

    assert location_and_cause(outcome) == (
        FindingLocation.NOT_IMPORTED,
        FailureCause.ROLE_NOT_ASSUMABLE,
    )
    assert (outcome.retry, outcome.publish_result) == (True, PublishResult.PUBLISHED)
    assert f"import {SECURITY}" not in cloud.call_log


def test_no_fallback_finding_is_imported_unless_all_jobs_are_queued() -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.sqs.rejects = lambda body: '"b"' in body

    outcomes = cloud.report(job("a"), job("b"))

    assert [outcome.retry for outcome in outcomes.values()] == [True, True]
    assert f"import {SECURITY}" not in cloud.call_log


def test_the_job_is_queued_even_if_the_security_account_rejects_the_fallback_finding() -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.hub(SECURITY).enabled = False

    outcome = cloud.report_one()

    assert location_and_cause(outcome) == (
        FindingLocation.NOT_IMPORTED,
        FailureCause.ROLE_NOT_ASSUMABLE,
    )
    assert not outcome.retry
    assert len(cloud.queued) == 1


def test_the_queued_job_is_retried_until_the_owning_account_accepts_the_finding() -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.report_one()

    outcome = cloud.report_one(job(has_fallback=True))

    assert location_and_cause(outcome) == (
        FindingLocation.SECURITY_ACCOUNT,
        FailureCause.ROLE_NOT_ASSUMABLE,
    )
    assert (outcome.retry, outcome.publish_result) == (True, PublishResult.DUPLICATE)
    assert len(cloud.queued) == 1  # by the first report


def test_the_fallback_finding_is_archived_when_the_owning_account_accepts_the_finding() -> None:
    cloud = FakeCloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.report_one()
    cloud.sts.errors.clear()

    outcome = cloud.report_one(job(has_fallback=True))

    assert location_and_cause(outcome) == (FindingLocation.OWNING_ACCOUNT, None)
    assert (outcome.retry, outcome.publish_result) == (False, PublishResult.DUPLICATE)
    assert cloud.active_findings() == {OWNER: [E]}
    assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}


def test_a_failed_archive_is_retried() -> None:
    cloud = FakeCloud()
    cloud.hub(SECURITY).errors.next = [UNAVAILABLE]

    assert cloud.report_one(job(has_fallback=True)).retry
    assert not cloud.report_one(job(has_fallback=True)).retry
    assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}


def test_findings_of_the_security_account_have_no_fallback() -> None:
    cloud = FakeCloud()
    cloud.hub(SECURITY).enabled = False

    outcome = cloud.report_one(account=SECURITY)

    assert location_and_cause(outcome) == (
        FindingLocation.NOT_IMPORTED,
        FailureCause.HUB_NOT_ENABLED,
    )
    assert outcome.retry
    assert cloud.queued == []


class TestImportedBefore:
    """The owning account accepted the finding, and rejects the importer since then."""

    def rejecting_cloud(self) -> FakeCloud:
        cloud = FakeCloud()
        cloud.report_one()
        cloud.reporter.member_roles.discard(OWNER)
        cloud.sts.errors[OWNER] = DENIED
        return cloud

    def test_the_finding_has_no_fallback(self) -> None:
        cloud = self.rejecting_cloud()

        outcome = cloud.report_one()

        assert location_and_cause(outcome) == (FindingLocation.OWNING_ACCOUNT, None)
        assert (outcome.retry, outcome.publish_result) == (False, PublishResult.DUPLICATE)
        assert cloud.active_findings() == {OWNER: [E]}
        assert cloud.queued == []

    def test_an_existing_fallback_finding_is_archived(self) -> None:
        cloud = self.rejecting_cloud()

        assert not cloud.report_one(job(has_fallback=True)).retry
        assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}

    def test_another_finding_has_a_fallback(self) -> None:
        cloud = self.rejecting_cloud()

        cloud.report(job(), job("other"))

        assert cloud.active_findings() == {OWNER: [E], SECURITY: [id_of(OWNER, "other")]}

    def test_without_the_table_the_finding_has_a_fallback_until_it_is_accepted_again(self) -> None:
        cloud = self.rejecting_cloud()
        cloud.table.imports.next = [UNAVAILABLE]

        outcome = cloud.report_one()
        assert outcome.status.location is FindingLocation.SECURITY_ACCOUNT
        cloud.sts.errors.clear()
        cloud.report_one(job(has_fallback=True))

        assert cloud.active_findings() == {OWNER: [E]}
