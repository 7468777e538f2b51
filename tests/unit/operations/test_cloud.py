"""How the preflight calls AWS: it reads only, counts its calls, and knows what a refusal means."""

import pytest

from operations.preflight.cloud import Account, Cloud, NoReadError
from operations.preflight.errors import CannotEnterError, NoEndpointError, ReadError
from tests.unit.operations.answers import MANAGEMENT, REGION, SECURITY, SESSION, Aws, Refusal

KEYS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
ROLE = f"arn:aws:iam::{SECURITY}:role/deployer"


def account(aws: Aws) -> Account:
    return Account(id=MANAGEMENT, region=REGION, cloud=Cloud(aws.session), credentials={})


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("cloudtrail", "RegisterOrganizationDelegatedAdmin"),
        ("s3", "CreateBucket"),
        ("iam", "DeleteRole"),
        ("sqs", "SendMessage"),
        ("securityhub", "BatchGetSecurityControls"),
    ],
)
def test_what_is_no_read_is_never_called(service: str, operation: str) -> None:
    aws = Aws({})

    with pytest.raises(NoReadError, match=f"{service}:{operation}"):
        account(aws).read(service, operation)
    with pytest.raises(NoReadError):
        list(account(aws).listed(service, operation, "Items"))
    assert aws.asked == []


def test_pages_are_counted_and_asked_for_when_needed() -> None:
    aws = Aws({"organizations:ListRoots": {"Roots": [{"Id": "r-exam"}], "NextToken": "more"}})
    here = account(aws)

    listed = here.listed("organizations", "ListRoots", "Roots")
    assert here.cloud.calls == 0
    assert next(listed) == {"Id": "r-exam"}
    assert here.cloud.calls == 1
    next(listed)
    assert here.cloud.calls == len(aws.asked) == 2


def test_each_client_is_made_once() -> None:
    cloud = Cloud(Aws({}).session)

    assert cloud.client("sts", REGION, {}) is cloud.client("sts", REGION, {})
    assert cloud.client("sts", REGION, {}) is not cloud.client("sts", "eu-west-1", {})


def test_one_services_address_that_is_none_ends_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "nonsense")

    with pytest.raises(NoEndpointError, match="sqs: Invalid endpoint: nonsense"):
        account(Aws({})).read("sqs", "GetQueueUrl", QueueName="x")


def test_what_is_absent_is_none() -> None:
    here = account(Aws({"iam:GetRole": Refusal("NoSuchEntity", status=404)}))

    assert here.find("iam", "GetRole", absent={"NoSuchEntity"}, RoleName="x") is None


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "permission"),
    [
        ("iam", "GetRole", {"RoleName": "x"}, "iam:GetRole"),
        ("s3", "HeadBucket", {"Bucket": "xyz"}, "s3:ListBucket"),
        ("securityhub", "DescribeHub", {}, "securityhub:DescribeHub"),
        ("events", "DescribeRule", {"Name": "x"}, "events:DescribeRule"),
    ],
)
def test_an_error_names_the_permission_the_account_and_the_region(
    service: str, operation: str, parameters: dict[str, str], permission: str
) -> None:
    here = account(Aws({f"{service}:{operation}": Refusal("AccessDenied", "No.", 403)}))

    with pytest.raises(ReadError) as raised:
        here.read(service, operation, **parameters)
    assert raised.value.permission == permission
    assert str(raised.value).startswith(f"{permission} in {MANAGEMENT}, ")
    assert raised.value.is_refusal


def test_a_role_that_cannot_be_assumed_keeps_awss_words() -> None:
    cloud = Cloud(Aws({"sts:AssumeRole": Refusal("AccessDenied", "Not you.", 403)}).session)

    with pytest.raises(CannotEnterError) as raised:
        cloud.enter(ROLE, "preflight", REGION)
    assert raised.value.reason == "Not you."
    assert raised.value.because == f"the account {SECURITY} cannot be entered"


def test_an_entered_account_is_read_with_its_own_session() -> None:
    aws = Aws({})
    entered = Cloud(aws.session).enter(ROLE, "preflight", REGION)

    assert entered.id == SECURITY
    assert set(entered.credentials.values()) == {SESSION[key] for key in KEYS}
