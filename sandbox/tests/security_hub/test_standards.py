"""Security standards that accounts enable, or that their configuration policy decides."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS, SECURITY
from sandbox.tests.resources import code_of

MEMBER = MEMBERS[0].id
CIS = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0"
PCI = "arn:aws:securityhub:us-east-1::standards/pci-dss/v/4.0.1"
SUBSCRIPTION = f"arn:aws:securityhub:us-east-1:{MEMBER}:subscription/pci-dss/v/4.0.1"
POLICY = {
    "SecurityHub": {
        "ServiceEnabled": True,
        "EnabledStandardIdentifiers": [CIS],
        "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []},
    }
}


@pytest.fixture
def hub(sandbox: Sandbox) -> Iterator[Any]:
    hub = sandbox.client("securityhub", MEMBER)
    hub.enable_security_hub(EnableDefaultStandards=False)
    yield hub
    hub.disable_security_hub()


def standards(hub: Any) -> set[str]:
    return {one["StandardsArn"] for one in hub.get_enabled_standards()["StandardsSubscriptions"]}


def enable(hub: Any, arn: str) -> Any:
    return hub.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": arn}])


def test_standards_require_security_hub(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as refused:
        sandbox.client("securityhub", MEMBER).get_enabled_standards()
    assert code_of(refused.value) == "InvalidAccessException"


def test_security_hub_enables_default_standards_unless_declined(sandbox: Sandbox, hub: Any) -> None:
    other = sandbox.client("securityhub", MEMBERS[1].id)
    other.enable_security_hub()

    assert standards(hub) == set()
    assert len(standards(other)) == 2
    assert CIS in standards(other)
    other.disable_security_hub()
    other.enable_security_hub(EnableDefaultStandards=False)
    assert standards(other) == set()
    other.disable_security_hub()


def test_a_standard_is_enabled_until_it_is_disabled(hub: Any) -> None:
    (subscription,) = enable(hub, PCI)["StandardsSubscriptions"]
    arn = subscription["StandardsSubscriptionArn"]

    assert arn == SUBSCRIPTION
    assert standards(hub) == {PCI}
    found = hub.get_enabled_standards(StandardsSubscriptionArns=[arn])
    assert len(found["StandardsSubscriptions"]) == 1
    hub.batch_disable_standards(StandardsSubscriptionArns=[arn])
    assert standards(hub) == set()


def test_unknown_standards_and_subscriptions_are_refused(hub: Any) -> None:
    with pytest.raises(ClientError) as unknown:
        enable(hub, f"{PCI}.x")
    with pytest.raises(ClientError) as unsubscribed:
        hub.batch_disable_standards(StandardsSubscriptionArns=[SUBSCRIPTION])

    assert code_of(unknown.value) == code_of(unsubscribed.value) == "InvalidInputException"


def test_a_configuration_policy_decides_on_standards(sandbox: Sandbox, hub: Any) -> None:
    enable(hub, PCI)
    sandbox.client("securityhub").enable_organization_admin_account(AdminAccountId=SECURITY.id)
    administrator = sandbox.client("securityhub", SECURITY.id)
    administrator.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
    administrator.update_organization_configuration(
        AutoEnable=False,
        AutoEnableStandards="NONE",
        OrganizationConfiguration={"ConfigurationType": "CENTRAL"},
    )
    policy = administrator.create_configuration_policy(Name="baseline", ConfigurationPolicy=POLICY)
    association = {
        "ConfigurationPolicyIdentifier": policy["Id"],
        "Target": {"AccountId": MEMBER},
    }
    administrator.start_configuration_policy_association(**association)
    by_policy = standards(hub)
    with pytest.raises(ClientError) as refused:
        enable(hub, PCI)
    administrator.start_configuration_policy_disassociation(**association)
    administrator.delete_configuration_policy(Identifier=policy["Id"])
    administrator.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "LOCAL"}
    )
    administrator.disassociate_members(AccountIds=[MEMBER])

    assert by_policy == {CIS}
    assert code_of(refused.value) == "AccessDeniedException"
