"""Security Hub in the organization: central configuration, local configuration, unmanaged."""

from collections.abc import Callable

import pytest

from tests.synth.conftest import Synthesis
from tests.synth.terraform_json import Resource, Stack

MANAGED = ("minimal", "complete", "elsewhere")


def of_security_hub(stack: Stack) -> list[Resource]:
    return [one for one in stack.resources() if one.type.startswith("aws_securityhub_")]


@pytest.mark.parametrize("name", ["one_account", "govcloud"])
def test_an_unmanaged_security_hub_has_no_resources(
    synthesize: Callable[[str], Synthesis], name: str
) -> None:
    synthesis = synthesize(name)

    assert not synthesis.settings.security_hub.managed
    assert of_security_hub(synthesis.stack("security_hub")) == []


@pytest.mark.parametrize("name", MANAGED)
def test_it_is_enabled_in_the_management_account_without_standards(
    synthesize: Callable[[str], Synthesis], name: str
) -> None:
    synthesis = synthesize(name)
    stack = synthesis.stack("security_hub")
    hub = stack.only("aws_securityhub_account")

    assert stack.account(hub) == synthesis.settings.accounts.management
    assert stack.region(hub) == synthesis.settings.home_region
    assert hub["enable_default_standards"] is False


@pytest.mark.parametrize("name", MANAGED)
def test_terraform_ignores_settings_that_a_policy_manages_in_the_management_account(
    synthesize: Callable[[str], Synthesis], name: str
) -> None:
    """AWS rejects UpdateSecurityHubConfiguration in an account with a configuration policy."""
    hub = synthesize(name).stack("security_hub").only("aws_securityhub_account")

    assert set(hub["lifecycle"]["ignore_changes"]) == {
        "enable_default_standards",
        "auto_enable_controls",
        "control_finding_generator",
    }


@pytest.mark.parametrize("name", MANAGED)
def test_the_delegation_depends_on_the_hub_and_the_rest_on_the_delegation(
    synthesize: Callable[[str], Synthesis], name: str
) -> None:
    """Destroyed in reverse: an account with an administrator cannot disable Security Hub."""
    synthesis = synthesize(name)
    stack = synthesis.stack("security_hub")
    delegation = stack.only("aws_securityhub_organization_admin_account")
    hub = stack.only("aws_securityhub_account")
    first = {"aws_securityhub_account", delegation.type}

    assert delegation["admin_account_id"] == synthesis.settings.accounts.security
    assert stack.account(delegation) == synthesis.settings.accounts.management
    assert delegation["depends_on"] == [hub.address]
    for one in of_security_hub(stack):
        if one.type not in first and "policy" not in one.type:
            assert delegation.address in one["depends_on"], one.address


@pytest.mark.parametrize("name", MANAGED)
def test_terraform_waits_up_to_a_day_for_the_configuration_of_aws(
    synthesize: Callable[[str], Synthesis], name: str
) -> None:
    stack = synthesize(name).stack("security_hub")
    configuration = stack.only("aws_securityhub_organization_configuration")

    assert configuration["timeouts"] == dict.fromkeys(("create", "update", "delete"), "24h")


@pytest.mark.parametrize("name", ["minimal", "complete"])
def test_central_configuration_enables_it_in_the_targets(
    synthesize: Callable[[str], Synthesis], name: str
) -> None:
    synthesis = synthesize(name)
    stack = synthesis.stack("security_hub")
    central = stack.only("aws_securityhub_organization_configuration")
    policy = stack.only("aws_securityhub_configuration_policy")
    associations = stack.pointing_to(
        "aws_securityhub_configuration_policy_association", "policy_id", policy
    )
    aggregator = stack.only("aws_securityhub_finding_aggregator")

    assert central["organization_configuration"] == {"configuration_type": "CENTRAL"}
    assert (central["auto_enable"], central["auto_enable_standards"]) == (False, "NONE")
    assert aggregator.address in central["depends_on"]
    assert policy["configuration_policy"] == {
        "service_enabled": True,
        "enabled_standard_arns": [],
        "security_controls_configuration": {"disabled_control_identifiers": []},
    }
    assert policy["depends_on"] == [central.address]
    assert [one["target_id"] for one in associations] == list(
        synthesis.settings.organization.targets
    )
    # A policy can be pending for a day, and the stack set is deployed after it.
    assert [one["timeouts"] for one in associations] == [
        {"create": "10m", "update": "10m"} for _ in associations
    ]


def test_the_aggregator_links_no_regions_all_or_the_listed_ones(
    synthesize: Callable[[str], Synthesis],
) -> None:
    linked = {
        name: synthesize(name).stack("security_hub").only("aws_securityhub_finding_aggregator")
        for name in MANAGED
    }

    assert linked["elsewhere"]["linking_mode"] == "ALL_REGIONS"
    assert "specified_regions" not in linked["elsewhere"].arguments
    assert linked["minimal"]["linking_mode"] == "NO_REGIONS"
    assert linked["complete"]["linking_mode"] == "SPECIFIED_REGIONS"
    assert linked["complete"]["specified_regions"] == ["eu-west-1", "us-west-2"]


def test_one_deployment_can_stop_managing_security_hub(
    synthesize: Callable[[str], Synthesis],
) -> None:
    """Terraform needs the provider of a resource to destroy it."""
    aliases = [
        {provider["alias"] for provider in synthesize(name).stack("security_hub").providers()}
        for name in ("minimal", "govcloud")
    ]

    assert aliases[0] == aliases[1] == {"management", "security"}


def test_local_configuration_enables_it_in_accounts_that_join(
    synthesize: Callable[[str], Synthesis],
) -> None:
    stack = synthesize("elsewhere").stack("security_hub")
    local = stack.only("aws_securityhub_organization_configuration")

    assert (local["auto_enable"], local["auto_enable_standards"]) == (True, "NONE")
    assert local["organization_configuration"] == {"configuration_type": "LOCAL"}
    assert {one.type for one in of_security_hub(stack)} == {
        "aws_securityhub_account",
        "aws_securityhub_finding_aggregator",
        "aws_securityhub_organization_admin_account",
        "aws_securityhub_organization_configuration",
        "aws_securityhub_insight",
    }


@pytest.mark.parametrize("name", MANAGED)
def test_the_insight_groups_active_findings_of_root_sign_ins_without_mfa_by_account(
    synthesize: Callable[[str], Synthesis], name: str
) -> None:
    synthesis = synthesize(name)
    insight = synthesis.stack("security_hub").only("aws_securityhub_insight")

    assert insight["name"].startswith(synthesis.settings.name_prefix)
    assert insight["group_by_attribute"] == "ResourceId"
    assert insight["filters"] == {
        "generator_id": [
            {"comparison": "EQUALS", "value": "rootwatch/root_console_login_without_mfa"}
        ],
        "record_state": [{"comparison": "EQUALS", "value": "ACTIVE"}],
    }
