"""The preflight's AWS calls: read-only, counted, with one error type for all failures."""

import pytest

from operations.preflight.aws import (
    AccountClient,
    AssumeRoleError,
    InvalidEndpointError,
    NotReadOnlyError,
    ReadError,
)
from tests.unit.operations.fake_aws import (
    MANAGEMENT,
    REGION,
    SECURITY,
    ErrorResponse,
    FakeAws,
    session_of,
)

ROLE = f"arn:aws:iam::{SECURITY}:role/deployer"


def account_of(aws: FakeAws) -> AccountClient:
    return AccountClient(id=MANAGEMENT, region=REGION, clients=aws.clients, credentials={})


def test_other_operations_than_reads_are_rejected() -> None:
    aws = FakeAws()
    account = account_of(aws)

    for service, operation in (
        ("cloudtrail", "RegisterOrganizationDelegatedAdmin"),
        ("s3", "CreateBucket"),
        ("iam", "DeleteRole"),
        ("sqs", "SendMessage"),
        ("securityhub", "BatchGetSecurityControls"),
    ):
        with pytest.raises(NotReadOnlyError, match=f"{service}:{operation}"):
            account.read(service, operation)
        with pytest.raises(NotReadOnlyError):
            list(account.paginate(service, operation, "Items"))
    assert aws.calls == []


def test_pages_are_counted_and_requested_when_needed() -> None:
    aws = FakeAws({"organizations:ListRoots": {"Roots": [{"Id": "r-exam"}], "NextToken": "more"}})
    account = account_of(aws)

    listed = account.paginate("organizations", "ListRoots", "Roots")
    assert account.clients.calls == 0
    assert next(listed) == {"Id": "r-exam"}
    assert account.clients.calls == 1
    next(listed)
    assert account.clients.calls == len(aws.calls) == 2


def test_a_client_is_created_once_for_service_region_and_credentials() -> None:
    clients = FakeAws().clients
    others = [
        clients.client("sts", "eu-west-1", {}),
        clients.client("sqs", REGION, {}),
        clients.client("sts", REGION, {"aws_access_key_id": "A", "aws_secret_access_key": "s"}),
    ]

    assert clients.client("sts", REGION, {}) is clients.client("sts", REGION, {})
    assert all(clients.client("sts", REGION, {}) is not other for other in others)


def test_an_invalid_endpoint_of_one_service_ends_the_preflight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "nonsense")

    with pytest.raises(InvalidEndpointError, match="sqs: Invalid endpoint: nonsense"):
        account_of(FakeAws()).read("sqs", "GetQueueUrl", QueueName="x")


def test_find_returns_none_only_for_the_given_codes() -> None:
    account = account_of(FakeAws({"iam:GetRole": ErrorResponse("NoSuchEntity", status=404)}))

    assert account.find("iam", "GetRole", absent={"NoSuchEntity"}, RoleName="x") is None
    with pytest.raises(ReadError):
        account.find("iam", "GetRole", absent={"NoSuchRole"}, RoleName="x")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "permission"),
    [
        ("iam", "GetRole", {"RoleName": "x"}, "iam:GetRole"),
        ("s3", "HeadBucket", {"Bucket": "xyz"}, "s3:ListBucket"),
        ("securityhub", "DescribeHub", {}, "securityhub:DescribeHub"),
        ("events", "DescribeRule", {"Name": "x"}, "events:DescribeRule"),
    ],
)
def test_an_error_names_permission_account_and_region(
    service: str, operation: str, parameters: dict[str, str], permission: str
) -> None:
    denied = ErrorResponse("AccessDenied", "No.", 403)
    account = account_of(FakeAws({f"{service}:{operation}": denied}))

    with pytest.raises(ReadError) as raised:
        account.read(service, operation, **parameters)
    assert raised.value.permission == permission
    assert str(raised.value).startswith(f"{permission} in {MANAGEMENT}, ")
    assert raised.value.is_denied


def test_only_denied_calls_are_denied() -> None:
    for code, is_denied in {
        "403": True,
        "AccessDenied": True,
        "AccessDeniedException": True,
        "UnauthorizedOperation": True,
        "Throttling": False,
        "404": False,
    }.items():
        error = ReadError(permission="p", account=MANAGEMENT, region=REGION, code=code, text="t")

        assert error.is_denied is is_denied, code


def test_a_long_error_is_shortened() -> None:
    long = ErrorResponse("InternalFailure", "word " * 200, 500)
    account = account_of(FakeAws({"iam:GetRole": long}))

    with pytest.raises(ReadError) as raised:
        account.read("iam", "GetRole", RoleName="x")
    assert raised.value.text == ("word " * 60)


def test_a_role_that_cannot_be_assumed_keeps_the_message_of_aws() -> None:
    denied = ErrorResponse("AccessDenied", "Not you.", 403)
    clients = FakeAws({"sts:AssumeRole": denied}).clients

    with pytest.raises(AssumeRoleError) as raised:
        clients.assume_role(ROLE, "preflight", REGION)
    assert raised.value.response == "Not you."
    assert raised.value.reason == f"the deployment role in account {SECURITY} cannot be assumed"


def test_calls_use_the_session_of_the_assumed_role() -> None:
    aws = FakeAws({"securityhub:DescribeHub": {}})
    account = aws.clients.assume_role(ROLE, "preflight", REGION)
    account.read("securityhub", "DescribeHub", region="eu-west-1")
    account.read("securityhub", "DescribeHub")

    session = session_of(SECURITY)
    keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    assert account.id == SECURITY
    assert list(account.credentials.values()) == [session[key] for key in keys]
    assume, elsewhere, default = aws.calls
    assert assume.parameters == {
        "RoleArn": ROLE,
        "RoleSessionName": "preflight",
        "DurationSeconds": 900,
    }
    assert (elsewhere.account, elsewhere.region) == (SECURITY, "eu-west-1")
    assert (default.account, default.region) == (SECURITY, REGION)
