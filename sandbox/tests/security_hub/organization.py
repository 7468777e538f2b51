"""An organization in moto with the Security Hub of the sandbox."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.organizations.models import FakeAccount, organizations_backends

from sandbox.security_hub import extend

HOME = "eu-central-1"
LINKED = "us-east-1"
MANAGEMENT = "123456789012"  # The account of an access key that moto does not know.
POLICY = {
    "SecurityHub": {
        "ServiceEnabled": True,
        "EnabledStandardIdentifiers": [],
        "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []},
    }
}
_MANAGEMENT_KEYS = ("testing", "testing", "t")
# It reads the models of the services once; moto replaces the default session for each test.
_SESSION = boto3.Session()
_CONFIG = Config(retries={"max_attempts": 1}, ignore_configured_endpoint_urls=True)


@dataclass
class MockedOrganization:
    root: str
    unit: str
    security: str
    member: str
    endpoint: str | None = None
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def organizations(self) -> Any:
        return client("organizations", self.endpoint)

    def hub(self, account: str, region: str = HOME) -> Any:
        """A Security Hub client of an account; moto identifies accounts by access key."""
        if (account, region) not in self.clients:
            keys = _MANAGEMENT_KEYS if account == MANAGEMENT else self._keys(account)
            self.clients[account, region] = client("securityhub", self.endpoint, keys, region)
        return self.clients[account, region]

    def _keys(self, account: str) -> tuple[str, str, str]:
        return role_keys(f"arn:aws:iam::{account}:role/test", self.endpoint)

    def delegate(self) -> Any:
        self.hub(MANAGEMENT).enable_organization_admin_account(AdminAccountId=self.security)
        return self.hub(self.security)

    def auto_enable(self, region: str = HOME) -> Any:
        admin = self.hub(self.security, region)
        admin.update_organization_configuration(AutoEnable=True, AutoEnableStandards="NONE")
        return admin

    def configure_centrally(self, mode: str = "ALL_REGIONS", regions: tuple[str, ...] = ()) -> Any:
        admin = self.delegate()
        linked = {"Regions": list(regions)} if regions else {}
        admin.create_finding_aggregator(RegionLinkingMode=mode, **linked)
        admin.update_organization_configuration(
            AutoEnable=False,
            AutoEnableStandards="NONE",
            OrganizationConfiguration={"ConfigurationType": "CENTRAL"},
        )
        return admin

    def associate(self, target: dict[str, str], content: Any = POLICY) -> str:
        admin = self.hub(self.security)
        policy = admin.create_configuration_policy(
            Name=f"policy-{uuid4()}", ConfigurationPolicy=content
        )
        admin.start_configuration_policy_association(
            ConfigurationPolicyIdentifier=policy["Id"], Target=target
        )
        return str(policy["Id"])

    def create_policy(self, name: str, content: Any = POLICY) -> str:
        policy = self.hub(self.security).create_configuration_policy(
            Name=name, ConfigurationPolicy=content
        )
        return str(policy["Id"])

    def join(self, name: str) -> str:
        return create_account(self.organizations(), name)

    def move(self, account: str, source: str, destination: str) -> None:
        self.organizations().move_account(
            AccountId=account, SourceParentId=source, DestinationParentId=destination
        )

    def leave(self, account: str) -> None:
        self.organizations().remove_account_from_organization(AccountId=account)

    def rejoin(self, account: str) -> None:
        """By an invitation, which moto does not support."""
        backend = organizations_backends[MANAGEMENT]["aws"]
        assert backend.org is not None
        invited = FakeAccount(backend.org, AccountName="invited", Email="invited@example.com")
        invited.id, invited.joined_method = account, "INVITED"
        backend.accounts.append(invited)
        organizations_backends.master_accounts[account] = (MANAGEMENT, "aws")

    def suspend(self, account: str) -> None:
        self.organizations().close_account(AccountId=account)

    def import_finding(self, account: str, region: str = HOME, **changes: Any) -> None:
        answer = self.hub(account, region).batch_import_findings(
            Findings=[finding(account, region, **changes)]
        )
        assert answer["SuccessCount"] == 1

    def seen_by(self, account: str, region: str = HOME) -> set[tuple[str, str]]:
        """Account and Region of each finding that an account sees in a Region."""
        pages = self.hub(account, region).get_paginator("get_findings").paginate()
        return {
            (found["AwsAccountId"], found["Region"]) for page in pages for found in page["Findings"]
        }

    def members(self, region: str = HOME) -> list[str]:
        pages = self.hub(self.security, region).get_paginator("list_members").paginate()
        return [member["AccountId"] for page in pages for member in page["Members"]]

    def is_enabled(self, account: str, region: str = HOME) -> bool:
        hub = self.hub(account, region)
        try:
            hub.describe_hub()
        except hub.exceptions.InvalidAccessException:
            return False
        return True


def role_keys(role: str, endpoint: str | None = None) -> tuple[str, str, str]:
    sts = client("sts", endpoint)
    keys = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]


@functools.cache  # creating a client takes longer than most calls
def client(
    service: str,
    endpoint: str | None,
    keys: tuple[str, str, str] = _MANAGEMENT_KEYS,
    region: str = HOME,
) -> Any:
    return _SESSION.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=keys[2],
        config=_CONFIG,
    )


@contextmanager
def mocked_organization() -> Iterator[MockedOrganization]:
    extend()
    with mock_aws():
        yield build()


def build(endpoint: str | None = None) -> MockedOrganization:
    organizations = client("organizations", endpoint)
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="workloads")
    unit_id = unit["OrganizationalUnit"]["Id"]
    security, member = (create_account(organizations, name) for name in ("security", "member"))
    organizations.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit_id)
    return MockedOrganization(root, unit_id, security, member, endpoint)


def create_account(organizations: Any, name: str) -> str:
    created = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
    return str(created["CreateAccountStatus"]["AccountId"])


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def finding(account: str, region: str = HOME, **changes: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": "finding-1",
        "ProductArn": f"arn:aws:securityhub:{region}:{account}:product/{account}/default",
        "GeneratorId": "generator",
        "AwsAccountId": account,
        "CreatedAt": "2025-01-01T00:00:00Z",
        "UpdatedAt": "2025-01-01T00:00:00Z",
        "Title": "Title",
        "Description": "Description",
        "Resources": [{"Type": "AwsAccount", "Id": f"AWS::::Account:{account}"}],
        "FindingProviderFields": {"Severity": {"Label": "CRITICAL"}, "Types": ["TTPs"]},
    } | changes
