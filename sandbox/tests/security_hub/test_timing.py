"""The organization's data after a delegation, pending associations, and restricted accounts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import api_errors
from sandbox.overrides import applied
from sandbox.security_hub.timing import SYNC_CODES, Timing, timed
from sandbox.tests.resources import policy
from sandbox.tests.security_hub.organization import (
    HOME,
    MockedOrganization,
    code_of,
    mocked_organization,
)

SYNC_SECONDS = 60.0
ASSOCIATION_SECONDS = 30.0
CENTRAL = {"ConfigurationType": "CENTRAL"}
DENIED = {"Effect": "Deny", "Action": "securityhub:*", "Resource": "*"}


@dataclass
class Time:
    now: float = 1000.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def organization(time: Time) -> Iterator[MockedOrganization]:
    slow = Timing(
        sync_seconds=SYNC_SECONDS,
        association_seconds=ASSOCIATION_SECONDS,
        now=lambda: time.now,
    )
    with timed(slow), applied(api_errors.overrides()), mocked_organization() as built:
        yield built


def configure(hub: Any, kind: str = "CENTRAL") -> None:
    hub.update_organization_configuration(
        AutoEnable=False, OrganizationConfiguration={"ConfigurationType": kind}
    )


def refusal(hub: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        configure(hub)
    return refused.value


def delegated(organization: MockedOrganization) -> Any:
    hub = organization.delegate()
    hub.create_finding_aggregator(RegionLinkingMode="NO_REGIONS")
    return hub


def restrict(organization: MockedOrganization, target: str) -> None:
    organizations = organization.organizations()
    created = organizations.create_policy(
        Name="restricted", Description="", Type="SERVICE_CONTROL_POLICY", Content=policy(DENIED)
    )
    identifier = created["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=identifier, TargetId=target)


def status(organization: MockedOrganization, target: dict[str, str]) -> tuple[str, str]:
    answer = organization.hub(organization.security).get_configuration_policy_association(
        Target=target
    )
    return answer["AssociationStatus"], answer.get("AssociationStatusMessage", "")


def test_central_configuration_is_refused_until_the_data_is_synchronized(
    organization: MockedOrganization, time: Time
) -> None:
    hub = delegated(organization)

    codes = []
    for elapsed in (0, SYNC_SECONDS / 2 - 1, SYNC_SECONDS / 2, SYNC_SECONDS - 1):
        time.now = 1000 + elapsed
        codes.append(code_of(refusal(hub)))
    time.now = 1000 + SYNC_SECONDS
    configure(hub)

    assert codes == [SYNC_CODES[0]] * 2 + [SYNC_CODES[1]] * 2
    described = hub.describe_organization_configuration()
    assert described["OrganizationConfiguration"]["ConfigurationType"] == "CENTRAL"


def test_the_message_is_the_one_that_the_provider_retries(
    organization: MockedOrganization,
) -> None:
    error = refusal(delegated(organization)).response["Error"]

    expected = "Central configuration couldn't be enabled because data from organization o-"
    assert str(error["Message"]).startswith(expected)
    assert str(error["Message"]).endswith("is still syncing. Retry later.")


def test_the_errors_can_come_in_the_other_order(time: Time) -> None:
    reversed_codes = (SYNC_CODES[1], SYNC_CODES[0])
    slow = Timing(sync_seconds=60, sync_codes=reversed_codes, now=lambda: time.now)
    with timed(slow), applied(api_errors.overrides()), mocked_organization() as organization:
        hub = delegated(organization)
        assert code_of(refusal(hub)) == "ResourceNotFoundException"
        time.now += 30
        assert code_of(refusal(hub)) == "DataUnavailableException"


def test_local_configuration_needs_no_synchronized_data(organization: MockedOrganization) -> None:
    configure(delegated(organization), "LOCAL")


def centrally_configured(organization: MockedOrganization, time: Time) -> None:
    hub = delegated(organization)
    time.now += SYNC_SECONDS
    configure(hub)


def test_an_association_is_pending_before_it_succeeds(
    organization: MockedOrganization, time: Time
) -> None:
    centrally_configured(organization, time)
    organization.associate({"OrganizationalUnitId": organization.unit})
    target = {"OrganizationalUnitId": organization.unit}

    before = status(organization, target)
    time.now += ASSOCIATION_SECONDS

    assert before == ("PENDING", "")
    assert status(organization, target) == ("SUCCESS", "")


def test_an_association_is_pending_before_it_fails(
    organization: MockedOrganization, time: Time
) -> None:
    centrally_configured(organization, time)
    organization.suspend(organization.member)
    organization.associate({"RootId": organization.root})

    before = status(organization, {"RootId": organization.root})
    time.now += ASSOCIATION_SECONDS

    after, message = status(organization, {"RootId": organization.root})
    assert (before, after) == (("PENDING", ""), "FAILED")
    assert organization.member in message


def test_a_restricted_account_fails_the_association_of_its_unit(
    organization: MockedOrganization, time: Time
) -> None:
    centrally_configured(organization, time)
    restrict(organization, organization.member)
    organization.associate({"RootId": organization.root})
    time.now += ASSOCIATION_SECONDS

    root, message = status(organization, {"RootId": organization.root})
    account, reason = status(organization, {"AccountId": organization.member})

    assert (root, account) == ("FAILED", "FAILED")
    assert organization.member in message
    assert "with an explicit deny in a service control policy" in reason
    assert not organization.is_enabled(organization.member)
    assert organization.is_enabled(organization.security)


def test_an_account_that_is_no_longer_restricted_follows_the_policy(
    organization: MockedOrganization, time: Time
) -> None:
    centrally_configured(organization, time)
    restrict(organization, organization.unit)
    organization.associate({"RootId": organization.root})
    assert not organization.is_enabled(organization.member)
    organizations = organization.organizations()
    root = organization.root

    organization.move(organization.member, organization.unit, root)

    assert organization.is_enabled(organization.member)
    assert organizations.list_roots()["Roots"][0]["Id"] == root


def test_a_restricted_account_cannot_become_a_member(organization: MockedOrganization) -> None:
    hub = organization.delegate()
    restrict(organization, organization.member)

    answer = hub.create_members(AccountDetails=[{"AccountId": organization.member}])

    (refused,) = answer["UnprocessedAccounts"]
    assert refused["AccountId"] == organization.member
    assert "service control policy" in refused["ProcessingResult"]
    assert not organization.is_enabled(organization.member, HOME)
