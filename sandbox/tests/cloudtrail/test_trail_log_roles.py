"""A trail delivers to a log group through a role: looked at before it and at each delivery."""

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
    Creator,
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
USELESS = "InvalidCloudWatchLogsRoleArnException"
FOREIGN = "InvalidCloudWatchLogsLogGroupArnException"
UNTRUSTING = (USELESS, "Access denied. Check the trust relationships for your role.")
FORBIDDEN = (USELESS, "Access denied. Check the permissions for your role.")

type Create = Callable[..., Mapping[str, Any]]


@pytest.fixture
def name() -> str:
    return unique("trail")


@pytest.fixture
def create(sandbox: Sandbox, delegated: None, name: str) -> Iterator[Create]:  # noqa: ARG001  made before it
    """Makes one organization trail from the security account."""
    creator = Creator(sandbox)
    yield functools.partial(creator, name, create_bucket(sandbox, trail_arn(name)))
    creator.remove()


@pytest.fixture
def update(sandbox: Sandbox, create: Create, name: str) -> Create:
    """Changes an organization trail that delivers."""
    create(**log_delivery(sandbox))
    return functools.partial(sandbox.client("cloudtrail", SECURITY.id).update_trail, Name=name)


@pytest.fixture(params=["create", "update"])
def change(request: pytest.FixtureRequest) -> Create:
    """Either of them."""
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
    """Trusts that would admit CloudTrail for this trail, if it said for which one it works."""
    return [
        trust_where("StringEquals", "aws:SourceArn", trail_arn(name)),
        trust_where("ArnLike", "aws:SourceArn", trail_arn("*", "*")),
        trust_where("StringEquals", "aws:SourceAccount", MANAGEMENT.id),
        trust_where("StringEquals", "aws:SourceAccount", SECURITY.id),
    ]


def test_a_role_that_cloudtrail_cannot_assume_is_refused(sandbox: Sandbox, change: Create) -> None:
    closed = create_role(sandbox, SECURITY.id, service("events"), WRITE_LOG)

    refusal = refusal_of(change, **log_delivery(sandbox, CloudWatchLogsRoleArn=closed))

    assert refusal == UNTRUSTING


def test_a_role_that_trusts_cloudtrail_for_a_source_is_refused(
    sandbox: Sandbox, change: Create, name: str
) -> None:
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG)
    delivery = log_delivery(sandbox, CloudWatchLogsRoleArn=role)

    for trust in sources(name):
        set_trust(sandbox, role, trust)
        assert refusal_of(change, **delivery) == UNTRUSTING

    set_trust(sandbox, role, trusting(CLOUDTRAIL))
    assert change(**delivery)["CloudWatchLogsRoleArn"] == role


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_role_that_may_not_write_to_every_stream_of_the_trail_is_refused(
    sandbox: Sandbox, change: Create, action: str, stream: str
) -> None:
    denied = {**allow(action, f"arn:aws:logs:*:*:log-stream:{stream}"), "Effect": "Deny"}
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG, denied)

    refusal = refusal_of(change, **log_delivery(sandbox, CloudWatchLogsRoleArn=role))

    assert refusal == FORBIDDEN


def test_a_role_for_the_streams_of_one_log_group_is_taken_for_no_other(
    sandbox: Sandbox, change: Create
) -> None:
    groups = [create_log_group(sandbox), create_log_group(sandbox)]
    streams = f"{groups[0].removesuffix(':*')}:log-stream:*"
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, allow(ACTIONS, streams))
    own, other = (
        {"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role} for group in groups
    )

    assert refusal_of(change, **other) == FORBIDDEN
    assert change(**own)["CloudWatchLogsLogGroupArn"] == groups[0]


def test_a_trail_of_one_account_needs_the_streams_of_this_account_alone(sandbox: Sandbox) -> None:
    name, create = unique("trail"), Creator(sandbox)
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

    assert refusal == FORBIDDEN
    assert taken["CloudWatchLogsRoleArn"] == own


def test_a_log_group_outside_the_callers_account_is_refused(
    sandbox: Sandbox, change: Create
) -> None:
    group = create_log_group(sandbox, MANAGEMENT.id)
    alone = log_delivery(sandbox, CloudWatchLogsLogGroupArn=group)
    with_its_role = log_delivery(sandbox, MANAGEMENT.id)

    codes = {refusal_of(change, **one)[0] for one in (alone, with_its_role)}

    assert codes == {FOREIGN}


def test_a_role_outside_the_log_groups_account_is_refused(sandbox: Sandbox, change: Create) -> None:
    role = create_role(sandbox, MANAGEMENT.id, CLOUDTRAIL, WRITE_LOG)

    code, _ = refusal_of(change, **log_delivery(sandbox, CloudWatchLogsRoleArn=role))

    assert code == FOREIGN


def test_a_refused_trail_is_not_made(sandbox: Sandbox, create: Create) -> None:
    closed = create_role(sandbox, SECURITY.id, CLOUDTRAIL)

    refusal = refusal_of(create, **log_delivery(sandbox, CloudWatchLogsRoleArn=closed))

    assert refusal == FORBIDDEN
    assert sandbox.client("cloudtrail").describe_trails()["trailList"] == []


def test_a_refused_update_changes_nothing(sandbox: Sandbox, update: Create, name: str) -> None:
    cloudtrail = sandbox.client("cloudtrail", SECURITY.id)
    before = cloudtrail.get_trail(Name=name)["Trail"]
    closed = create_role(sandbox, SECURITY.id, CLOUDTRAIL)

    refusals = [
        refusal_of(update, **log_delivery(sandbox, CloudWatchLogsRoleArn=closed)),
        refusal_of(update, S3BucketName=unique("gone")),
        refusal_of(update, S3BucketName=create_bucket(sandbox, None)),
    ]

    assert [code for code, _ in refusals] == [
        USELESS,
        "S3BucketDoesNotExistException",
        "InsufficientS3BucketPolicyException",
    ]
    assert cloudtrail.get_trail(Name=name)["Trail"] == before


@pytest.fixture
def delivering(sandbox: Sandbox, create: Create, name: str) -> str:
    """The role of a trail that delivers."""
    role = create_role(sandbox, SECURITY.id, CLOUDTRAIL, WRITE_LOG)
    create(**log_delivery(sandbox, CloudWatchLogsRoleArn=role))
    sandbox.client("cloudtrail", SECURITY.id).start_logging(Name=name)
    sandbox.record(sign_ins.root_without_mfa(MEMBER))
    return role


@pytest.mark.parametrize("right", ACTIONS)
def test_a_trail_whose_role_lost_a_right_says_so(
    sandbox: Sandbox, delivering: str, right: str
) -> None:
    left = [action for action in ACTIONS if action != right]
    sandbox.client("iam", SECURITY.id).put_role_policy(
        RoleName=delivering.rpartition("/")[2], PolicyName="own", PolicyDocument=policy(allow(left))
    )

    with pytest.raises(UndeliverableEventError, match=f"not authorized to perform: {right}"):
        sandbox.record(sign_ins.root_without_mfa(MEMBER))


def test_a_trail_whose_role_trusts_cloudtrail_no_longer_says_so(
    sandbox: Sandbox, delivering: str, name: str
) -> None:
    for trust in (trusting(service("lambda")), *sources(name)):
        set_trust(sandbox, delivering, trust)

        with pytest.raises(UndeliverableEventError, match="no trust policy allows"):
            sandbox.record(sign_ins.root_without_mfa(MEMBER))
