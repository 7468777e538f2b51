"""The preflight as a whole: what it reads once, how checks depend on each other, and errors."""

from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Accounts
from operations.preflight import CHECKS, run_checks
from operations.preflight.aws import SkippedError
from operations.preflight.result import Status
from tests.unit.operations.fake_aws import (
    DEPLOYER,
    HEALTHY,
    LOG_ARCHIVE,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    ErrorResponse,
    FakeAws,
    config_of,
    context_of,
    failing,
    lines,
    results,
    run_one,
)

# Not called if the first target contains an account and Security Hub has no administrator.
NOT_CALLED = {
    "organizations:ListOrganizationalUnitsForParent",
    "securityhub:DescribeOrganizationConfiguration",
    "service-quotas:ListServiceQuotas",
}
DENIED = ErrorResponse("AccessDeniedException", "User is not authorized.", 403)


def test_all_checks_pass_in_a_healthy_organization(tmp_path: Path) -> None:
    report = run_checks(context_of(tmp_path))

    assert {result.status for result in results(report).values()} == {Status.PASS}
    assert report.is_ok


def test_the_ids_of_the_checks_are_unique() -> None:
    ids = [check.id for check in CHECKS]

    assert len(ids) == len(set(ids))


def test_concurrent_callers_of_a_cached_function_get_the_same_value(tmp_path: Path) -> None:
    context, calls = context_of(tmp_path), []

    def read(_context: object) -> object:
        calls.append(1)
        return object()

    values = set(context.map(lambda _: context.cached(read), range(100)))

    assert len(values) == len(calls) == 1


def test_an_error_is_cached_too(tmp_path: Path) -> None:
    context, calls = context_of(tmp_path), []

    def read(_context: object) -> None:
        calls.append(1)
        raise SkippedError("a reason")

    for _ in range(2):
        with pytest.raises(SkippedError, match="a reason"):
            context.cached(read)

    assert calls == [1]


def test_map_keeps_the_order_and_raises_the_first_error(tmp_path: Path) -> None:
    context = context_of(tmp_path)

    assert context.map(lambda number: number * 2, range(50)) == [2 * one for one in range(50)]
    with pytest.raises(ZeroDivisionError):
        context.map(lambda number: 1 // number, [1, 0, 2])


class TestErrors:
    def test_a_denied_call_is_an_error_only_of_the_checks_that_depend_on_it(
        self, tmp_path: Path
    ) -> None:
        aws = FakeAws()
        for operation in sorted(set(HEALTHY) - NOT_CALLED - {"sts:AssumeRole"}):
            aws.responses = {operation: DENIED}
            report = run_checks(context_of(tmp_path, aws=aws))

            errors = failing(report)
            assert errors, operation
            assert errors != {check.id for check in CHECKS}, operation
            for id_ in errors:
                assert results(report)[id_].status == Status.ERROR, operation

    def test_it_reports_the_call_and_the_required_permission(self, tmp_path: Path) -> None:
        responses = {"cloudformation:DescribeOrganizationsAccess": DENIED}
        found = run_one(context_of(tmp_path, responses), "trusted_access.stack_sets")

        assert found.detail == (
            "call failed: cloudformation:DescribeOrganizationsAccess in 111111111111,"
            " us-east-1: AccessDeniedException: User is not authorized."
        )
        assert found.remedy
        assert found.remedy.expected == (
            f"{DEPLOYER} has the permission cloudformation:DescribeOrganizationsAccess"
        )

    def test_in_other_accounts_the_deployment_role_requires_the_permission(
        self, tmp_path: Path
    ) -> None:
        context = context_of(tmp_path, {"securityhub:DescribeHub": DENIED})
        found = run_one(context, "security_hub.aggregator")

        assert found.remedy
        assert found.remedy.expected == (
            f"arn:aws:iam::{SECURITY}:role/OrganizationAccountAccessRole has the permission"
            " securityhub:DescribeHub"
        )

    def test_a_failed_call_has_no_remedy(self, tmp_path: Path) -> None:
        html = ErrorResponse("InternalFailure", "<html>\n  <h1>Broken</h1>\n</html>", 500)
        context = context_of(tmp_path, {"organizations:ListRoots": html})
        found = run_one(context, "organization.targets")

        assert found.status == Status.ERROR
        assert found.detail.endswith("InternalFailure: <html> <h1>Broken</h1> </html>")
        assert found.remedy is None

    def test_a_name_that_cannot_be_read_does_not_hide_a_conflict(self, tmp_path: Path) -> None:
        responses = {
            "lambda:GetFunction": DENIED,
            "sqs:GetQueueUrl": {"QueueUrl": "https://sqs/queue"},
            "sqs:ListQueueTags": {},
        }
        found = run_one(context_of(tmp_path, responses), "names.security")

        assert found.status == Status.FAIL
        assert "queue rootwatch-finding-importer exists, not created by Rootwatch" in found.detail
        assert "call failed: lambda:GetFunction" in found.detail

    def test_a_name_that_cannot_be_read_is_an_error_without_a_remedy(self, tmp_path: Path) -> None:
        context = context_of(tmp_path, {"lambda:GetFunction": DENIED})
        found = run_one(context, "names.security")

        assert found.status == Status.ERROR
        assert found.detail.startswith(f"call failed: lambda:GetFunction in {SECURITY}, us-east-1:")
        assert found.remedy is None


class TestDependencies:
    def test_with_credentials_of_another_account_no_other_check_runs(self, tmp_path: Path) -> None:
        aws = FakeAws()
        report = run_checks(context_of(tmp_path, account="444444444444", aws=aws))

        (row,) = report.rows
        assert row.id == "access.credentials"
        assert row.result.status == Status.FAIL
        assert row.result.detail == "user/deployer in account 444444444444; no other check ran"
        assert row.result.remedy
        assert row.result.remedy.expected == (
            f"credentials of an administrator of the management account {MANAGEMENT}"
        )
        assert lines(row.result) == ["aws sts get-caller-identity"]
        assert not report.is_ok
        assert aws.calls == []

    def test_a_check_alone_is_skipped_with_credentials_of_another_account(
        self, tmp_path: Path
    ) -> None:
        context = context_of(tmp_path, account="444444444444")
        found = run_one(context, "organization.identity")

        assert found.status == Status.ERROR
        assert found.detail == "skipped: the credentials belong to account 444444444444"

    def test_checks_of_an_account_are_skipped_if_its_role_cannot_be_assumed(
        self, tmp_path: Path
    ) -> None:
        denied = {"sts:AssumeRole": ErrorResponse("AccessDenied", "not authorized", 403)}
        found = results(run_checks(context_of(tmp_path, denied)))

        for id_, account in {
            "access.security": SECURITY,
            "access.log_archive": LOG_ARCHIVE,
        }.items():
            assert found[id_].status == Status.FAIL
            assert found[id_].detail == (
                f"cannot assume OrganizationAccountAccessRole in {account}: not authorized"
            )
        assert found["names.security"].detail == (
            f"skipped: the deployment role in account {SECURITY} cannot be assumed"
        )
        assert found["names.security"].status == Status.ERROR
        assert found["names.log_archive"].detail == (
            f"skipped: the deployment role in account {LOG_ARCHIVE} cannot be assumed"
        )
        assert found["names.management"].status == Status.PASS

    def test_throttling_does_not_mean_that_the_role_is_denied(self, tmp_path: Path) -> None:
        responses = {"sts:AssumeRole": ErrorResponse("Throttling", "Rate exceeded")}
        found = run_one(context_of(tmp_path, responses), "access.security")

        assert found.status == Status.ERROR
        assert (
            "sts:AssumeRole in 333333333333, us-east-1: Throttling: Rate exceeded" in found.detail
        )

    @pytest.mark.parametrize(
        ("changes", "reason", "config"),
        [
            (
                {"Id": "o-anotherorgid"},
                "the organization is o-anotherorgid",
                ("organization:", "  id: o-anotherorgid"),
            ),
            (
                {"MasterAccountId": "999999999999"},
                "the credentials do not belong to the management account",
                ("accounts:", '  management: "999999999999"'),
            ),
        ],
    )
    def test_another_organization_is_reported_with_its_config_and_not_read(
        self, tmp_path: Path, changes: dict[str, str], reason: str, config: tuple[str, ...]
    ) -> None:
        organization = HEALTHY["organizations:DescribeOrganization"]["Organization"] | changes
        responses = {"organizations:DescribeOrganization": {"Organization": organization}}
        found = results(run_checks(context_of(tmp_path, responses)))

        identity = found["organization.identity"]
        assert identity.status == Status.FAIL
        assert identity.detail == (
            f"{organization['Id']}, management account {organization['MasterAccountId']}"
        )
        assert identity.remedy
        assert identity.remedy.expected == (
            f"o-exampleorgid, management account {MANAGEMENT}, as in the configuration"
        )
        assert config_of(identity) == config
        assert found["organization.targets"].detail == f"skipped: {reason}"

    def test_without_an_organization_the_remedy_creates_one(self, tmp_path: Path) -> None:
        none = ErrorResponse("AWSOrganizationsNotInUseException")
        context = context_of(tmp_path, {"organizations:DescribeOrganization": none})
        found = results(run_checks(context))

        identity = found["organization.identity"]
        assert identity.status == Status.FAIL
        assert lines(identity) == ["aws organizations create-organization --feature-set ALL"]
        assert found["delegation.cloudtrail"].detail == (
            "skipped: the account is not in an organization"
        )


def test_a_single_account_requires_no_role(tmp_path: Path) -> None:
    alone = replace(
        MINIMAL,
        accounts=Accounts(management=MANAGEMENT, log_archive=MANAGEMENT, security=MANAGEMENT),
        security_hub=replace(MINIMAL.security_hub, managed=False),
    )
    responses = {"securityhub:DescribeHub": {"HubArn": "arn"}, "sts:AssumeRole": DENIED}
    report = run_checks(context_of(tmp_path, responses, alone))

    assert report.is_ok
    assert {"access.log_archive", "access.security", "delegation.cloudtrail"}.isdisjoint(
        results(report)
    )


def test_one_account_for_logs_and_security_is_assumed_once(tmp_path: Path) -> None:
    accounts = replace(MINIMAL.accounts, log_archive=SECURITY)
    aws = FakeAws()
    report = run_checks(context_of(tmp_path, settings=replace(MINIMAL, accounts=accounts), aws=aws))

    assert report.is_ok
    assert "access.log_archive" not in results(report)
    assert aws.names.count("sts:AssumeRole") == 1
