"""Trails by name and by ARN, and trails of an account that has just become an administrator."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from sandbox.tests.cloudtrail.trail_resources import TrailCreator, create_bucket, trail_arn
from sandbox.tests.resources import code_of, message_of, unique

MEMBER = MEMBERS[0].id
UNKNOWN = "TrailNotFoundException"


@pytest.fixture
def trail(sandbox: Sandbox, delegated: None) -> Iterator[str]:
    """The name of an organization trail that the security account created."""
    del delegated
    creator, name = TrailCreator(sandbox), unique("trail")
    creator(name, create_bucket(sandbox, trail_arn(name)))
    yield name
    creator.remove()


def refusal_of(operation: Any, **parameters: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        operation(**parameters)
    return refused.value


def test_a_delegated_administrator_needs_the_arn_of_a_trail(sandbox: Sandbox, trail: str) -> None:
    cloudtrail = sandbox.client("cloudtrail", SECURITY.id)
    for operation, key in (
        (cloudtrail.get_trail, "Name"),
        (cloudtrail.get_trail_status, "Name"),
        (cloudtrail.start_logging, "Name"),
        (cloudtrail.stop_logging, "Name"),
        (cloudtrail.get_event_selectors, "TrailName"),
        (cloudtrail.delete_trail, "Name"),
    ):
        error = refusal_of(operation, **{key: trail})
        assert code_of(error) == UNKNOWN, operation
        own = trail_arn(trail, SECURITY.id)
        assert f"Unknown trail: {own} for the user: {SECURITY.id}" in message_of(error), operation

    cloudtrail.start_logging(Name=trail_arn(trail))
    assert cloudtrail.get_trail_status(Name=trail_arn(trail))["IsLogging"]


def test_the_owner_may_use_the_name(sandbox: Sandbox, trail: str) -> None:
    found = sandbox.client("cloudtrail", MANAGEMENT.id).get_trail(Name=trail)["Trail"]
    assert found["TrailARN"] == trail_arn(trail)


def test_organization_trails_are_shadows_in_member_accounts(sandbox: Sandbox, trail: str) -> None:
    cases: list[tuple[str, dict[str, Any], bool]] = [
        (MANAGEMENT.id, {}, True),
        (MANAGEMENT.id, {"includeShadowTrails": False}, True),
        (MANAGEMENT.id, {"trailNameList": [trail]}, True),
        (MANAGEMENT.id, {"trailNameList": [trail_arn(trail)]}, True),
        (MANAGEMENT.id, {"trailNameList": ["another"]}, False),
        (SECURITY.id, {}, True),
        (SECURITY.id, {"includeShadowTrails": False}, False),
        (SECURITY.id, {"trailNameList": [trail]}, False),
        (SECURITY.id, {"trailNameList": [trail_arn(trail)]}, True),
        (MEMBER, {}, True),
        (MEMBER, {"includeShadowTrails": False}, False),
        (MEMBER, {"trailNameList": [trail_arn(trail)]}, True),
    ]
    for account, parameters, expected in cases:
        cloudtrail = sandbox.client("cloudtrail", account)
        listed = cloudtrail.describe_trails(**parameters)["trailList"]
        found = trail_arn(trail) in [one["TrailARN"] for one in listed]
        assert found is expected, (account, parameters)


def test_a_description_returns_only_the_trails_that_it_names(sandbox: Sandbox, trail: str) -> None:
    cloudtrail = sandbox.client("cloudtrail")
    name = unique("trail")
    other = create_bucket(sandbox, trail_arn(name))
    cloudtrail.create_trail(Name=name, S3BucketName=other)
    try:
        listed = cloudtrail.describe_trails(trailNameList=[trail_arn(trail)])["trailList"]
        assert [one["Name"] for one in listed] == [trail]
    finally:
        cloudtrail.delete_trail(Name=name)


def test_tags_are_listed_by_arn(sandbox: Sandbox, trail: str) -> None:
    arn = trail_arn(trail)
    tags = [{"Key": "team", "Value": "security"}]
    sandbox.client("cloudtrail").add_tags(ResourceId=arn, TagsList=tags)
    cloudtrail = sandbox.client("cloudtrail", SECURITY.id)

    (listed,) = cloudtrail.list_tags(ResourceIdList=[arn])["ResourceTagList"]

    assert (listed["ResourceId"], listed["TagsList"]) == (arn, tags)
    by_name = refusal_of(cloudtrail.list_tags, ResourceIdList=[trail])
    assert code_of(by_name) == "CloudTrailARNInvalidException"
    unknown = refusal_of(cloudtrail.list_tags, ResourceIdList=[trail_arn("another")])
    assert code_of(unknown) == UNKNOWN
