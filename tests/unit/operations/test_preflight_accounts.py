"""Organization, delegations and Security Hub, in conditions that the sandbox cannot reproduce."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from operations.preflight import run_checks
from operations.preflight.result import Status
from operations.preflight.security_hub import MAX_CHECKED, MAX_LISTED, MAX_REPORTED
from tests.unit.operations.fake_aws import (
    HEALTHY,
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBER,
    MINIMAL,
    SECURITY,
    ErrorResponse,
    FakeAws,
    FakeCall,
    config_of,
    context_of,
    lines,
    results,
    run_one,
    write_state,
)


class TestOrganization:
    def test_consolidated_billing_is_not_all_features(self, tmp_path: Path) -> None:
        organization = HEALTHY["organizations:DescribeOrganization"]["Organization"]
        billing = {"Organization": organization | {"FeatureSet": "CONSOLIDATED_BILLING"}}
        context = context_of(tmp_path, {"organizations:DescribeOrganization": billing})
        found = run_one(context, "organization.features")

        assert found.status == Status.FAIL
        assert found.detail == "feature set CONSOLIDATED_BILLING"
        assert lines(found) == ["aws organizations enable-all-features"]

    def test_stack_sets_require_trusted_access_in_both_services(self, tmp_path: Path) -> None:
        status = {"Status": "DISABLED_PERMANENTLY"}
        aws = FakeAws({"cloudformation:DescribeOrganizationsAccess": status})
        context = context_of(tmp_path, settings=replace(MINIMAL, home_region="eu-west-1"), aws=aws)
        found = run_one(context, "trusted_access.stack_sets")

        assert found.status == Status.FAIL
        assert found.detail == "DISABLED_PERMANENTLY in CloudFormation"
        assert lines(found) == [
            "aws cloudformation activate-organizations-access --region us-east-1"
        ]
        (call,) = aws.named("cloudformation:DescribeOrganizationsAccess")
        assert call.region == "us-east-1"

    def test_only_the_state_of_an_account_counts(self, tmp_path: Path) -> None:
        """`Status` is deprecated and may be absent."""
        for account, detail in (
            ({"State": "ACTIVE", "Status": "SUSPENDED"}, None),
            ({"Status": "ACTIVE"}, None),
            ({"State": "PENDING_CLOSURE", "Status": "ACTIVE"}, "PENDING_CLOSURE"),
            ({"Status": "SUSPENDED"}, "SUSPENDED"),
        ):
            responses = {"organizations:DescribeAccount": {"Account": account}}
            found = run_one(context_of(tmp_path, responses), "organization.accounts")

            expected = f"{LOG_ARCHIVE} is {detail}; {SECURITY} is {detail}"
            assert found.status == (Status.FAIL if detail else Status.PASS)
            assert not detail or found.detail == expected

    def test_the_management_account_may_have_all_roles(self, tmp_path: Path) -> None:
        accounts = replace(MINIMAL.accounts, log_archive=MANAGEMENT, security=MANAGEMENT)
        context = context_of(tmp_path, settings=replace(MINIMAL, accounts=accounts))

        assert run_one(context, "organization.accounts").detail == "only the management account"
        assert run_one(context, "organization.coverage").status == Status.PASS

    def test_accounts_and_units_are_read_only_until_one_is_active(self, tmp_path: Path) -> None:
        def accounts(call: FakeCall) -> dict[str, Any]:
            states = {"r-exam": "SUSPENDED", "ou-a": "SUSPENDED", "ou-b": "ACTIVE"}
            state = states[call.parameters["ParentId"]]
            return {"Accounts": [{"Id": "444444444444", "State": state}]}

        def units(call: FakeCall) -> dict[str, Any]:
            below = ["ou-a", "ou-b", "ou-c"] if call.parameters["ParentId"] == "r-exam" else []
            return {"OrganizationalUnits": [{"Id": one} for one in below]}

        aws = FakeAws(
            {
                "organizations:ListAccountsForParent": accounts,
                "organizations:ListOrganizationalUnitsForParent": units,
            }
        )
        found = run_one(context_of(tmp_path, aws=aws), "organization.targets")

        assert found.detail == "r-exam: each contains an active member account"
        calls = aws.named("organizations:ListAccountsForParent")
        assert [call.parameters["ParentId"] for call in calls] == ["r-exam", "ou-a", "ou-b"]

    def test_all_targets_are_listed(self, tmp_path: Path) -> None:
        targets = replace(MINIMAL.organization, targets=("ou-a", "ou-b"))
        settings = replace(MINIMAL, organization=targets)
        found = run_one(context_of(tmp_path, settings=settings), "organization.targets")

        assert found.detail == "ou-a, ou-b: each contains an active member account"

    def test_a_target_with_only_the_management_account_fails(self, tmp_path: Path) -> None:
        alone = {"Accounts": [{"Id": MANAGEMENT, "State": "ACTIVE"}]}
        context = context_of(tmp_path, {"organizations:ListAccountsForParent": alone})
        found = run_one(context, "organization.targets")

        assert found.detail == "r-exam contains no active member account"
        assert config_of(found) == ("organization:", "  targets: [r-exam]")
        assert lines(found) == [
            "aws organizations list-organizational-units-for-parent --parent-id r-exam"
        ]


class TestDelegations:
    def test_two_other_administrators_of_cloudtrail_leave_room(self, tmp_path: Path) -> None:
        for count, status in ((0, Status.PASS), (2, Status.PASS), (3, Status.FAIL)):
            others = [f"{number}" * 12 for number in (6, 5, 4)[:count]]
            listed = {"DelegatedAdministrators": [{"Id": one} for one in others]}
            responses = {"organizations:ListDelegatedAdministrators": listed}
            found = run_one(context_of(tmp_path, responses), "delegation.cloudtrail")

            assert found.status == status
            if count == 0:
                assert found.detail == "no administrator"
            else:
                assert found.detail.endswith(f"other administrators: {', '.join(sorted(others))}")
        assert found.remedy
        assert found.remedy.expected.startswith("at most 2 other administrators")
        assert lines(found) == []

    def test_security_hub_in_other_regions_only_is_no_conflict(self, tmp_path: Path) -> None:
        def administrators(call: FakeCall) -> dict[str, Any]:
            is_hub = call.parameters["ServicePrincipal"] == "securityhub.amazonaws.com"
            return {"DelegatedAdministrators": [{"Id": SECURITY}] if is_hub else []}

        responses = {"organizations:ListDelegatedAdministrators": administrators}
        found = run_one(context_of(tmp_path, responses), "delegation.security_hub")

        assert found.status == Status.PASS
        assert found.detail == f"{SECURITY} is the administrator in other Regions"

    def test_security_hub_in_the_home_region_has_to_be_in_the_state(self, tmp_path: Path) -> None:
        admin = {"AdminAccounts": [{"AccountId": SECURITY}]}
        responses = {"securityhub:ListOrganizationAdminAccounts": admin}
        created_by_others = run_one(context_of(tmp_path, responses), "delegation.security_hub")
        held = [("aws_securityhub_organization_admin_account", SECURITY)]
        write_state(tmp_path, "detection", held)
        own = run_one(context_of(tmp_path, responses), "delegation.security_hub")

        assert created_by_others.detail == (
            f"{SECURITY} is delegated, but not by Rootwatch;"
            " the deployment cannot delegate it again"
        )
        assert own.status == Status.PASS
        assert own.detail == f"{SECURITY}, delegated by Rootwatch"

    def test_another_administrator_of_security_hub_keeps_its_delegation(
        self, tmp_path: Path
    ) -> None:
        other = "444444444444"
        home = {
            "securityhub:ListOrganizationAdminAccounts": {"AdminAccounts": [{"AccountId": other}]}
        }
        anywhere = {
            "organizations:ListDelegatedAdministrators": {
                "DelegatedAdministrators": [{"Id": other}]
            }
        }
        for responses in (home, anywhere, home | anywhere):
            found = run_one(context_of(tmp_path, responses), "delegation.security_hub")

            assert found.detail == f"other administrators: {other}"
            assert lines(found) == []
            assert config_of(found) == ("security_hub:", "  managed: false")


class TestSecurityHub:
    def test_the_log_archive_account_of_an_existing_trail_is_not_read(self, tmp_path: Path) -> None:
        unmanaged = replace(MINIMAL, trail=replace(MINIMAL.trail, managed=False))
        for settings, accounts in (
            (MINIMAL, [MANAGEMENT, LOG_ARCHIVE, SECURITY]),
            (unmanaged, [MANAGEMENT, SECURITY]),
        ):
            aws = FakeAws()
            found = run_one(
                context_of(tmp_path, settings=settings, aws=aws), "security_hub.standards"
            )

            assert found.detail == (
                f"none in {', '.join(accounts)}; other member accounts are not checked"
            )
            calls = aws.named("securityhub:GetEnabledStandards")
            assert sorted(call.account for call in calls) == accounts

    def test_an_aggregator_of_the_administrator_is_not_the_accounts_own(
        self, tmp_path: Path
    ) -> None:
        """A member account also sees the aggregator of its administrator."""

        def found(account: str, region: str = "us-east-1") -> Any:
            arn = f"arn:aws:securityhub:{region}:{account}:finding-aggregator/a"
            responses = {
                "securityhub:DescribeHub": {"HubArn": "arn"},
                "securityhub:ListFindingAggregators": {
                    "FindingAggregators": [{"FindingAggregatorArn": arn}]
                },
            }
            return run_one(context_of(tmp_path, responses), "security_hub.aggregator")

        assert found("444444444444").detail == "none"
        assert found(f"{SECURITY}3").detail == "none"  # a longer number is another account
        own = found(SECURITY, "eu-west-1")
        assert own.detail == (
            "aggregator in eu-west-1, not created by Rootwatch; an account can have only one"
        )
        assert own.remedy
        assert own.remedy.expected == (
            "no aggregator outside of us-east-1; otherwise, set home_region to the Region of the"
            " aggregator, or security_hub.managed to false"
        )
        assert lines(own) == []
        assert config_of(own) == ("home_region: eu-west-1",)

    def test_a_policy_without_associations_conflicts_only_by_its_name(self, tmp_path: Path) -> None:
        for name, status in {
            "rootwatch-security-hub": Status.FAIL,
            "rootwatch-security-hub-2": Status.PASS,
        }.items():
            responses = {
                "securityhub:ListOrganizationAdminAccounts": {
                    "AdminAccounts": [{"AccountId": SECURITY}]
                },
                "securityhub:DescribeOrganizationConfiguration": {
                    "OrganizationConfiguration": {"ConfigurationType": "CENTRAL"}
                },
                "securityhub:ListConfigurationPolicyAssociations": {
                    "ConfigurationPolicyAssociationSummaries": []
                },
                "securityhub:ListConfigurationPolicies": {
                    "ConfigurationPolicySummaries": [{"Id": "id", "Name": name}]
                },
            }
            found = run_one(context_of(tmp_path, responses), "security_hub.policies")

            assert found.status == status, name

    def test_local_configuration_has_no_policies(self, tmp_path: Path) -> None:
        responses = {
            "securityhub:ListOrganizationAdminAccounts": {
                "AdminAccounts": [{"AccountId": SECURITY}]
            },
            "securityhub:DescribeOrganizationConfiguration": {
                "OrganizationConfiguration": {"ConfigurationType": "LOCAL"}
            },
        }
        aws = FakeAws(responses)
        found = run_one(context_of(tmp_path, aws=aws), "security_hub.policies")

        assert found.status == Status.PASS
        assert "securityhub:ListConfigurationPolicies" not in aws.names

    def test_an_error_other_than_not_enabled_is_an_error(self, tmp_path: Path) -> None:
        for code, status in {
            "InvalidAccessException": Status.PASS,
            "ResourceNotFoundException": Status.PASS,
            "LimitExceededException": Status.ERROR,
        }.items():
            response = ErrorResponse(code)
            context = context_of(tmp_path, {"securityhub:GetEnabledStandards": response})
            assert run_one(context, "security_hub.standards").status == status

    def test_the_management_account_of_a_managed_security_hub(self, tmp_path: Path) -> None:
        enabled = {"securityhub:DescribeHub": {"HubArn": "arn"}}
        by_others = run_one(context_of(tmp_path, enabled), "security_hub.management")
        write_state(tmp_path, "detection", [("aws_securityhub_account", MANAGEMENT)])
        own = run_one(context_of(tmp_path, enabled), "security_hub.management")
        disabled = run_one(context_of(tmp_path), "security_hub.management")

        assert by_others.status == Status.FAIL
        assert own.detail == f"enabled in {MANAGEMENT}"
        assert own.status == Status.PASS
        assert disabled.detail == f"not enabled in {MANAGEMENT}"
        assert disabled.status == Status.PASS

    def test_security_hub_that_rootwatch_does_not_manage(self, tmp_path: Path) -> None:
        unmanaged = replace(MINIMAL, security_hub=replace(MINIMAL.security_hub, managed=False))
        enabled = {"securityhub:DescribeHub": {"HubArn": "arn"}}
        for responses, security, management in (
            ({}, Status.FAIL, Status.WARN),
            (enabled, Status.PASS, Status.PASS),
        ):
            found = results(run_checks(context_of(tmp_path, responses, unmanaged)))

            assert found["security_hub.security"].status == security
            assert found["security_hub.management"].status == management


class TestSuspended:
    def accounts(self, states: list[str]) -> dict[str, Any]:
        """An endless list, in pages with these states."""
        listed = [{"Id": f"{number:012}", "State": state} for number, state in enumerate(states)]

        def page(call: FakeCall) -> dict[str, Any]:
            number = int(call.parameters.get("NextToken", 0))
            return {"Accounts": listed, "NextToken": f"{number + 1}"}

        return {"organizations:ListAccounts": page}

    def test_the_number_of_calls_does_not_depend_on_the_number_of_accounts(
        self, tmp_path: Path
    ) -> None:
        aws = FakeAws(self.accounts(["SUSPENDED"] * 20))
        found = run_one(context_of(tmp_path, aws=aws), "security_hub.suspended")

        assert found.status == Status.WARN
        assert found.detail == (
            "below the targets: 000000000000, 000000000001, 000000000002, possibly more"
        )
        assert aws.names.count("organizations:ListAccounts") == MAX_LISTED / 20
        assert aws.names.count("organizations:ListParents") == MAX_REPORTED == 3
        assert config_of(found) == ("security_hub:", "  managed: true", "  configuration: local")

    def test_suspended_accounts_outside_of_the_targets_are_located_up_to_a_maximum(
        self, tmp_path: Path
    ) -> None:
        def parents(call: FakeCall) -> dict[str, Any]:
            is_unit = call.parameters["ChildId"].startswith("ou-")
            return {"Parents": [{"Id": "r-exam" if is_unit else "ou-else", "Type": "ROOT"}]}

        organization = replace(MINIMAL.organization, targets=("ou-exam-12345678",))
        aws = FakeAws({**self.accounts(["SUSPENDED"] * 50), "organizations:ListParents": parents})
        settings = replace(MINIMAL, organization=organization)
        context = context_of(tmp_path, settings=settings, aws=aws)
        found = run_one(context, "security_hub.suspended")

        assert found.status == Status.PASS
        assert found.detail == "none below the targets; only the first accounts were checked"
        children = [one.parameters["ChildId"] for one in aws.named("organizations:ListParents")]
        assert len([one for one in children if not one.startswith("ou-")]) == MAX_CHECKED == 20

    def test_it_reports_that_not_all_accounts_were_checked(self, tmp_path: Path) -> None:
        context = context_of(tmp_path, self.accounts(["ACTIVE"] * 20))
        found = run_one(context, "security_hub.suspended")

        assert found.status == Status.PASS
        assert found.detail == "none below the targets; only the first accounts were checked"

    def test_a_complete_list_has_no_restriction(self, tmp_path: Path) -> None:
        for count, more in ((0, None), (2, ""), (3, ", possibly more")):
            accounts = [
                *({"Id": f"{number:012}", "State": "SUSPENDED"} for number in range(count)),
                *({**MEMBER, "Id": f"{number:012}"} for number in range(count, MAX_LISTED - 1)),
            ]
            context = context_of(tmp_path, {"organizations:ListAccounts": {"Accounts": accounts}})
            found = run_one(context, "security_hub.suspended")

            ids = ", ".join(f"{number:012}" for number in range(count))
            assert found.detail == (
                "none below the targets" if more is None else f"below the targets: {ids}{more}"
            )
