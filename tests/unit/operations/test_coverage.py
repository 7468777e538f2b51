"""Which accounts a deployment could not cover, as AWS reports them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operations.deployment.destroy import ProtectedError, check_bucket
from operations.preflight.aws import ReadError
from operations.preflight.coverage import Gap, read_coverage
from operations.preflight.result import Status
from tests.unit.operations.fake_aws import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    ErrorResponse,
    FakeAws,
    FakeCall,
    context_of,
    lines,
    run_one,
    write_state,
)

BOTH = {"organization", "security_hub"}
INSTANCES = "cloudformation:ListStackInstances"
ASSOCIATIONS = "securityhub:ListConfigurationPolicyAssociations"
DENIED = "User is not authorized to perform: iam:CreateRole\nwith an explicit deny"


def instance(account: str, status: str, detail: str, reason: str | None = None) -> dict[str, Any]:
    shown = {"StatusReason": reason} if reason else {}
    detailed = {"StackInstanceStatus": {"DetailedStatus": detail}}
    return {"Account": account, "Status": status, **detailed, **shown}


def association(target: str, kind: str, status: str = "FAILED") -> dict[str, Any]:
    return {
        "TargetId": target,
        "TargetType": kind,
        "AssociationStatus": status,
        "ConfigurationPolicyId": "policy",
        "AssociationStatusMessage": f"{target} failed",
    }


def associations(*found: dict[str, Any]) -> Any:
    def respond(call: FakeCall) -> dict[str, Any]:
        status = call.parameters["Filters"]["AssociationStatus"]
        shown = [one for one in found if one["AssociationStatus"] == status]
        return {"ConfigurationPolicyAssociationSummaries": shown}

    return respond


def accounts(*suspended: str) -> Any:
    def respond(call: FakeCall) -> dict[str, Any]:
        account = call.parameters["AccountId"]
        state = "SUSPENDED" if account in suspended else "ACTIVE"
        return {"Account": {"Id": account, "State": state}}

    return respond


HEALTHY: dict[str, Any] = {INSTANCES: {"Summaries": []}, ASSOCIATIONS: associations()}


def test_accounts_whose_stack_instance_is_not_current_are_listed_with_the_reason() -> None:
    summaries = [
        instance("444444444444", "CURRENT", "SUCCEEDED"),
        instance("555555555555", "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"),
        instance("666666666666", "OUTDATED", "FAILED", DENIED),
        instance("777777777777", "INOPERABLE", "INOPERABLE"),
    ]
    aws = FakeAws({**HEALTHY, INSTANCES: {"Summaries": summaries}})
    found = read_coverage(replace(MINIMAL, home_region="eu-west-1"), BOTH, aws.clients)

    part = "member role and event rule"
    denied = "OUTDATED: User is not authorized to perform: iam:CreateRole with an explicit deny"
    assert [str(one) for one in found.failures] == [
        f"666666666666  {part}: {denied}",
        f"777777777777  {part}: INOPERABLE: INOPERABLE",
    ]
    assert [one.target for one in found.gaps if one.is_expected] == ["555555555555"]
    (call,) = aws.named(INSTANCES)
    assert (call.account, call.region) == (MANAGEMENT, "us-east-1")
    assert call.parameters["StackSetName"] == "rootwatch-member"


def test_accounts_that_security_hub_cannot_enter_are_listed_without_their_units() -> None:
    failed = [
        association("r-exam", "ROOT"),
        association("555555555555", "ACCOUNT"),
        association("666666666666", "ACCOUNT"),
        association("777777777777", "ACCOUNT", "PENDING"),
    ]
    aws = FakeAws(
        {
            **HEALTHY,
            ASSOCIATIONS: associations(*failed),
            "organizations:DescribeAccount": accounts("555555555555"),
        }
    )
    found = read_coverage(MINIMAL, BOTH, aws.clients)

    assert found.gaps == tuple(
        Gap(
            target=account,
            part="Security Hub",
            reason=f"FAILED: {account} failed",
            is_expected=account == "555555555555",
        )
        for account in ("555555555555", "666666666666")
    )
    assert (found.pending, found.policy) == (1, "policy")
    assert {call.account for call in aws.named(ASSOCIATIONS)} == {SECURITY}


def test_a_target_without_accounts_is_listed_itself() -> None:
    aws = FakeAws({**HEALTHY, ASSOCIATIONS: associations(association("r-exam", "ROOT"))})
    found = read_coverage(MINIMAL, BOTH, aws.clients)

    assert [one.target for one in found.failures] == ["r-exam"]


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidAccessException"])
def test_before_central_configuration_there_are_no_associations(code: str) -> None:
    aws = FakeAws({**HEALTHY, ASSOCIATIONS: ErrorResponse(code)})

    assert read_coverage(MINIMAL, BOTH, aws.clients).gaps == ()


@pytest.mark.parametrize(
    "hub", [{"managed": False}, {"managed": True, "configuration": "local"}], ids=str
)
def test_only_central_configuration_has_associations(hub: dict[str, Any]) -> None:
    aws = FakeAws({INSTANCES: {"Summaries": []}})
    settings = replace(MINIMAL, security_hub=replace(MINIMAL.security_hub, **hub))

    assert read_coverage(settings, BOTH, aws.clients).gaps == ()


def test_only_deployed_stacks_are_read() -> None:
    aws = FakeAws()
    found = read_coverage(MINIMAL, {"trail", "detection"}, aws.clients)

    assert (found.gaps, found.pending, aws.calls) == ((), 0, [])


def test_a_denied_call_is_no_full_coverage() -> None:
    aws = FakeAws({**HEALTHY, INSTANCES: ErrorResponse("AccessDenied", status=403)})

    with pytest.raises(ReadError, match="cloudformation:ListStackInstances"):
        read_coverage(MINIMAL, BOTH, aws.clients)


VERSIONS = "s3:ListObjectVersions"


@pytest.mark.parametrize("kind", ["Versions", "DeleteMarkers"])
def test_a_bucket_with_log_files_stops_a_destruction(kind: str) -> None:
    aws = FakeAws({VERSIONS: {kind: [{"Key": "AWSLogs/x", "VersionId": "1"}]}})

    with pytest.raises(ProtectedError, match="contains log files") as caught:
        check_bucket(MINIMAL, aws.clients)
    assert "Nothing was destroyed" in str(caught.value)
    (call,) = aws.named(VERSIONS)
    assert call.account == LOG_ARCHIVE
    assert call.parameters["Bucket"] == MINIMAL.trail.bucket


@pytest.mark.parametrize("response", [{}, ErrorResponse("NoSuchBucket", status=404)])
def test_an_empty_or_absent_bucket_does_not(response: Any) -> None:
    check_bucket(MINIMAL, FakeAws({VERSIONS: response}).clients)


class TestPreflight:
    def test_it_reads_nothing_before_the_first_deployment(self, tmp_path: Path) -> None:
        aws = FakeAws()
        found = run_one(context_of(tmp_path, aws=aws), "deployment.accounts")

        assert (found.status, found.detail) == (Status.PASS, "nothing deployed yet")
        assert aws.named(INSTANCES) == []

    def test_accounts_that_are_not_covered_are_a_warning_with_the_command(
        self, tmp_path: Path
    ) -> None:
        summaries = [instance(f"{n}" * 12, "OUTDATED", "FAILED", "denied") for n in range(5, 10)]
        aws = FakeAws({**HEALTHY, INSTANCES: {"Summaries": summaries}})
        write_state(tmp_path, "organization", [("aws_cloudformation_stack_set", "x")])
        found = run_one(context_of(tmp_path, aws=aws), "deployment.accounts")

        assert found.status == Status.WARN
        assert found.detail.startswith("555555555555  member role and event rule: OUTDATED: denied")
        assert found.detail.endswith("; and 2 more")
        (line,) = lines(found)
        assert line.startswith("aws cloudformation create-stack-instances --stack-set-name ")
        assert "Accounts=555555555555,666666666666,777777777777,888888888888," in line

    def test_suspended_and_pending_accounts_pass(self, tmp_path: Path) -> None:
        summaries = [instance("555555555555", "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT")]
        pending = associations(association("666666666666", "ACCOUNT", "PENDING"))
        aws = FakeAws({INSTANCES: {"Summaries": summaries}, ASSOCIATIONS: pending})
        for name in ("organization", "security_hub"):
            write_state(tmp_path, name, [("any", "x")])
        found = run_one(context_of(tmp_path, aws=aws), "deployment.accounts")

        assert found.status == Status.PASS
        assert found.detail == "all active accounts are covered; Security Hub is pending in 1"

    def test_the_policy_of_security_hub_is_associated_again(self, tmp_path: Path) -> None:
        failed = associations(association("666666666666", "ACCOUNT"))
        aws = FakeAws({**HEALTHY, ASSOCIATIONS: failed})
        write_state(tmp_path, "security_hub", [("any", "x")])
        found = run_one(context_of(tmp_path, aws=aws), "deployment.accounts")

        assert found.status == Status.WARN
        (line,) = lines(found)
        assert "--configuration-policy-identifier policy --target RootId=r-exam" in line
