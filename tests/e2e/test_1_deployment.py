"""What `cdktf deploy` leaves in the accounts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.deployment import Deployment
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    ACCOUNTS,
    LOG_ARCHIVE,
    MANAGEMENT,
    ORGANIZATION_ID,
    SECURITY,
    Account,
)
from tests.e2e.observer import IMPORTER, LOG_GROUP, PREFIX

STACKS = ("trail", "detection", "organization", "security_hub")


def test_a_second_deployment_changes_nothing(deployment: Deployment) -> None:
    with ThreadPoolExecutor() as pool:
        changes = dict(zip(STACKS, pool.map(deployment.plan, STACKS), strict=True))

    assert changes == {stack: [] for stack in STACKS}


def test_outputs_name_what_exists(deployment: Deployment, sandbox: Sandbox) -> None:
    trail, detection = deployment.outputs("trail"), deployment.outputs("detection")
    log_archive = sandbox.client("s3", LOG_ARCHIVE.id)
    topics = sandbox.client("sns", SECURITY.id)

    assert log_archive.head_bucket(Bucket=trail["trail_bucket_name"])
    assert topics.get_topic_attributes(TopicArn=detection["high_priority_topic_arn"])
    assert topics.get_topic_attributes(TopicArn=detection["low_priority_topic_arn"])
    assert detection["finding_importer_arn"].endswith(f":function:{IMPORTER}")
    assert trail["trail_log_group_name"] == LOG_GROUP


def test_the_management_account_owns_a_trail_that_logs(sandbox: Sandbox) -> None:
    cloudtrail = sandbox.client("cloudtrail", MANAGEMENT.id)
    (trail,) = cloudtrail.describe_trails()["trailList"]

    assert trail["TrailARN"].split(":")[4] == MANAGEMENT.id
    assert trail["IsOrganizationTrail"]
    assert trail["IsMultiRegionTrail"]
    assert cloudtrail.get_trail_status(Name=trail["TrailARN"])["IsLogging"]


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_every_account_has_the_member_role(
    account: Account, sandbox: Sandbox, deployment: Deployment
) -> None:
    role = deployment.outputs("organization")["member_role_name"]

    assert sandbox.client("iam", account.id).get_role(RoleName=role)["Role"]["RoleName"] == role


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_security_hub_is_on_in_every_account(
    account: Account, sandbox: Sandbox, deployment: Deployment
) -> None:
    del deployment

    assert sandbox.client("securityhub", account.id).describe_hub()["HubArn"]


def test_tags_of_the_config_are_on_the_resources(deployment: Deployment, sandbox: Sandbox) -> None:
    topic = deployment.outputs("detection")["high_priority_topic_arn"]
    tags = sandbox.client("sns", SECURITY.id).list_tags_for_resource(ResourceArn=topic)["Tags"]

    assert {tag["Key"]: tag["Value"] for tag in tags} == {
        "cost-center": "4711",
        "environment": "production",
        "project": PREFIX,
        "rootwatch:deployment": f"{ORGANIZATION_ID}/{PREFIX}",
        "team": "security",
    }
