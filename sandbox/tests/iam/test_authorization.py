"""Authentication and authorization of calls, and their errors."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto.core.utils import utcnow
from moto.iam.utils import generate_access_key_id_from_account_id
from moto.sts.models import sts_backends

from sandbox.iam.identities import account_of
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, MEMBERS, PARTITION, SECURITY
from sandbox.tests.resources import (
    REGION,
    allow,
    client_with,
    code_of,
    create_role,
    create_topic,
    message_of,
    policy,
    session_of,
    trusting,
    unique,
)

MEMBER = MEMBERS[0].id
SECURITY_ROOT = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}
UNKNOWN_KEY = {"aws_access_key_id": "AKIA0000000000000000", "aws_secret_access_key": "secret"}


def session_that_may(sandbox: Sandbox, *statements: Any) -> dict[str, str]:
    role = create_role(sandbox, SECURITY.id, SECURITY_ROOT, *statements)
    return session_of(sandbox, role)


def client_that_may(sandbox: Sandbox, service: str, *statements: Any, region: str = REGION) -> Any:
    return client_with(sandbox, service, session_that_may(sandbox, *statements), region)


def refusal_of(call: Any, **parameters: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value


def assume(sts: Any, role: str) -> Any:
    return sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]


def expire(keys: Mapping[str, str]) -> None:
    sessions = sts_backends[SECURITY.id][PARTITION]
    session = sessions.get_assumed_role_from_access_key(keys["aws_access_key_id"])
    assert session is not None
    session.expiration = utcnow() - timedelta(seconds=1)


PROTOCOLS = [
    ("logs", "describe_log_groups", 1),
    ("sns", "list_topics", 0),
    ("s3", "list_buckets", 2),
]


def test_an_unknown_key_is_refused(sandbox: Sandbox) -> None:
    for service, operation, which in PROTOCOLS:
        client = client_with(sandbox, service, UNKNOWN_KEY)

        error = refusal_of(getattr(client, operation))

        codes = ["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"]
        assert code_of(error) == codes[which], (service, operation, which)


def test_a_wrong_session_token_is_refused(sandbox: Sandbox) -> None:
    for service, operation, which in PROTOCOLS:
        keys = session_that_may(sandbox, allow("*")) | {"aws_session_token": "another"}

        error = refusal_of(getattr(client_with(sandbox, service, keys), operation))

        codes = ["InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken"]
        assert code_of(error) == codes[which], (service, operation, which)


def test_an_expired_session_is_refused(sandbox: Sandbox) -> None:
    for service, operation, which in PROTOCOLS:
        keys = session_that_may(sandbox, allow("*"))
        client = client_with(sandbox, service, keys)
        getattr(client, operation)()

        expire(keys)

        codes = ["ExpiredToken", "ExpiredTokenException", "ExpiredToken"]
        assert code_of(refusal_of(getattr(client, operation))) == codes[which], (
            service,
            operation,
            which,
        )


def test_a_session_of_a_deleted_role_is_refused(sandbox: Sandbox) -> None:
    for service, operation, which in PROTOCOLS:
        role = create_role(sandbox, MEMBER, {"AWS": f"arn:aws:iam::{MEMBER}:root"}, allow("*"))
        client = client_with(sandbox, service, session_of(sandbox, role))
        getattr(client, operation)()
        iam = sandbox.client("iam", MEMBER)
        iam.delete_role_policy(RoleName=role.rpartition("/")[2], PolicyName="own")
        iam.delete_role(RoleName=role.rpartition("/")[2])

        codes = ["InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken"]
        assert code_of(refusal_of(getattr(client, operation))) == codes[which], (
            service,
            operation,
            which,
        )


def test_a_denial_names_the_action_that_no_policy_allows(sandbox: Sandbox) -> None:
    cases: list[tuple[str, str, str, str]] = [
        ("logs", "describe_log_groups", "logs:DescribeLogGroups", "AccessDeniedException"),
        ("lambda", "list_functions", "lambda:ListFunctions", "AccessDeniedException"),
        ("sns", "list_topics", "sns:ListTopics", "AccessDenied"),
        ("iam", "list_roles", "iam:ListRoles", "AccessDenied"),
    ]
    for service, operation, action, code in cases:
        client = client_that_may(sandbox, service, allow("sqs:*"))

        error = refusal_of(getattr(client, operation))

        assert code_of(error) == code, (service, operation, action, code)
        assert f"is not authorized to perform: {action}" in message_of(error), (
            service,
            operation,
            action,
            code,
        )


def test_s3_denies_an_action_that_no_policy_allows(sandbox: Sandbox) -> None:
    client = client_that_may(sandbox, "s3", allow("sqs:*"))

    assert code_of(refusal_of(client.list_buckets)) == "AccessDenied"


def test_get_caller_identity_needs_no_permission(sandbox: Sandbox) -> None:
    sts = client_that_may(sandbox, "sts")

    assert sts.get_caller_identity()["Account"] == SECURITY.id


def test_cloudwatch_actions_have_the_prefix_of_iam_and_not_the_signing_name(
    sandbox: Sandbox,
) -> None:
    allowed = client_that_may(sandbox, "cloudwatch", allow("cloudwatch:DescribeAlarms"))

    assert "MetricAlarms" in allowed.describe_alarms()


def test_a_deny_overrides_an_allow(sandbox: Sandbox) -> None:
    denied = {"Effect": "Deny", "Action": "logs:DescribeLogGroups", "Resource": "*"}
    logs = client_that_may(sandbox, "logs", allow("logs:*"), denied)

    assert code_of(refusal_of(logs.describe_log_groups)) == "AccessDeniedException"
    assert logs.describe_metric_filters()["metricFilters"] == []


def test_a_policy_for_a_topic_allows_this_topic_only(sandbox: Sandbox) -> None:
    own, other = (
        create_topic(
            sandbox,
            SECURITY.id,
            allow(
                "sns:Publish",
                Principal=SECURITY_ROOT,
                Condition={"StringEquals": {"aws:PrincipalArn": "nobody"}},
            ),
        )
        for _ in range(2)
    )
    sns = client_that_may(sandbox, "sns", allow("sns:Publish", own))

    sns.publish(TopicArn=own, Message="hello")

    assert other in message_of(refusal_of(sns.publish, TopicArn=other, Message="hello"))


def test_a_policy_for_log_streams_allows_these_streams_only(sandbox: Sandbox) -> None:
    group = unique("/test/group")
    sandbox.client("logs", SECURITY.id).create_log_group(logGroupName=group)
    streams = f"arn:aws:logs:{REGION}:{SECURITY.id}:log-group:{group}:log-stream:own-*"
    logs = client_that_may(sandbox, "logs", allow("logs:CreateLogStream", streams))

    logs.create_log_stream(logGroupName=group, logStreamName="own-1")

    refused = refusal_of(logs.create_log_stream, logGroupName=group, logStreamName="other")
    assert code_of(refused) == "AccessDeniedException"


def test_a_policy_for_a_resource_does_not_allow_a_call_without_a_resource(
    sandbox: Sandbox,
) -> None:
    groups = f"arn:aws:logs:{REGION}:{SECURITY.id}:log-group:/test/*"
    logs = client_that_may(sandbox, "logs", allow("logs:DescribeLogGroups", groups))

    assert code_of(refusal_of(logs.describe_log_groups)) == "AccessDeniedException"


def test_a_condition_on_the_region_is_evaluated(sandbox: Sandbox) -> None:
    here = {"StringEquals": {"aws:RequestedRegion": REGION}}
    keys = session_that_may(sandbox, allow("logs:DescribeLogGroups", Condition=here))

    client_with(sandbox, "logs", keys).describe_log_groups()

    elsewhere = client_with(sandbox, "logs", keys, "eu-central-1")
    assert code_of(refusal_of(elsewhere.describe_log_groups)) == "AccessDeniedException"


def test_a_role_of_another_account_needs_its_trust_policy_and_the_callers_policy(
    sandbox: Sandbox,
) -> None:
    role = create_role(sandbox, MEMBER, SECURITY_ROOT, allow("sts:*"))
    sts = client_that_may(sandbox, "sts", allow("sts:AssumeRole", role))

    keys = assume(sts, role)

    assert keys["AccessKeyId"].startswith("ASIA")


def test_a_role_is_not_assumed_without_the_callers_policy(
    sandbox: Sandbox,
) -> None:
    role = create_role(sandbox, MEMBER, SECURITY_ROOT)
    sts = client_that_may(sandbox, "sts", allow("sqs:*"))

    error = refusal_of(sts.assume_role, RoleArn=role, RoleSessionName="test")

    assert code_of(error) == "AccessDenied"


def test_a_role_that_trusts_another_account_is_not_assumed(sandbox: Sandbox) -> None:
    role = create_role(sandbox, MEMBER, {"AWS": f"arn:aws:iam::{LOG_ARCHIVE.id}:root"})
    sts = client_that_may(sandbox, "sts", allow("sts:AssumeRole"))

    error = refusal_of(sts.assume_role, RoleArn=role, RoleSessionName="test")

    assert code_of(error) == "AccessDenied"
    assert f"perform: sts:AssumeRole on resource: {role}" in message_of(error)


def test_a_missing_role_gives_the_same_error_as_a_denied_one(sandbox: Sandbox) -> None:
    sts = client_that_may(sandbox, "sts", allow("sts:AssumeRole"))

    gone = f"arn:aws:iam::{MEMBER}:role/{unique('gone')}"

    assert (
        code_of(refusal_of(sts.assume_role, RoleArn=gone, RoleSessionName="test")) == "AccessDenied"
    )


def test_a_trust_policy_can_require_an_organization(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam", MEMBER)
    sts = client_that_may(sandbox, "sts", allow("sts:AssumeRole"))
    name = unique("role")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(SECURITY_ROOT))
    others = json.loads(trusting({"AWS": "*"}))
    others["Statement"][0]["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": "o-another"}}
    arn = role["Role"]["Arn"]
    assume(sts, arn)

    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(others))

    assert (
        code_of(refusal_of(sts.assume_role, RoleArn=arn, RoleSessionName="test")) == "AccessDenied"
    )


def test_a_bucket_of_another_account_needs_its_policy_and_the_callers_policy(
    sandbox: Sandbox,
) -> None:
    owner = sandbox.client("s3", LOG_ARCHIVE.id)
    bucket = unique("bucket")
    owner.create_bucket(Bucket=bucket)
    owner.put_object(Bucket=bucket, Key="key", Body=b"content")
    objects = f"arn:aws:s3:::{bucket}/*"
    reader = client_that_may(sandbox, "s3", allow("s3:GetObject", objects))
    before = code_of(refusal_of(reader.get_object, Bucket=bucket, Key="key"))

    admitted = allow("s3:GetObject", objects, Principal=SECURITY_ROOT)
    owner.put_bucket_policy(Bucket=bucket, Policy=policy(admitted))

    assert before == "AccessDenied"
    assert reader.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_the_sandbox_has_an_administrator_client_for_every_account(sandbox: Sandbox) -> None:
    entered = [
        sandbox.client("sts", account.id).get_caller_identity()["Account"]
        for account in (MANAGEMENT, SECURITY, LOG_ARCHIVE, *MEMBERS)
    ]

    assert entered == [account.id for account in (MANAGEMENT, SECURITY, LOG_ARCHIVE, *MEMBERS)]


@given(number=st.integers(0, 10**12 - 1), prefix=st.sampled_from(["AKIA", "ASIA"]))
def test_an_access_key_id_contains_its_account(number: int, prefix: str) -> None:
    account = f"{number:012}"

    assert account_of(generate_access_key_id_from_account_id(account, prefix)) == account


def test_another_id_contains_no_account_of_the_organization() -> None:
    cases = ["", "AKIA", "AKIAIOSFODNN7EXAMPLE", "mock_access_key", "ÄKIA" * 5]
    for key in cases:
        assert account_of(key) not in {"111111111111", "333333333333"}, key
