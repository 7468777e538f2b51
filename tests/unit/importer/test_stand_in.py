"""What stands in for a finding that its owner does not take: its life, from promise to archive."""

import pytest

from functions.finding_importer.findings.refusal import Cause
from functions.finding_importer.notifications.deduplicator import Told
from functions.finding_importer.notifications.notification import Place
from tests.unit.importer.cloud import Cloud, job, place_and_cause
from tests.unit.importer.doubles import OWNER, SECURITY, id_of
from tests.unit.importer.fakes import client_error

E = id_of(OWNER)
DENIED = client_error("AccessDenied", "AssumeRole", 403)
DOWN = client_error("InternalException", "Operation", 500)


def test_it_is_promised_before_it_is_imported() -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED

    outcome = cloud.report_one()

    assert place_and_cause(outcome) == (Place.SECURITY_ACCOUNT, Cause.ROLE_NOT_ASSUMABLE)
    assert (outcome.again, outcome.promised) == (False, True)
    assert cloud.journal.index("send queue") < cloud.journal.index(f"import {SECURITY}")
    assert [sent.body for sent in cloud.queued] == [job(stand_in=True).body()]
    assert cloud.active() == {SECURITY: [E]}
    assert "in the security account 999988887777;" in cloud.sns.told[0]


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("AccessDeniedException", Cause.IMPORT_NOT_ALLOWED),
        ("InvalidAccessException", Cause.HUB_NOT_ENABLED),
        ("UnrecognizedClientException", Cause.REGION_NOT_ENABLED),
    ],
)
def test_it_is_for_whatever_keeps_an_account_from_taking_findings(code: str, cause: Cause) -> None:
    cloud = Cloud()
    cloud.hub(OWNER).faults.always = client_error(code)

    assert place_and_cause(cloud.report_one()) == (Place.SECURITY_ACCOUNT, cause)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("SUSPENDED", Cause.ACCOUNT_SUSPENDED),
        ("PENDING_CLOSURE", Cause.ACCOUNT_SUSPENDED),
        ("ACTIVE", Cause.ROLE_NOT_ASSUMABLE),
    ],
)
def test_what_organizations_knows_tells_the_reason_better(status: str, cause: Cause) -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.organizations.accounts[OWNER] = {"Status": status}

    assert place_and_cause(cloud.report_one()) == (Place.SECURITY_ACCOUNT, cause)
    [stand_in] = cloud.hub(SECURITY).store
    because = stand_in["ProductFields"]["rootwatch/notInOwningAccountBecause"]
    assert because.startswith(cause.value)


def test_an_account_of_no_organization_is_gone() -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.organizations.strangers.add(OWNER)

    assert place_and_cause(cloud.report_one()) == (Place.SECURITY_ACCOUNT, Cause.ACCOUNT_GONE)


def test_what_cannot_be_promised_is_not_imported() -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.sqs.faults.always = DOWN

    outcome = cloud.report_one()

    assert place_and_cause(outcome) == (Place.NOWHERE_YET, Cause.ROLE_NOT_ASSUMABLE)
    assert (outcome.again, outcome.told) == (True, Told.NOW)
    assert f"import {SECURITY}" not in cloud.journal


def test_where_one_of_several_cannot_be_promised_all_wait() -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.sqs.refuses = lambda body: '"b"' in body

    outcomes = cloud.report(job("a"), job("b"))

    assert [outcome.again for outcome in outcomes.values()] == [True, True]
    assert f"import {SECURITY}" not in cloud.journal


def test_one_that_the_security_account_refuses_is_promised_still() -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.hub(SECURITY).enabled = False

    outcome = cloud.report_one()

    assert place_and_cause(outcome) == (Place.NOWHERE_YET, Cause.ROLE_NOT_ASSUMABLE)
    assert not outcome.again
    assert len(cloud.queued) == 1


def test_a_job_that_knows_of_it_stays_until_the_owner_takes_the_finding() -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.report_one()

    outcome = cloud.report_one(job(stand_in=True))

    assert place_and_cause(outcome) == (Place.SECURITY_ACCOUNT, Cause.ROLE_NOT_ASSUMABLE)
    assert (outcome.again, outcome.told) == (True, Told.BEFORE)
    assert len(cloud.queued) == 1  # by the first


def test_then_the_stand_in_is_archived() -> None:
    cloud = Cloud()
    cloud.sts.errors[OWNER] = DENIED
    cloud.report_one()
    cloud.sts.errors.clear()

    outcome = cloud.report_one(job(stand_in=True))

    assert place_and_cause(outcome) == (Place.OWNING_ACCOUNT, None)
    assert (outcome.again, outcome.told) == (False, Told.BEFORE)
    assert cloud.active() == {OWNER: [E]}
    assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}


def test_one_that_could_not_be_archived_is_so_later() -> None:
    cloud = Cloud()
    cloud.hub(SECURITY).faults.next = [DOWN]

    assert cloud.report_one(job(stand_in=True)).again
    assert not cloud.report_one(job(stand_in=True)).again
    assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}


def test_the_security_account_stands_in_for_others_only() -> None:
    cloud = Cloud()
    cloud.hub(SECURITY).enabled = False

    outcome = cloud.report_one(account=SECURITY)

    assert place_and_cause(outcome) == (Place.NOWHERE_YET, Cause.HUB_NOT_ENABLED)
    assert outcome.again
    assert cloud.queued == []


class TestOwnerHasTheFinding:
    """It took the finding, and shut the importer out before the event came by the other path."""

    def shut_out(self) -> Cloud:
        cloud = Cloud()
        cloud.report_one()
        cloud.reporter.accounts.forget(OWNER)
        cloud.sts.errors[OWNER] = DENIED
        return cloud

    def test_then_nothing_stands_in_for_it(self) -> None:
        cloud = self.shut_out()

        outcome = cloud.report_one()

        assert place_and_cause(outcome) == (Place.OWNING_ACCOUNT, None)
        assert (outcome.again, outcome.told) == (False, Told.BEFORE)
        assert cloud.active() == {OWNER: [E]}
        assert cloud.queued == []

    def test_then_what_stood_in_for_it_is_archived(self) -> None:
        cloud = self.shut_out()

        assert not cloud.report_one(job(stand_in=True)).again
        assert cloud.hub(SECURITY).states == {E: "ARCHIVED"}

    def test_another_finding_has_its_stand_in(self) -> None:
        cloud = self.shut_out()

        cloud.report(job(), job("other"))

        assert cloud.active() == {OWNER: [E], SECURITY: [id_of(OWNER, "other")]}

    def test_without_the_table_there_is_a_stand_in_until_the_owner_takes_it_again(self) -> None:
        cloud = self.shut_out()
        cloud.table.imports.next = [DOWN]

        outcome = cloud.report_one()
        assert outcome.standing.place is Place.SECURITY_ACCOUNT
        cloud.sts.errors.clear()
        cloud.report_one(job(stand_in=True))

        assert cloud.active() == {OWNER: [E]}
