"""The running sandbox, one for each test file: it lives no longer than the file that uses it."""

import functools
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from sandbox.local import Sandbox
from sandbox.organizations.organization import ROOT_ID, SECURITY
from sandbox.tests.control_policies import ControlPolicies


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        client = functools.cache(running.client)  # creating one takes longer than most tests
        with patch.object(running, "client", client):
            yield running


@pytest.fixture
def delegated(sandbox: Sandbox) -> Iterator[None]:
    """The security account may make organization trails."""
    cloudtrail = sandbox.client("cloudtrail")
    cloudtrail.register_organization_delegated_admin(MemberAccountId=SECURITY.id)
    yield
    cloudtrail.deregister_organization_delegated_admin(DelegatedAdminAccountId=SECURITY.id)


@pytest.fixture(scope="module")
def units(sandbox: Sandbox) -> dict[str, str]:
    """The IDs of the organizational units below the root, by name."""
    listed = sandbox.client("organizations").list_organizational_units_for_parent(ParentId=ROOT_ID)
    return {unit["Name"]: unit["Id"] for unit in listed["OrganizationalUnits"]}


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[ControlPolicies]:
    """Service control policies, detached and deleted after the test."""
    policies = ControlPolicies(sandbox)
    yield policies
    policies.clear()
