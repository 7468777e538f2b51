"""One account's findings: each remedy, and who is told what."""

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.finding_importer.findings.refusal import Cause
from functions.finding_importer.notifications.deduplicator import Told
from functions.finding_importer.notifications.notification import Place
from tests.unit.importer.cloud import Cloud, job, place_and_cause
from tests.unit.importer.doubles import OWNER, SECURITY, id_of
from tests.unit.importer.fakes import client_error

E = id_of(OWNER)
DENIED = client_error("AccessDenied", "AssumeRole", 403)
EXPIRED = client_error("ExpiredTokenException", "BatchImportFindings")
DOWN = client_error("InternalException", "Operation", 500)


class TestOwnerTakesIt:
    def test_the_finding_is_in_the_owning_account_before_people_are_told(self) -> None:
        cloud = Cloud()

        outcome = cloud.report_one()

        assert place_and_cause(outcome) == (Place.OWNING_ACCOUNT, None)
        assert (outcome.again, outcome.told) == (False, Told.NOW)
        assert cloud.active() == {OWNER: [E]}
        assert cloud.journal == [
            *(f"assume {OWNER}", f"import {OWNER}"),
            *("remember", "claim", "publish high", "finish"),
        ]

    def test_the_security_accounts_own_findings_need_no_role(self) -> None:
        cloud = Cloud()

        assert cloud.report_one(account=SECURITY).standing.place is Place.OWNING_ACCOUNT
        assert cloud.sts.calls == []
        assert cloud.active() == {SECURITY: [id_of(SECURITY)]}

    def test_credentials_that_expired_are_renewed_once(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.next = [EXPIRED]

        assert cloud.report_one().standing.place is Place.OWNING_ACCOUNT
        assert len(cloud.sts.calls) == 2

    def test_credentials_of_a_role_that_was_made_anew_are_renewed_once(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.next = [client_error("UnrecognizedClientException")]

        assert cloud.report_one().standing.place is Place.OWNING_ACCOUNT
        assert len(cloud.sts.calls) == 2

    def test_the_functions_own_credentials_are_not_its_to_renew(self) -> None:
        cloud = Cloud()
        cloud.hub(SECURITY).faults.always = EXPIRED

        assert cloud.report_one(account=SECURITY).again
        assert cloud.journal.count(f"import {SECURITY}") == 1

    def test_credentials_that_stay_expired_are_a_matter_of_time(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).faults.always = EXPIRED

        outcome = cloud.report_one()

        assert place_and_cause(outcome) == (Place.NOWHERE_YET, Cause.CREDENTIALS_EXPIRED)
        assert outcome.again
        assert cloud.journal.count(f"import {OWNER}") == 2

    def test_findings_of_a_call_that_did_not_expire_are_not_sent_again(self) -> None:
        cloud = Cloud()
        jobs = [job(str(number)) for number in range(101)]
        cloud.hub(OWNER).faults.next = [None, EXPIRED]

        outcomes = cloud.report(*jobs)

        assert {outcome.standing.place for outcome in outcomes.values()} == {Place.OWNING_ACCOUNT}
        assert [len(batch) for batch in cloud.hub(OWNER).batches] == [100, 1]


class TestTimeHelps:
    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (client_error("ThrottlingException"), Cause.THROTTLED),
            (DOWN, Cause.SERVICE_FAILED),
            (EndpointConnectionError(endpoint_url="https://x"), Cause.NO_ANSWER),
            (client_error("Odd"), Cause.UNKNOWN),
        ],
    )
    @pytest.mark.parametrize("step", ["assume", "import"])
    def test_the_finding_is_tried_again_without_a_stand_in(
        self, step: str, error: Exception, cause: Cause
    ) -> None:
        cloud = Cloud()
        if step == "assume":
            cloud.sts.errors[OWNER] = error
        else:
            cloud.hub(OWNER).faults.always = error

        outcome = cloud.report_one()

        assert place_and_cause(outcome) == (Place.NOWHERE_YET, cause)
        assert (outcome.again, outcome.told) == (True, Told.NOW)
        assert "NOT imported yet; it will be tried again.\nReason: " in cloud.sns.told[0]
        assert cloud.active() == {}
        assert cloud.queued == []

    def test_an_invalid_finding_is_a_persons(self) -> None:
        cloud = Cloud()
        cloud.hub(OWNER).refused[E] = "InvalidInput"

        outcome = cloud.report_one()

        assert place_and_cause(outcome) == (Place.PUT_ASIDE, Cause.FINDING_INVALID)
        assert (outcome.again, outcome.told) == (False, Told.NOW)
        assert "NOT imported; a person finds it in the dead-letter queue." in cloud.sns.told[0]


def test_each_finding_of_an_account_has_its_own_fate() -> None:
    cloud = Cloud()
    codes = {"b": "InvalidAccess", "c": "InvalidInput", "d": "InternalError"}
    cloud.hub(OWNER).refused = {id_of(OWNER, event): code for event, code in codes.items()}

    outcomes = cloud.report(*map(job, "abcd"))

    assert [outcome.standing.place for outcome in outcomes.values()] == [
        Place.OWNING_ACCOUNT,
        Place.SECURITY_ACCOUNT,
        Place.PUT_ASIDE,
        Place.NOWHERE_YET,
    ]
    assert list(outcomes) == [id_of(OWNER, event) for event in "abcd"]
    assert len(cloud.sns.published) == 4


class TestTime:
    def test_without_time_nothing_is_begun(self) -> None:
        cloud = Cloud()

        [outcome] = cloud.report(job(), has_time=lambda: False).values()

        assert place_and_cause(outcome) == (Place.NOWHERE_YET, Cause.NO_TIME_LEFT)
        assert outcome.again
        assert cloud.journal == []

    @pytest.mark.parametrize("steps", [1, 2])
    def test_people_are_told_later_where_time_ends_after_the_import(self, steps: int) -> None:
        cloud, left = Cloud(), iter([True] * steps + [False] * 9)

        [outcome] = cloud.report(job(), has_time=lambda: next(left)).values()

        assert place_and_cause(outcome) == (Place.OWNING_ACCOUNT, None)
        assert (outcome.again, outcome.told) == (True, None)
        assert cloud.sns.published == []

    def test_a_stand_in_that_there_is_no_time_for_is_not_promised(self) -> None:
        cloud, left = Cloud(), iter([True, False, False])
        cloud.sts.errors[OWNER] = DENIED

        [outcome] = cloud.report(job(), has_time=lambda: next(left)).values()

        assert place_and_cause(outcome) == (Place.NOWHERE_YET, Cause.ROLE_NOT_ASSUMABLE)
        assert outcome.again
        assert cloud.queued == []


class TestNotification:
    def test_one_that_fails_is_told_later_and_the_finding_stands(self) -> None:
        cloud = Cloud()
        cloud.sns.faults.next = [client_error("KMSAccessDenied", "Publish")]

        first, second = cloud.report_one(), cloud.report_one()

        assert (first.again, first.told, first.standing.place) == (True, None, Place.OWNING_ACCOUNT)
        assert (second.again, second.told) == (False, Told.NOW)

    def test_one_that_fails_for_a_stand_in_is_the_promised_jobs(self) -> None:
        cloud = Cloud()
        cloud.sts.errors[OWNER] = DENIED
        cloud.sns.faults.next = [DOWN]

        assert not cloud.report_one().again
        [promised] = cloud.queued
        assert promised.body == job(stand_in=True).body()
        assert cloud.report_one(job(stand_in=True)).told is Told.NOW

    @pytest.mark.parametrize("denied", [True, False])
    def test_one_that_another_invocation_has_begun_is_asked_after(self, *, denied: bool) -> None:
        cloud = Cloud()
        cloud.table.finishes.next = [DOWN]  # so that the claim stands
        cloud.report_one()
        if denied:
            cloud.sts.errors[OWNER] = DENIED
            cloud.reporter.accounts.forget(OWNER)

        outcome = cloud.report_one()

        assert outcome.told is Told.BY_ANOTHER
        assert outcome.again or outcome.promised

    def test_without_the_table_it_goes_out(self) -> None:
        cloud = Cloud()
        cloud.table.claims.always = DOWN

        assert cloud.report_one().told is Told.UNREMEMBERED
        assert len(cloud.sns.published) == 1

    def test_without_organizations_it_goes_out(self) -> None:
        cloud = Cloud()
        cloud.organizations.faults.always = DOWN

        assert cloud.report_one().told is Told.NOW
        assert "In the organization: not known" in cloud.sns.told[0]
