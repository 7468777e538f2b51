"""Credentials of member roles, and imports into the Security Hub of one account."""

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import exceptions
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError, ParamValidationError
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.aws import (
    AWS_ERRORS,
    AwsError,
    ClientFactory,
    ClientTimeouts,
    Credentials,
    batches,
)
from functions.finding_importer.delivery.security_hub import (
    MemberRoleCredentials,
    SecurityHubImporter,
)
from functions.finding_importer.findings.import_status import (
    FailureAction,
    FailureCause,
    FindingImportFailure,
    assume_role_failure,
    finding_failure,
    import_call_failure,
)
from tests.unit.importer.builders import OWNER, REGION, finding, id_of
from tests.unit.importer.fake_cloud import QUEUE
from tests.unit.importer.fakes import FakeSecurityHub, FakeSts, client_error

START = datetime(2025, 3, 4, tzinfo=UTC)
OTHER = "444455556666"


@dataclass
class WallClock:
    time: datetime = START

    def __call__(self) -> datetime:
        return self.time


def member_roles(sts: FakeSts, clock: WallClock | None = None) -> MemberRoleCredentials:
    sts.now = clock or WallClock()
    return MemberRoleCredentials(sts, "aws", "rootwatch-member", sts.now)


def credentials(roles: MemberRoleCredentials, account: str = OWNER) -> Credentials:
    found = roles.get(account)
    assert isinstance(found, Credentials)
    return found


class TestCredentials:
    def test_the_member_role_is_assumed_in_its_partition(self) -> None:
        sts = FakeSts()

        MemberRoleCredentials(sts, "aws-us-gov", "rootwatch-member").get(OWNER)

        assert sts.calls == [
            {
                "RoleArn": "arn:aws-us-gov:iam::111122223333:role/rootwatch-member",
                "RoleSessionName": "rootwatch-finding-importer",
            }
        ]

    def test_they_are_cached_for_each_account_until_five_minutes_before_they_expire(self) -> None:
        sts, clock = FakeSts(), WallClock()
        roles = member_roles(sts, clock)
        first = credentials(roles)

        clock.time = START + timedelta(minutes=54, seconds=59)
        assert credentials(roles) is first
        assert credentials(roles, OTHER).access_key_id == OTHER
        assert len(sts.calls) == 2

        clock.time = START + timedelta(minutes=55)
        assert credentials(roles).expiration == clock.time + timedelta(hours=1)
        assert len(sts.calls) == 3

    def test_discarded_credentials_are_requested_again(self) -> None:
        sts = FakeSts()
        roles = member_roles(sts)
        for account in (OWNER, OTHER):
            roles.get(account)

        roles.discard(OWNER)
        roles.discard("000000000000")
        for account in (OWNER, OTHER):
            roles.get(account)

        assert [call["RoleArn"].split(":")[4] for call in sts.calls] == [OWNER, OTHER, OWNER]

    def test_an_error_is_a_failure_with_its_cause(self) -> None:
        for error, cause in (
            (client_error("AccessDenied", "AssumeRole", 403), FailureCause.ROLE_NOT_ASSUMABLE),
            (client_error("RegionDisabledException", status=403), FailureCause.REGION_NOT_ENABLED),
            (client_error("Throttling", "AssumeRole"), FailureCause.THROTTLED),
            (ResponseParserError("no XML"), FailureCause.UNKNOWN),
        ):
            roles = member_roles(FakeSts(errors={OWNER: error}))

            assert roles.get(OWNER) == FindingImportFailure(cause, str(error))

    def test_a_failure_is_not_cached(self) -> None:
        sts = FakeSts(errors={OWNER: client_error("AccessDenied")})
        roles = member_roles(sts)
        assert isinstance(roles.get(OWNER), FindingImportFailure)

        sts.errors.clear()

        assert credentials(roles).access_key_id == OWNER

    def test_concurrent_threads_get_the_credentials_of_their_own_account(self) -> None:
        roles = member_roles(FakeSts())
        accounts = [f"{number:012}" for number in range(50)] * 4

        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda one: credentials(roles, one).access_key_id, accounts))

        assert keys == accounts


def asff(event_id: object, **detection_changes: Any) -> dict[str, Any]:
    return finding({"eventID": str(event_id)}, **detection_changes).asff


def causes(failures: dict[str, FindingImportFailure]) -> dict[str, FailureCause]:
    return {id_: failure.cause for id_, failure in failures.items()}


class TestImportFindings:
    def test_findings_are_imported_in_as_few_calls_as_possible(self) -> None:
        hub = FakeSecurityHub(OWNER)

        failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(101)])

        assert failures == {}
        assert [len(batch) for batch in hub.batches] == [100, 1]
        assert len(hub.states) == 101

    def test_a_call_has_at_most_6_mb_of_findings(self) -> None:
        calls: list[int] = []

        class Recorder:
            def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
                calls.append(sum(len(json.dumps(one)) for one in parameters["Findings"]))
                return {"FailedCount": 0, "SuccessCount": 1, "FailedFindings": []}

        findings = [{"Id": f"{number:02}", "Title": "x" * 99_975} for number in range(60)]
        longer = {"Id": "60", "Title": "x" * 99_976}
        for split in (findings, [*findings[1:], longer]):
            SecurityHubImporter(Recorder()).import_findings(split)

        assert calls == [6_000_000, 5_900_000, 100_001]

    def test_a_failed_finding_is_returned_by_its_id_and_affects_no_other(self) -> None:
        for code, cause in (
            ("InvalidAccess", FailureCause.HUB_NOT_ENABLED),
            ("InternalError", FailureCause.SERVICE_ERROR),
        ):
            for position in range(5):
                failed = id_of(OWNER, str(position))
                hub = FakeSecurityHub(OWNER, rejected={failed: code})

                failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(5)])

                assert causes(failures) == {failed: cause}
                assert len(hub.states) == 4

    def test_failures_of_several_calls_are_returned_together(self) -> None:
        failed = [id_of(OWNER, number) for number in ("1", "101")]
        hub = FakeSecurityHub(OWNER, rejected=dict.fromkeys(failed, "InvalidInput"))

        failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(102)])

        assert list(failures) == failed
        assert len(hub.states) == 100

    def test_a_call_that_is_invalid_as_a_whole_fails_its_invalid_findings_only(self) -> None:
        for error in (client_error("InvalidInputException"), ParamValidationError(report="Title")):
            for positions in ([0], [6], [12], [0, 12], [5, 6], list(range(13))):
                invalid = {id_of(OWNER, str(position)) for position in positions}
                client = AllOrNothingHub(FakeSecurityHub(OWNER), invalid, error)

                failures = SecurityHubImporter(client).import_findings([asff(n) for n in range(13)])

                assert causes(failures) == dict.fromkeys(invalid, FailureCause.FINDING_INVALID)
                assert len(client.hub.states) == 13 - len(invalid)
                assert client.calls <= 2 * 13

    def test_any_other_failed_call_fails_its_findings_without_a_retry(self) -> None:
        for error, cause in (
            (client_error("ThrottlingException"), FailureCause.THROTTLED),
            (client_error("InvalidAccessException"), FailureCause.HUB_NOT_ENABLED),
            (client_error("ExpiredTokenException"), FailureCause.CREDENTIALS_EXPIRED),
            (EndpointConnectionError(endpoint_url="https://x"), FailureCause.NO_RESPONSE),
        ):
            hub = FakeSecurityHub(OWNER)
            hub.errors.default = error

            failures = SecurityHubImporter(hub).import_findings([asff("a"), asff("b")])

            assert causes(failures) == dict.fromkeys((id_of(OWNER, "a"), id_of(OWNER, "b")), cause)
            assert hub.call_log == [f"import {OWNER}"]

    def test_a_failed_call_does_not_affect_the_next_call(self) -> None:
        hub = FakeSecurityHub(OWNER)
        hub.errors.next = [client_error("InternalException", "BatchImportFindings", 500)]

        failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(101)])

        assert len(failures) == 100
        assert list(hub.states) == [id_of(OWNER, "100")]

    @pytest.mark.parametrize("response", [{}, {"FailedFindings": [], "FailedCount": 1}])
    def test_a_response_that_does_not_list_each_failure_fails_all_findings(
        self, response: dict[str, Any]
    ) -> None:
        class IncompleteHub:
            def batch_import_findings(self, **_: Any) -> dict[str, Any]:
                return {"ResponseMetadata": {"HTTPStatusCode": 200}, **response}

        failures = SecurityHubImporter(IncompleteHub()).import_findings([asff("a"), asff("b")])

        ids = (id_of(OWNER, "a"), id_of(OWNER, "b"))
        assert causes(failures) == dict.fromkeys(ids, FailureCause.NO_RESPONSE)


@dataclass
class AllOrNothingHub:
    """Fails a call as a whole if any finding is invalid, as for the product of another company."""

    hub: FakeSecurityHub
    invalid: set[str]
    error: Exception
    calls: int = 0

    def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
        self.calls += 1
        if any(one["Id"] in self.invalid for one in parameters["Findings"]):
            raise self.error
        return self.hub.batch_import_findings(**parameters)


# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html#API_BatchImportFindings_Errors
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
# and the common errors of both.
THROTTLING_CODES = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "SlowDown",
    "TransactionInProgressException",
]
COMMON_ERRORS = [
    *((code, 400, FailureCause.THROTTLED) for code in THROTTLING_CODES),
    ("ExpiredToken", 403, FailureCause.CREDENTIALS_EXPIRED),
    ("ExpiredTokenException", 400, FailureCause.CREDENTIALS_EXPIRED),
    ("RequestExpired", 400, FailureCause.CREDENTIALS_EXPIRED),
    ("InvalidClientTokenId", 403, FailureCause.REGION_NOT_ENABLED),
    ("OptInRequired", 403, FailureCause.REGION_NOT_ENABLED),
    ("RegionDisabledException", 403, FailureCause.REGION_NOT_ENABLED),
    ("SubscriptionRequiredException", 403, FailureCause.REGION_NOT_ENABLED),
    ("UnrecognizedClientException", 403, FailureCause.REGION_NOT_ENABLED),
    ("InternalException", 500, FailureCause.SERVICE_ERROR),
    ("InternalFailure", 500, FailureCause.SERVICE_ERROR),
    ("ServiceUnavailable", 503, FailureCause.SERVICE_ERROR),
    ("502", 502, FailureCause.SERVICE_ERROR),
    ("IncompleteSignature", 400, FailureCause.UNKNOWN),
    ("MalformedPolicyDocument", 400, FailureCause.UNKNOWN),
    ("ValidationError", 400, FailureCause.UNKNOWN),
    ("", 400, FailureCause.UNKNOWN),
]
DENIED_CODES = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"]


def test_sts_and_security_hub_have_common_errors() -> None:
    for code, status, cause in COMMON_ERRORS:
        error = client_error(code, "Operation", status)
        failure = FindingImportFailure(cause, str(error))

        assert assume_role_failure(error) == import_call_failure(error) == failure


def test_a_denied_call_is_a_failure_of_the_role_or_of_its_permissions() -> None:
    for code in DENIED_CODES:
        error = client_error(code, "Operation", 403)

        assert assume_role_failure(error).cause is FailureCause.ROLE_NOT_ASSUMABLE
        assert import_call_failure(error).cause is FailureCause.IMPORT_DENIED


def test_security_hub_has_errors_of_its_own() -> None:
    for code, cause in (
        ("InvalidAccessException", FailureCause.HUB_NOT_ENABLED),
        ("InvalidInputException", FailureCause.FINDING_INVALID),
    ):
        assert import_call_failure(client_error(code, "BatchImportFindings")).cause is cause


def test_a_missing_response_differs_from_one_that_cannot_be_parsed() -> None:
    errors: list[tuple[AwsError, FailureCause]] = [
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), FailureCause.NO_RESPONSE),
        (exceptions.ConnectTimeoutError(endpoint_url="https://x"), FailureCause.NO_RESPONSE),
        (exceptions.ReadTimeoutError(endpoint_url="https://x"), FailureCause.NO_RESPONSE),
        (exceptions.ConnectionClosedError(endpoint_url="https://x"), FailureCause.NO_RESPONSE),
        (exceptions.SSLError(endpoint_url="https://x", error="e"), FailureCause.NO_RESPONSE),
        (exceptions.NoCredentialsError(), FailureCause.UNKNOWN),
        (ResponseParserError("no XML"), FailureCause.UNKNOWN),
    ]
    for error, cause in errors:
        assert assume_role_failure(error).cause is import_call_failure(error).cause is cause


def test_a_request_that_botocore_does_not_send_is_an_invalid_finding_but_not_a_role_error() -> None:
    error = exceptions.ParamValidationError(report="Findings[0].Title")

    assert import_call_failure(error).cause is FailureCause.FINDING_INVALID
    assert assume_role_failure(error).action is FailureAction.RETRY


def test_every_code_of_a_failed_finding_has_its_cause() -> None:
    for code, cause in (
        ("InvalidAccess", FailureCause.HUB_NOT_ENABLED),
        ("InvalidInput", FailureCause.FINDING_INVALID),
        ("InternalError", FailureCause.SERVICE_ERROR),
        *((code, FailureCause.THROTTLED) for code in THROTTLING_CODES),
        ("Other", FailureCause.UNKNOWN),
    ):
        assert finding_failure(code, "message") == FindingImportFailure(cause, f"{code}: message")


ACTIONS = {
    FailureCause.THROTTLED: FailureAction.RETRY,
    FailureCause.SERVICE_ERROR: FailureAction.RETRY,
    FailureCause.NO_RESPONSE: FailureAction.RETRY,
    FailureCause.CREDENTIALS_EXPIRED: FailureAction.RETRY,
    FailureCause.UNKNOWN: FailureAction.RETRY,
    FailureCause.NO_TIME_LEFT: FailureAction.RETRY,
    FailureCause.ROLE_NOT_ASSUMABLE: FailureAction.FALLBACK,
    FailureCause.IMPORT_DENIED: FailureAction.FALLBACK,
    FailureCause.HUB_NOT_ENABLED: FailureAction.FALLBACK,
    FailureCause.REGION_NOT_ENABLED: FailureAction.FALLBACK,
    FailureCause.ACCOUNT_SUSPENDED: FailureAction.FALLBACK,
    FailureCause.ACCOUNT_NOT_FOUND: FailureAction.FALLBACK,
    FailureCause.FINDING_INVALID: FailureAction.DEAD_LETTER,
}


def test_every_cause_has_its_action() -> None:
    assert {cause: FindingImportFailure(cause, "").action for cause in FailureCause} == ACTIONS


@given(st.text(), st.integers(300, 599))
def test_an_arbitrary_code_has_an_action(code: str, status: int) -> None:
    error = client_error(code, "Operation", status)

    assert assume_role_failure(error).action in FailureAction
    assert import_call_failure(error).action in FailureAction
    assert finding_failure(code, "").action in FailureAction


def test_a_failure_reads_as_its_cause_and_detail() -> None:
    throttled = FindingImportFailure(FailureCause.THROTTLED, "slow down")

    assert str(throttled) == "the request was throttled: slow down"
    assert (
        str(FindingImportFailure(FailureCause.NO_TIME_LEFT, "")) == FailureCause.NO_TIME_LEFT.value
    )
    assert throttled.with_cause(FailureCause.ACCOUNT_NOT_FOUND) == FindingImportFailure(
        FailureCause.ACCOUNT_NOT_FOUND, "slow down"
    )


TIMEOUTS = ClientTimeouts(connect_seconds=3, read_seconds=8, max_attempts=2)
CREDENTIALS = Credentials("key", "secret", "token", datetime(2025, 1, 1, tzinfo=UTC))
ROLE = {"RoleArn": "arn:aws:iam::111122223333:role/member", "RoleSessionName": "session"}
CALLS: dict[str, Callable[[Any], Any]] = {
    "sts": lambda client: client.assume_role(**ROLE),
    "sns": lambda client: client.publish(TopicArn="arn:aws:sns:a:1:b", Message="m"),
    "securityhub": lambda client: client.batch_import_findings(Findings=[finding().asff]),
    "organizations": lambda client: client.describe_account(AccountId="111122223333"),
    "sqs": lambda client: client.change_message_visibility(
        QueueUrl=QUEUE, ReceiptHandle="handle", VisibilityTimeout=1
    ),
}


class Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture(scope="module")
def clients() -> ClientFactory:
    return ClientFactory(REGION, TIMEOUTS)


def call(clients: ClientFactory, service: str, status: int, body: bytes) -> None:
    """Call the service, which a proxy answers instead of AWS."""

    def respond(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, status, {}, Body(body))

    client = clients.client(service, credentials=CREDENTIALS)
    client.meta.events.register("before-send", respond)
    CALLS[service](client)


def test_a_client_has_the_region_the_timeouts_and_the_credentials(clients: ClientFactory) -> None:
    client = clients.client("securityhub", credentials=CREDENTIALS)
    signer: Any = client._request_signer  # noqa: SLF001  # Signs the requests.

    assert client.meta.region_name == REGION
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (3, 8)
    assert client.meta.config.retries["total_max_attempts"] == 2
    assert signer._credentials.access_key == "key"  # noqa: SLF001


def test_a_client_can_have_its_own_timeouts(clients: ClientFactory) -> None:
    timeouts = ClientTimeouts(connect_seconds=1, read_seconds=2, max_attempts=1)
    client = clients.client("organizations", timeouts=timeouts)

    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (1, 2)


def test_the_representation_of_credentials_has_no_secrets() -> None:
    text = repr(CREDENTIALS)

    assert "secret" not in text.replace("secret_access_key", "")
    assert "token" not in text
    assert "access_key_id='key'" in text


@pytest.mark.parametrize("service", CALLS)
def test_an_error_status_of_a_proxy_raises_an_aws_error(
    clients: ClientFactory, service: str
) -> None:
    for status in (301, 404, 413):
        with pytest.raises(AWS_ERRORS):
            call(clients, service, status, b"<html>no XML")


@pytest.mark.parametrize("service", ["sts", "sns"])
def test_a_success_status_without_xml_raises_an_aws_error(
    clients: ClientFactory, service: str
) -> None:
    for body in (b"", b"<html>", b'{"json": true}'):
        with pytest.raises(AWS_ERRORS):
            call(clients, service, 200, body)


def padded(number: int, padding: int = 0) -> dict[str, Any]:
    return {"Id": str(number), "Title": "x" * padding}


class TestBatches:
    @given(st.lists(st.integers(0, 240_000), max_size=30), st.integers(0, 250))
    def test_they_keep_every_item_in_order_and_respect_the_limits(
        self, sizes: list[int], small: int
    ) -> None:
        items = [padded(i, size) for i, size in enumerate([*sizes, *[0] * small])]

        split = list(batches(items, 100, 6_000_000))

        assert [one for batch in split for one in batch] == items
        assert all(1 <= len(batch) <= 100 for batch in split)
        assert all(sum(len(json.dumps(one)) for one in batch) <= 6_000_000 for batch in split)

    def test_they_are_as_large_as_possible(self) -> None:
        for count, padding, lengths in (
            (0, 0, []),
            (100, 0, [100]),
            (101, 0, [100, 1]),
            (30, 239_000, [25, 5]),
        ):
            split = batches([padded(i, padding) for i in range(count)], 100, 6_000_000)

            assert [len(batch) for batch in split] == lengths

    def test_the_byte_limit_is_inclusive(self) -> None:
        item = padded(1)
        size = len(json.dumps(item))

        assert len(list(batches([item, item], 100, 2 * size))) == 1
        assert len(list(batches([item, item], 100, 2 * size - 1))) == 2

    def test_an_item_that_exceeds_the_limit_is_a_batch_of_its_own(self) -> None:
        small, large = padded(1), padded(2, 1_000)

        assert list(batches([small, large, small], 100, 500)) == [[small], [large], [small]]
