"""The preflight as a whole: what is read once, what depends on what, and refusals."""

from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Accounts
from operations.preflight import CHECKS, run
from operations.preflight.errors import NotLookedAtError
from operations.preflight.result import Status
from tests.unit.operations.answers import (
    DEPLOYER,
    HEALTHY,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    Aws,
    Refusal,
    check,
    facts,
    failing,
    results,
)

# Where the first target holds an account, and nobody administers Security Hub.
NOT_ASKED = {
    "organizations:ListOrganizationalUnitsForParent",
    "securityhub:DescribeOrganizationConfiguration",
}
DENIED = Refusal("AccessDeniedException", "User is not authorized.", 403)


def test_nothing_is_missing_in_a_healthy_organization(tmp_path: Path) -> None:
    report = run(facts(tmp_path))

    assert {result.status for result in results(report).values()} == {Status.OK}
    assert report.is_ok


def test_each_check_has_an_id_of_its_own() -> None:
    ids = [one.id for one in CHECKS]

    assert len(ids) == len(set(ids))


def test_a_fact_is_read_once_however_many_ask(tmp_path: Path) -> None:
    known, read = facts(tmp_path), []

    def fact(_facts: object) -> object:
        read.append(1)
        return object()

    answers = set(known.each(lambda _: known.of(fact), range(100)))

    assert len(answers) == len(read) == 1


def test_a_fact_that_cannot_be_read_is_the_same_error_for_all(tmp_path: Path) -> None:
    known, read = facts(tmp_path), []

    def fact(_facts: object) -> None:
        read.append(1)
        raise NotLookedAtError("it is so")

    for _ in range(2):
        with pytest.raises(NotLookedAtError, match="it is so"):
            known.of(fact)

    assert read == [1]


class TestRefusals:
    @pytest.mark.parametrize("operation", sorted(set(HEALTHY) - NOT_ASKED - {"sts:AssumeRole"}))
    def test_one_call_that_is_refused_leaves_the_other_checks_as_they_are(
        self, tmp_path: Path, operation: str
    ) -> None:
        report = run(facts(tmp_path, {operation: DENIED}))

        unknown = failing(report)
        assert unknown
        assert unknown != {one.id for one in CHECKS}
        for id_ in unknown:
            assert results(report)[id_].status == Status.UNKNOWN

    def test_it_says_what_was_called_where_and_what_would_allow_it(self, tmp_path: Path) -> None:
        answers = {"cloudformation:DescribeOrganizationsAccess": DENIED}
        found = check(facts(tmp_path, answers), "trusted_access.stack_sets")

        assert found.detail == (
            "could not be read: cloudformation:DescribeOrganizationsAccess in 111111111111,"
            " us-east-1: AccessDeniedException: User is not authorized."
        )
        assert found.remedy
        assert found.remedy.right == (
            f"{DEPLOYER} is allowed cloudformation:DescribeOrganizationsAccess"
        )

    def test_in_other_accounts_the_deployment_role_needs_the_permission(
        self, tmp_path: Path
    ) -> None:
        found = check(
            facts(tmp_path, {"securityhub:DescribeHub": DENIED}), "security_hub.aggregator"
        )

        assert found.remedy
        assert found.remedy.right == (
            f"arn:aws:iam::{SECURITY}:role/OrganizationAccountAccessRole is allowed"
            " securityhub:DescribeHub"
        )

    def test_no_answer_is_no_refusal(self, tmp_path: Path) -> None:
        broken = Refusal("InternalFailure", "<html>\n  <h1>Broken</h1>\n</html>", 500)
        found = check(facts(tmp_path, {"organizations:ListRoots": broken}), "organization.targets")

        assert found.status == Status.UNKNOWN
        assert found.detail.endswith("InternalFailure: <html> <h1>Broken</h1> </html>")
        assert found.remedy is None

    def test_a_name_that_cannot_be_looked_at_does_not_hide_one_that_is_taken(
        self, tmp_path: Path
    ) -> None:
        answers = {
            "lambda:GetFunction": DENIED,
            "sqs:GetQueueUrl": {"QueueUrl": "https://sqs/queue"},
            "sqs:ListQueueTags": {},
        }
        found = check(facts(tmp_path, answers), "names.security")

        assert found.status == Status.MISSING
        assert "queue rootwatch-finding-importer exists, not Rootwatch's" in found.detail
        assert "could not be looked at: lambda:GetFunction" in found.detail


class TestDependencies:
    def test_credentials_of_another_account_are_told_alone_and_nothing_is_asked(
        self, tmp_path: Path
    ) -> None:
        aws = Aws({})
        report = run(facts(tmp_path, account="444444444444", aws=aws))

        (row,) = report.rows
        assert row.check.id == "access.credentials"
        assert row.result.status == Status.MISSING
        assert row.result.detail == (
            "user/deployer of the account 444444444444; nothing else was looked at"
        )
        assert row.result.remedy
        assert MANAGEMENT in row.result.remedy.right
        assert not report.is_ok
        assert aws.asked == []

    def test_an_account_that_cannot_be_entered_is_missing_once(self, tmp_path: Path) -> None:
        answers = {"sts:AssumeRole": Refusal("AccessDenied", "not authorized", 403)}
        found = results(run(facts(tmp_path, answers)))

        assert found["access.security"].status == Status.MISSING
        assert found["names.security"].detail == (
            f"not looked at, because the account {SECURITY} cannot be entered"
        )
        assert found["names.security"].status == Status.UNKNOWN
        assert found["names.management"].status == Status.OK

    def test_throttling_is_no_refusal_of_the_role(self, tmp_path: Path) -> None:
        answers = {"sts:AssumeRole": Refusal("Throttling", "Rate exceeded")}
        found = check(facts(tmp_path, answers), "access.security")

        assert found.status == Status.UNKNOWN
        assert (
            "sts:AssumeRole in 333333333333, us-east-1: Throttling: Rate exceeded" in found.detail
        )

    @pytest.mark.parametrize(
        ("changes", "because", "config"),
        [
            (
                {"Id": "o-anotherorgid"},
                "the organization is o-anotherorgid",
                ("organization:", "  id: o-anotherorgid"),
            ),
            (
                {"MasterAccountId": "999999999999"},
                "the credentials are not of the organization's management account",
                ("accounts:", '  management: "999999999999"'),
            ),
        ],
    )
    def test_another_organization_is_told_with_its_config_and_not_looked_into(
        self, tmp_path: Path, changes: dict[str, str], because: str, config: tuple[str, ...]
    ) -> None:
        organization = HEALTHY["organizations:DescribeOrganization"]["Organization"] | changes
        answers = {"organizations:DescribeOrganization": {"Organization": organization}}
        found = results(run(facts(tmp_path, answers)))

        identity = found["organization.identity"]
        assert identity.status == Status.MISSING
        assert identity.remedy
        assert identity.remedy.config == config
        assert found["organization.targets"].detail == f"not looked at, because {because}"

    def test_an_account_of_no_organization_is_told_how_to_make_one(self, tmp_path: Path) -> None:
        none = Refusal("AWSOrganizationsNotInUseException")
        found = results(run(facts(tmp_path, {"organizations:DescribeOrganization": none})))

        identity = found["organization.identity"]
        assert identity.status == Status.MISSING
        assert identity.remedy
        assert [one.line for one in identity.remedy.commands] == [
            "aws organizations create-organization --feature-set ALL"
        ]
        assert "there is no organization" in found["delegation.cloudtrail"].detail


def test_one_account_that_plays_every_part_is_entered_by_nobody(tmp_path: Path) -> None:
    alone = replace(
        MINIMAL,
        accounts=Accounts(management=MANAGEMENT, log_archive=MANAGEMENT, security=MANAGEMENT),
        security_hub=replace(MINIMAL.security_hub, managed=False),
    )
    hub = {"securityhub:DescribeHub": {"HubArn": "arn"}, "sts:AssumeRole": DENIED}
    report = run(facts(tmp_path, hub, alone))

    assert report.is_ok
    assert {"access.log_archive", "access.security", "delegation.cloudtrail"}.isdisjoint(
        results(report)
    )
