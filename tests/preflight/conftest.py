"""The running sandbox, one for each test file."""

import functools
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from sandbox.local import Sandbox
from sandbox.organizations.organization import ROOT_ID, SECURITY
from tests.preflight.operators import Operator
from tests.preflight.trails import TrailCreator


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        client = functools.cache(running.client)  # creating one takes longer than most tests
        with patch.object(running, "client", client):
            yield running


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    return Operator(sandbox, tmp_path)


@pytest.fixture
def trails(sandbox: Sandbox) -> Iterator[TrailCreator]:
    """Creates organization trails that Rootwatch did not create."""
    created = TrailCreator(sandbox)
    yield created
    created.remove()


@pytest.fixture
def delegated(sandbox: Sandbox) -> Iterator[None]:
    """The security account is an administrator of CloudTrail."""
    cloudtrail = sandbox.client("cloudtrail")
    cloudtrail.register_organization_delegated_admin(MemberAccountId=SECURITY.id)
    yield
    cloudtrail.deregister_organization_delegated_admin(DelegatedAdminAccountId=SECURITY.id)


@pytest.fixture(scope="module")
def units(sandbox: Sandbox) -> dict[str, str]:
    """The IDs of the organizational units below the root, by name."""
    listed = sandbox.client("organizations").list_organizational_units_for_parent(ParentId=ROOT_ID)
    return {unit["Name"]: unit["Id"] for unit in listed["OrganizationalUnits"]}
