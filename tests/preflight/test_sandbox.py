"""What the preflight reads in the sandbox: standards and event selectors, as AWS has them."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from sandbox.tests.resources import allow, code_of, policy, service, unique

MEMBER = MEMBERS[0].id
CIS = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0"
PCI = "arn:aws:securityhub:us-east-1::standards/pci-dss/v/4.0.1"
READ_ONLY = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}
DATA = {
    "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]
}


def standards(hub: Any) -> set[str]:
    return {one["StandardsArn"] for one in hub.get_enabled_standards()["StandardsSubscriptions"]}


class TestStandards:
    @pytest.fixture
    def hub(self, sandbox: Sandbox) -> Iterator[Any]:
        hub = sandbox.client("securityhub", MEMBER)
        hub.enable_security_hub(EnableDefaultStandards=False)
        yield hub
        hub.disable_security_hub()

    def test_a_hub_that_is_off_has_no_answer(self, sandbox: Sandbox) -> None:
        with pytest.raises(ClientError) as refused:
            sandbox.client("securityhub", MEMBER).get_enabled_standards()
        assert code_of(refused.value) == "InvalidAccessException"

    def test_the_default_ones_come_unless_they_are_declined(
        self, sandbox: Sandbox, hub: Any
    ) -> None:
        other = sandbox.client("securityhub", MEMBERS[1].id)
        other.enable_security_hub()

        assert standards(hub) == set()
        assert len(standards(other)) == 2
        assert CIS in standards(other)
        other.disable_security_hub()
        other.enable_security_hub(EnableDefaultStandards=False)
        assert standards(other) == set()
        other.disable_security_hub()

    def test_one_is_on_from_its_subscription_to_its_end(self, hub: Any) -> None:
        (made,) = hub.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": PCI}])[
            "StandardsSubscriptions"
        ]
        arn = made["StandardsSubscriptionArn"]

        assert arn == f"arn:aws:securityhub:us-east-1:{MEMBER}:subscription/pci-dss/v/4.0.1"
        assert standards(hub) == {PCI}
        found = hub.get_enabled_standards(StandardsSubscriptionArns=[arn])
        assert len(found["StandardsSubscriptions"]) == 1
        hub.batch_disable_standards(StandardsSubscriptionArns=[arn])
        assert standards(hub) == set()

    def test_what_is_not_there_is_refused(self, hub: Any) -> None:
        with pytest.raises(ClientError) as unknown:
            hub.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": f"{PCI}.x"}])
        with pytest.raises(ClientError) as unsubscribed:
            hub.batch_disable_standards(
                StandardsSubscriptionArns=[
                    f"arn:aws:securityhub:us-east-1:{MEMBER}:subscription/pci-dss/v/4.0.1"
                ]
            )

        assert code_of(unknown.value) == code_of(unsubscribed.value) == "InvalidInputException"

    def test_under_a_policy_they_are_the_policys(self, sandbox: Sandbox, hub: Any) -> None:
        hub.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": PCI}])
        sandbox.client("securityhub").enable_organization_admin_account(AdminAccountId=SECURITY.id)
        administrator = sandbox.client("securityhub", SECURITY.id)
        administrator.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")
        administrator.update_organization_configuration(
            AutoEnable=False,
            AutoEnableStandards="NONE",
            OrganizationConfiguration={"ConfigurationType": "CENTRAL"},
        )
        content = {
            "ServiceEnabled": True,
            "EnabledStandardIdentifiers": [CIS],
            "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []},
        }
        made = administrator.create_configuration_policy(
            Name="baseline", ConfigurationPolicy={"SecurityHub": content}
        )
        of_member = {
            "ConfigurationPolicyIdentifier": made["Id"],
            "Target": {"AccountId": MEMBER},
        }
        administrator.start_configuration_policy_association(**of_member)
        under_the_policy = standards(hub)
        with pytest.raises(ClientError) as refused:
            hub.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": PCI}])
        administrator.start_configuration_policy_disassociation(**of_member)
        administrator.delete_configuration_policy(Identifier=made["Id"])
        administrator.update_organization_configuration(
            AutoEnable=False, OrganizationConfiguration={"ConfigurationType": "LOCAL"}
        )
        administrator.disassociate_members(AccountIds=[MEMBER])

        assert under_the_policy == {CIS}
        assert code_of(refused.value) == "AccessDeniedException"


class TestEventSelectors:
    @pytest.fixture
    def trail(self, sandbox: Sandbox) -> Iterator[str]:
        s3, bucket, name = sandbox.client("s3"), unique("bucket"), unique("trail")
        s3.create_bucket(Bucket=bucket)
        cloudtrail = {"Principal": service("cloudtrail")}
        statements = [
            allow("s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", **cloudtrail),
            allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*", **cloudtrail),
        ]
        s3.put_bucket_policy(Bucket=bucket, Policy=policy(*statements))
        sandbox.client("cloudtrail").create_trail(Name=name, S3BucketName=bucket)
        yield name
        sandbox.client("cloudtrail").delete_trail(Name=name)

    def test_a_new_trail_records_all_management_events(self, sandbox: Sandbox, trail: str) -> None:
        found = sandbox.client("cloudtrail", MANAGEMENT.id).get_event_selectors(TrailName=trail)

        (selector,) = found["EventSelectors"]
        assert selector["ReadWriteType"] == "All"
        assert selector["IncludeManagementEvents"] is True

    def test_selectors_of_one_kind_take_the_place_of_the_others(
        self, sandbox: Sandbox, trail: str
    ) -> None:
        client = sandbox.client("cloudtrail")
        client.put_event_selectors(TrailName=trail, AdvancedEventSelectors=[DATA])
        advanced = client.get_event_selectors(TrailName=trail)
        client.put_event_selectors(TrailName=trail, EventSelectors=[READ_ONLY])
        basic = client.get_event_selectors(TrailName=trail)

        assert not advanced.get("EventSelectors")
        assert advanced["AdvancedEventSelectors"] == [DATA]
        assert basic["EventSelectors"][0]["ReadWriteType"] == "ReadOnly"
        assert not basic.get("AdvancedEventSelectors")
