"""Which events a trail records, by its event selectors."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.local import Sandbox
from sandbox.tests.resources import allow, policy, service, unique

READ_ONLY = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}
DATA = {
    "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]
}


@pytest.fixture
def cloudtrail(sandbox: Sandbox) -> Any:
    return sandbox.client("cloudtrail")


@pytest.fixture
def trail(sandbox: Sandbox, cloudtrail: Any) -> Iterator[str]:
    s3, bucket, name = sandbox.client("s3"), unique("bucket"), unique("trail")
    s3.create_bucket(Bucket=bucket)
    principal = {"Principal": service("cloudtrail")}
    statements = [
        allow("s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", **principal),
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*", **principal),
    ]
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(*statements))
    cloudtrail.create_trail(Name=name, S3BucketName=bucket)
    yield name
    cloudtrail.delete_trail(Name=name)


def test_a_new_trail_records_all_management_events(cloudtrail: Any, trail: str) -> None:
    (selector,) = cloudtrail.get_event_selectors(TrailName=trail)["EventSelectors"]

    assert selector["ReadWriteType"] == "All"
    assert selector["IncludeManagementEvents"] is True


def test_basic_and_advanced_selectors_replace_each_other(cloudtrail: Any, trail: str) -> None:
    cloudtrail.put_event_selectors(TrailName=trail, AdvancedEventSelectors=[DATA])
    advanced = cloudtrail.get_event_selectors(TrailName=trail)
    cloudtrail.put_event_selectors(TrailName=trail, EventSelectors=[READ_ONLY])
    basic = cloudtrail.get_event_selectors(TrailName=trail)

    assert not advanced.get("EventSelectors")
    assert advanced["AdvancedEventSelectors"] == [DATA]
    assert basic["EventSelectors"][0]["ReadWriteType"] == "ReadOnly"
    assert not basic.get("AdvancedEventSelectors")
