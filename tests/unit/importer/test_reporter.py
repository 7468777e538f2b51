"""Reporting the findings of one account: imports, retries and notifications."""

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.finding_importer.findings.import_status import FailureCause, FindingLocation
from functions.finding_importer.notifications.deduplicator import PublishResult
from tests.unit.importer.builders import OWNER, SECURITY, id_of
from tests.unit.importer.fake_cloud import FakeCloud, job, location_and_cause
from tests.unit.importer.fakes import client_error

E = id_of(OWNER)
DENIED = client_error("AccessDenied", "AssumeRole", 403)
EXPIRED = client_error("ExpiredTokenException", "BatchImportFindings")
UNAVAILABLE = client_error("InternalException", "Operation", 500)


class TestOwningAccount:
    def test_a_finding_is_imported_before_its_notification_is_published(self) -> None:
        cloud = FakeCloud()

        outcome = cloud.report_one()

        assert location_and_cause(outcome) == (FindingLocation.OWNING_ACCOUNT, None)
        assert (outcome.retry, outcome.publish_result) == (False, PublishResult.PUBLISHED)
        assert cloud.active_findings() == {OWNER: [E]}
        assert cloud.call_log == [
            *(f"assume {OWNER}", f"import {OWNER}"),
            *("record", "claim", "publish high", "complete"),
        ]

    def test_findings_of_the_security_account_need_no_role(self) -> None:
        cloud = FakeCloud()

        assert cloud.report_one(account=SECURITY).status.location is FindingLocation.OWNING_ACCOUNT
        assert cloud.sts.calls == []
        assert cloud.active_findings() == {SECURITY: [id_of(SECURITY)]}

    def test_expired_credentials_are_renewed_once(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.next = [EXPIRED]

        assert cloud.report_one().status.location is FindingLocation.OWNING_ACCOUNT
        assert len(cloud.sts.calls) == 2

    def test_credentials_of_a_recreated_role_are_renewed_once(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.next = [client_error("UnrecognizedClientException")]

        assert cloud.report_one().status.location is FindingLocation.OWNING_ACCOUNT
        assert len(cloud.sts.calls) == 2

    def test_credentials_of_the_function_are_not_renewed(self) -> None:
        cloud = FakeCloud()
        cloud.hub(SECURITY).errors.default = EXPIRED

        assert cloud.report_one(account=SECURITY).retry
        assert cloud.call_log.count(f"import {SECURITY}") == 1

    def test_credentials_that_stay_expired_are_retried_later(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).errors.default = EXPIRED

        outcome = cloud.report_one()

        assert location_and_cause(outcome) == (
            FindingLocation.NOT_IMPORTED,
            FailureCause.CREDENTIALS_EXPIRED,
        )
        assert outcome.retry
        assert cloud.call_log.count(f"import {OWNER}") == 2

    def test_only_the_findings_of_the_expired_call_are_imported_again(self) -> None:
        cloud = FakeCloud()
        jobs = [job(str(number)) for number in range(101)]
        cloud.hub(OWNER).errors.next = [None, EXPIRED]

        outcomes = cloud.report(*jobs)

        assert {outcome.status.location for outcome in outcomes.values()} == {
            FindingLocation.OWNING_ACCOUNT
        }
        assert [len(batch) for batch in cloud.hub(OWNER).batches] == [100, 1]


class TestRetry:
    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (client_error("ThrottlingException"), FailureCause.THROTTLED),
            (UNAVAILABLE, FailureCause.SERVICE_ERROR),
            (EndpointConnectionError(endpoint_url="https://x"), FailureCause.NO_RESPONSE),
            (client_error("Odd"), FailureCause.UNKNOWN),
        ],
    )
    @pytest.mark.parametrize("step", ["assume", "import"])
    def test_the_import_is_retried_without_a_fallback_finding(
        self, step: str, error: Exception, cause: FailureCause
    ) -> None:
        cloud = FakeCloud()
        if step == "assume":
            cloud.sts.errors[OWNER] = error
        else:
            cloud.hub(OWNER).errors.default = error

        outcome = cloud.report_one()

        assert location_and_cause(outcome) == (FindingLocation.NOT_IMPORTED, cause)
        assert (outcome.retry, outcome.publish_result) == (True, PublishResult.PUBLISHED)
        assert "Not imported yet. Rootwatch retries the import.\nReason: " in cloud.sns.texts[0]
        assert cloud.active_findings() == {}
        assert cloud.queued == []

    def test_an_invalid_finding_is_for_the_dead_letter_queue(self) -> None:
        cloud = FakeCloud()
        cloud.hub(OWNER).rejected[E] = "InvalidInput"

        outcome = cloud.report_one()

        assert location_and_cause(outcome) == (
            FindingLocation.DEAD_LETTER_QUEUE,
            FailureCause.FINDING_INVALID,
        )
        assert (outcome.retry, outcome.publish_result) == (False, PublishResult.PUBLISHED)
        assert "Not imported. The event is in the dead-letter queue" in cloud.sns.texts[0]


def test_every_finding_of_an_account_has_its_own_outcome() -> None:
    cloud = FakeCloud()
    codes = {"b": "InvalidAccess", "c": "InvalidInput", "d": "InternalError"}
    cloud.hub(OWNER).rejected = {id_of(OWNER, event): code for event, code in codes.items()}

    outcomes = cloud.report(*map(job, "abcd"))

    assert [outcome.status.location for outcome in outcomes.values()] == [
        FindingLocation.OWNING_ACCOUNT,
        FindingLocation.SECURITY_ACCOUNT,
        FindingLocation.DEAD_LETTER_QUEUE,
        FindingLocation.NOT_IMPORTED,
    ]
    assert list(outcomes) == [id_of(OWNER, event) for event in "abcd"]
    assert len(cloud.sns.published) == 4


class TestStepTimeLimit:
    def test_nothing_starts_without_time(self) -> None:
        cloud = FakeCloud()

        [outcome] = cloud.report(job(), has_time=lambda: False).values()

        assert location_and_cause(outcome) == (
            FindingLocation.NOT_IMPORTED,
            FailureCause.NO_TIME_LEFT,
        )
        assert outcome.retry
        assert cloud.call_log == []

    @pytest.mark.parametrize(
        ("steps", "calls"),
        [
            (1, [f"assume {OWNER}", f"import {OWNER}"]),
            (2, [f"assume {OWNER}", f"import {OWNER}", "record"]),
        ],
    )
    def test_neither_table_nor_topic_is_called_if_time_ends_after_the_import(
        self, steps: int, calls: list[str]
    ) -> None:
        cloud, has_time = FakeCloud(), iter([True] * steps + [False] * 9)

        [outcome] = cloud.report(job(), has_time=lambda: next(has_time)).values()

        assert location_and_cause(outcome) == (FindingLocation.OWNING_ACCOUNT, None)
        assert (outcome.retry, outcome.publish_result) == (True, None)
        assert cloud.call_log == calls
        assert len(cloud.table.items) == steps - 1

    def test_a_queued_job_is_not_retried_if_time_ends_before_the_notification(self) -> None:
        cloud, has_time = FakeCloud(), iter([True, True, False])
        cloud.sts.errors[OWNER] = DENIED

        [outcome] = cloud.report(job(), has_time=lambda: next(has_time)).values()

        assert outcome.status.location is FindingLocation.SECURITY_ACCOUNT
        assert (outcome.retry, outcome.is_queued, outcome.publish_result) == (False, True, None)
        assert len(cloud.queued) == 1

    def test_a_fallback_job_is_not_queued_without_time(self) -> None:
        cloud, has_time = FakeCloud(), iter([True, False, False])
        cloud.sts.errors[OWNER] = DENIED

        [outcome] = cloud.report(job(), has_time=lambda: next(has_time)).values()

        assert location_and_cause(outcome) == (
            FindingLocation.NOT_IMPORTED,
            FailureCause.ROLE_NOT_ASSUMABLE,
        )
        assert outcome.retry
        assert cloud.queued == []


class TestPublishing:
    def test_a_failed_notification_is_retried_and_the_finding_stays_imported(self) -> None:
        cloud = FakeCloud()
        cloud.sns.errors.next = [client_error("KMSAccessDenied", "Publish")]

        first, second = cloud.report_one(), cloud.report_one()

        assert (first.retry, first.publish_result, first.status.location) == (
            True,
            None,
            FindingLocation.OWNING_ACCOUNT,
        )
        assert (second.retry, second.publish_result) == (False, PublishResult.PUBLISHED)

    def test_a_failed_notification_of_a_fallback_finding_is_retried_by_its_queued_job(self) -> None:
        cloud = FakeCloud()
        cloud.sts.errors[OWNER] = DENIED
        cloud.sns.errors.next = [UNAVAILABLE]

        outcome = cloud.report_one()

        assert (outcome.retry, outcome.is_queued) == (False, True)
        [queued] = cloud.queued
        assert queued.body == job(has_fallback=True).body()
        assert cloud.report_one(job(has_fallback=True)).publish_result is PublishResult.PUBLISHED

    def test_a_failed_notification_of_a_received_job_is_retried_by_that_job(self) -> None:
        cloud = FakeCloud()
        cloud.sts.errors[OWNER] = DENIED
        cloud.sns.errors.next = [UNAVAILABLE]

        outcome = cloud.report_one(job(has_fallback=True))

        assert (outcome.retry, outcome.is_queued) == (True, False)
        assert cloud.queued == []

    @pytest.mark.parametrize("denied", [True, False])
    def test_a_notification_in_progress_is_retried(self, *, denied: bool) -> None:
        cloud = FakeCloud()
        cloud.table.completions.next = [UNAVAILABLE]  # the claim stays in progress
        cloud.report_one()
        cloud.table.items.pop(f"import#{E}")
        if denied:
            cloud.sts.errors[OWNER] = DENIED
            cloud.reporter.member_roles.discard(OWNER)

        outcome = cloud.report_one()

        assert outcome.publish_result is PublishResult.IN_PROGRESS
        assert (outcome.retry, outcome.is_queued) == (not denied, denied)
        assert len(cloud.queued) == denied

    def test_a_notification_is_published_without_the_table(self) -> None:
        cloud = FakeCloud()
        cloud.table.claims.default = UNAVAILABLE

        assert cloud.report_one().publish_result is PublishResult.NOT_RECORDED
        assert len(cloud.sns.published) == 1

    def test_a_notification_is_published_without_aws_organizations(self) -> None:
        cloud = FakeCloud()
        cloud.organizations.errors.default = UNAVAILABLE

        assert cloud.report_one().publish_result is PublishResult.PUBLISHED
        assert "Joined organization: unknown" in cloud.sns.texts[0]


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
    assert (
        "imported into the security account 999988887777 as a fallback finding."
        in cloud.sns.texts[0]
    )


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
