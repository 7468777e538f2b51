"""The causes of import failures, by the response of AWS, and the action for each cause."""

from botocore import exceptions
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.aws import AwsError
from functions.finding_importer.findings.import_status import (
    FailureAction,
    FailureCause,
    FindingImportFailure,
    assume_role_failure,
    finding_failure,
    import_call_failure,
)
from tests.unit.importer.fakes import client_error

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
