"""The role of a trail for its log group, checked at changes and at each delivery."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.cloudtrail import sign_ins
from sandbox.cloudtrail.trails import UndeliverableEventError
from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, ORGANIZATION_ID, SECURITY
from sandbox.tests.cloudtrail.trail_resources import (
    CLOUDTRAIL,
    WRITE_LOG,
    TrailCreator,
    create_bucket,
    create_log_group,
    log_delivery,
    trail_arn,
)
from sandbox.tests.resources import (
    REGION,
    allow,
    code_of,
    create_role,
    message_of,
    policy,
    service,
    trusting,
    unique,
)

MEMBER = MEMBERS[0].id
ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
STREAMS = [
    f"{prefix}{account}_CloudTrail_{REGION}"
    for prefix in ("", f"{ORGANIZATION_ID}_")
    for account in (SECURITY.id, MANAGEMENT.id)
]
INVALID_ROLE = "InvalidCloudWatchLogsRoleArnException"
INVALID_LOG_GROUP = "InvalidCloudWatchLogsLogGroupArnException"
DENIED_BY_TRUST = (INVALID_ROLE, "Access denied. Check the trust relationships for your role.")
DENIED_BY_PERMISSIONS = (INVALID_ROLE, "Access denied. Check the permissions for your role.")

type Create = Callable[..., Mapping[str, Any]]


@pytest.fixture
def name() -> str:
    return unique("trail")


@pytest.fixture
def create(sandbox: Sandbox, delegated: None, name: str) -> Iterator[Create]:  # noqa: ARG001  made before it
    """Creates an organization trail from the security account."""
    creator = TrailCreator(sandbox)
    yield functools.partial(creator, name, create_bucket(sandbox, trail_arn(name)))
    creator.remove()


@pytest.fixture
def update(sandbox: Sandbox, create: Create, name: str) -> Create:
    """Updates an organization trail that delivers."""
    create(**log_delivery(sandbox))
    return functools.partial(
        sandbox.client("cloudtrail", SECURITY.id).update_trail, Name=trail_arn(name)
    )


@pytest.fixture(params=["create", "update"])
def change(request: pytest.FixtureRequest) -> Create:
    """CreateTrail or UpdateTrail."""
    chosen: Create = request.getfixturevalue(request.param)
    return chosen


def refusal_of(change: Create, **settings: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        change(**settings)
    return code_of(refused.value), message_of(refused.value)


def trust_where(operator: str, key: str, value: str) -> str:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": CLOUDTRAIL}
    return policy({**trust, "Condition": {operator: {key: value}}})


def set_trust(sandbox: Sandbox, role: str, document: str) -> None:
    sandbox.client("iam", SECURITY.id).update_assume_role_policy(
        RoleName=role.rpartition("/")[2], PolicyDocument=document
    )


def sources(name: str) -> list[str]:
    """Trust policies for this trail; CloudTrail sends no source when it assumes a role."""
    return [
        trust_where("StringEquals", "aws:SourceArn", trail_arn(name)),
        trust_where("ArnLike", "aws:SourceArn", trail_arn("*", "*")),
        trust_where("StringEquals", "aws:SourceAccount", MANAGEMENT.id),
        trust_where("StringEquals", "aws:SourceAccount", SECURITY.id),
    ]


def test_a_role_that_cloudtrail_cannot_assume_is_refused(sandbox: Sandbox, change: Create) -> None:
    closed = create_role(sandbox, SECURITY.id, service("events"), WRITE_LOG)

    refusal = refusal_of(change, **log_delivery(sandbox, CloudWatchLogsRoleArn=closed))

    assert refusal == DENIED_BY_TRUST


def test_a_trust_policy_with_a_source_condition_is_refused(
    sandbox: Sandbox, change: Create, name: str
) -> None:
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG)
    delivery = log_delivery(sandbox, CloudWatchLogsRoleArn=role)

    for trust in sources(name):
        set_trust(sandbox, role, trust)
        assert refusal_of(change, **delivery) == DENIED_BY_TRUST

    set_trust(sandbox, role, trusting(CLOUDTRAIL))
    assert change(**delivery)["CloudWatchLogsRoleArn"] == role


def test_a_role_must_have_permission_for_every_stream_of_the_trail(
    sandbox: Sandbox, change: Create
) -> None:
    for action in ACTIONS:
        for stream in STREAMS:
            denied = {**allow(action, f"arn:aws:logs:*:*:log-stream:{stream}"), "Effect": "Deny"}
            role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG, denied)

            refusal = refusal_of(change, **log_delivery(sandbox, CloudWatchLogsRoleArn=role))

            assert refusal == DENIED_BY_PERMISSIONS, (action, stream)


def test_a_role_for_one_log_group_is_refused_for_another(sandbox: Sandbox, change: Create) -> None:
    groups = [create_log_group(sandbox), create_log_group(sandbox)]
    streams = f"{groups[0].removesuffix(':*')}:log-stream:*"
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, allow(ACTIONS, streams))
    own, other = (
        {"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role} for group in groups
    )

    assert refusal_of(change, **other) == DENIED_BY_PERMISSIONS
    assert change(**own)["CloudWatchLogsLogGroupArn"] == groups[0]


def test_a_trail_of_one_account_requires_only_its_own_streams(sandbox: Sandbox) -> None:
    name, create = unique("trail"), TrailCreator(sandbox)
    bucket = create_bucket(sandbox, trail_arn(name, MEMBER), MEMBER)
    streams = f"arn:aws:logs:{REGION}:{MEMBER}:log-group:*:log-stream"
    own, other = (
        create_role(sandbox, MEMBER, CLOUDTRAIL, allow(ACTIONS, f"{streams}:{account}_*"))
        for account in (MEMBER, MANAGEMENT.id)
    )
    make = functools.partial(create, name, bucket, MEMBER, IsOrganizationTrail=False)

    refusal = refusal_of(make, **log_delivery(sandbox, MEMBER, CloudWatchLogsRoleArn=other))
    taken = make(**log_delivery(sandbox, MEMBER, CloudWatchLogsRoleArn=own))
    create.remove()

    assert refusal == DENIED_BY_PERMISSIONS
    assert taken["CloudWatchLogsRoleArn"] == own


def test_a_log_group_outside_the_callers_account_is_refused(
    sandbox: Sandbox, change: Create
) -> None:
    group = create_log_group(sandbox, MANAGEMENT.id)
    alone = log_delivery(sandbox, CloudWatchLogsLogGroupArn=group)
    with_its_role = log_delivery(sandbox, MANAGEMENT.id)

    codes = {refusal_of(change, **one)[0] for one in (alone, with_its_role)}

    assert codes == {INVALID_LOG_GROUP}


def test_a_role_outside_the_log_groups_account_is_refused(sandbox: Sandbox, change: Create) -> None:
    role = create_role(sandbox, MANAGEMENT.id, CLOUDTRAIL, WRITE_LOG)

    code, _ = refusal_of(change, **log_delivery(sandbox, CloudWatchLogsRoleArn=role))

    assert code == INVALID_LOG_GROUP


def test_a_refused_trail_is_not_created(sandbox: Sandbox, create: Create) -> None:
    closed = create_role(sandbox, SECURITY.id, CLOUDTRAIL)

    refusal = refusal_of(create, **log_delivery(sandbox, CloudWatchLogsRoleArn=closed))

    assert refusal == DENIED_BY_PERMISSIONS
    assert sandbox.client("cloudtrail").describe_trails()["trailList"] == []


def test_a_refused_update_changes_nothing(sandbox: Sandbox, update: Create, name: str) -> None:
    cloudtrail = sandbox.client("cloudtrail", SECURITY.id)
    before = cloudtrail.get_trail(Name=trail_arn(name))["Trail"]
    closed = create_role(sandbox, SECURITY.id, CLOUDTRAIL)

    refusals = [
        refusal_of(update, **log_delivery(sandbox, CloudWatchLogsRoleArn=closed)),
        refusal_of(update, S3BucketName=unique("gone")),
        refusal_of(update, S3BucketName=create_bucket(sandbox, None)),
    ]

    assert [code for code, _ in refusals] == [
        INVALID_ROLE,
        "S3BucketDoesNotExistException",
        "InsufficientS3BucketPolicyException",
    ]
    assert cloudtrail.get_trail(Name=trail_arn(name))["Trail"] == before


@pytest.fixture
def delivering(sandbox: Sandbox, create: Create, name: str) -> str:
    """The role of a trail that delivers."""
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG)
    create(**log_delivery(sandbox, CloudWatchLogsRoleArn=role))
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=trail_arn(name))
    sandbox.record(sign_ins.root_without_mfa(MEMBER))
    return role


@pytest.mark.parametrize("permission", ACTIONS)
def test_delivery_fails_when_the_role_loses_a_permission(
    sandbox: Sandbox, delivering: str, permission: str
) -> None:
    left = [action for action in ACTIONS if action != permission]
    sandbox.client("iam", SECURITY.id).put_role_policy(
        RoleName=delivering.rpartition("/")[2], PolicyName="own", PolicyDocument=policy(allow(left))
    )

    with pytest.raises(UndeliverableEventError, match=f"not authorized to perform: {permission}"):
        sandbox.record(sign_ins.root_without_mfa(MEMBER))


def test_delivery_fails_when_the_role_no_longer_trusts_cloudtrail(
    sandbox: Sandbox, delivering: str, name: str
) -> None:
    for trust in (trusting(service("lambda")), *sources(name)):
        set_trust(sandbox, delivering, trust)

        with pytest.raises(UndeliverableEventError, match="no trust policy allows"):
            sandbox.record(sign_ins.root_without_mfa(MEMBER))
