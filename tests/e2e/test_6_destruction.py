"""`cdktf destroy` leaves nothing, but for the log files, which it refuses to take with it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from demo.deployment import Deployment, DeploymentError
from demo.screen import Progress
from sandbox.local import REGION, Sandbox
from sandbox.organizations.organization import ACCOUNTS, LOG_ARCHIVE, SECURITY
from tests.e2e.observer import PREFIX
from tests.e2e.remaining_resources import names_in, of_the_organization


@pytest.mark.parametrize("stack", ["trail", "detection"])
def test_terraform_refuses_to_destroy_a_protected_deployment(
    stack: str, deployment: Deployment
) -> None:
    with pytest.raises(DeploymentError, match="Instance cannot be destroyed"):
        deployment.plan(stack, "-destroy")


@pytest.fixture(scope="module")
def destroyed(
    sandbox: Sandbox, deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Deployment:
    """As docs/operating.md says: remove the protection, empty the bucket, then destroy."""
    config = tmp_path_factory.mktemp("unprotected") / "rootwatch.yaml"
    protected = yaml.safe_load(deployment.config.read_text("utf-8"))
    config.write_text(yaml.safe_dump({**protected, "protect": False}), "utf-8")
    unprotected = replace(deployment, config=config)
    unprotected.deploy(Progress())
    bucket = deployment.outputs("trail")["trail_bucket_name"]
    _empty(sandbox.client("s3", LOG_ARCHIVE.id), bucket)
    unprotected.destroy(Progress())
    return unprotected


@pytest.mark.parametrize("stack", ["security_hub", "organization", "trail", "detection"])
def test_terraform_has_nothing_left(stack: str, destroyed: Deployment) -> None:
    assert destroyed.resources(stack) == []


@pytest.mark.usefixtures("destroyed")
@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_no_account_has_anything_left(account: Any, sandbox: Sandbox) -> None:
    assert names_in(sandbox, account.id, REGION, PREFIX) == []


@pytest.mark.usefixtures("destroyed")
def test_the_organization_has_nothing_left(sandbox: Sandbox) -> None:
    assert of_the_organization(sandbox, SECURITY.id, REGION) == []


@pytest.mark.usefixtures("destroyed")
def test_keys_wait_for_their_deletion(sandbox: Sandbox) -> None:
    for account in (LOG_ARCHIVE.id, SECURITY.id):
        kms = sandbox.client("kms", account)
        keys = [key["KeyId"] for key in kms.list_keys()["Keys"]]
        states = {kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys}

        assert states == {"PendingDeletion"}


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
