"""Why a finding was not taken: each answer of AWS by its name, and what helps against it."""

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.findings.refusal import (
    Cause,
    Refusal,
    Remedy,
    of_finding,
    of_import,
    of_role,
)
from tests.unit.importer.fakes import client_error

# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html#API_BatchImportFindings_Errors
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
# and the errors that both pages call common.
THROTTLES = [
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
BOTH = [
    *((code, 400, Cause.THROTTLED) for code in THROTTLES),
    ("ExpiredToken", 403, Cause.CREDENTIALS_EXPIRED),
    ("ExpiredTokenException", 400, Cause.CREDENTIALS_EXPIRED),
    ("RequestExpired", 400, Cause.CREDENTIALS_EXPIRED),
    ("InvalidClientTokenId", 403, Cause.REGION_NOT_ENABLED),
    ("OptInRequired", 403, Cause.REGION_NOT_ENABLED),
    ("RegionDisabledException", 403, Cause.REGION_NOT_ENABLED),
    ("SubscriptionRequiredException", 403, Cause.REGION_NOT_ENABLED),
    ("UnrecognizedClientException", 403, Cause.REGION_NOT_ENABLED),
    ("InternalException", 500, Cause.SERVICE_FAILED),
    ("InternalFailure", 500, Cause.SERVICE_FAILED),
    ("ServiceUnavailable", 503, Cause.SERVICE_FAILED),
    ("502", 502, Cause.SERVICE_FAILED),
    ("IncompleteSignature", 400, Cause.UNKNOWN),
    ("MalformedPolicyDocument", 400, Cause.UNKNOWN),
    ("ValidationError", 400, Cause.UNKNOWN),
    ("", 400, Cause.UNKNOWN),
]
DENIALS = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"]


@pytest.mark.parametrize(("code", "status", "cause"), BOTH)
def test_an_answer_has_the_same_cause_from_sts_and_security_hub(
    code: str, status: int, cause: Cause
) -> None:
    error = client_error(code, "Operation", status)

    assert of_role(error) == of_import(error) == Refusal(cause, str(error))


@pytest.mark.parametrize("code", DENIALS)
def test_a_denial_is_of_the_role_or_of_what_the_role_may_do(code: str) -> None:
    error = client_error(code, "Operation", 403)

    assert of_role(error).cause is Cause.ROLE_NOT_ASSUMABLE
    assert of_import(error).cause is Cause.IMPORT_NOT_ALLOWED


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("InvalidAccessException", Cause.HUB_NOT_ENABLED),
        ("InvalidInputException", Cause.FINDING_INVALID),
    ],
)
def test_security_hub_has_answers_of_its_own(code: str, cause: Cause) -> None:
    assert of_import(client_error(code, "BatchImportFindings")).cause is cause


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), Cause.NO_ANSWER),
        (exceptions.ConnectTimeoutError(endpoint_url="https://x"), Cause.NO_ANSWER),
        (exceptions.ReadTimeoutError(endpoint_url="https://x"), Cause.NO_ANSWER),
        (exceptions.ConnectionClosedError(endpoint_url="https://x"), Cause.NO_ANSWER),
        (exceptions.SSLError(endpoint_url="https://x", error="e"), Cause.NO_ANSWER),
        (exceptions.NoCredentialsError(), Cause.UNKNOWN),
        (ResponseParserError("no XML"), Cause.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_answer_is_told_from_one_that_is_not_understood(
    error: exceptions.BotoCoreError, cause: Cause
) -> None:
    assert of_role(error).cause is of_import(error).cause is cause


def test_what_botocore_does_not_send_is_an_invalid_finding_but_no_fault_of_a_role() -> None:
    error = exceptions.ParamValidationError(report="Findings[0].Title")

    assert of_import(error).cause is Cause.FINDING_INVALID
    assert of_role(error).remedy is Remedy.TIME


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("InvalidAccess", Cause.HUB_NOT_ENABLED),
        ("InvalidInput", Cause.FINDING_INVALID),
        ("InternalError", Cause.SERVICE_FAILED),
        *((code, Cause.THROTTLED) for code in THROTTLES),
        ("Other", Cause.UNKNOWN),
    ],
)
def test_each_code_of_a_failed_finding_has_its_cause(code: str, cause: Cause) -> None:
    assert of_finding(code, "words") == Refusal(cause, f"{code}: words")


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        (Cause.THROTTLED, Remedy.TIME),
        (Cause.SERVICE_FAILED, Remedy.TIME),
        (Cause.NO_ANSWER, Remedy.TIME),
        (Cause.CREDENTIALS_EXPIRED, Remedy.TIME),
        (Cause.UNKNOWN, Remedy.TIME),
        (Cause.NO_TIME_LEFT, Remedy.TIME),
        (Cause.ROLE_NOT_ASSUMABLE, Remedy.STAND_IN),
        (Cause.IMPORT_NOT_ALLOWED, Remedy.STAND_IN),
        (Cause.HUB_NOT_ENABLED, Remedy.STAND_IN),
        (Cause.REGION_NOT_ENABLED, Remedy.STAND_IN),
        (Cause.ACCOUNT_SUSPENDED, Remedy.STAND_IN),
        (Cause.ACCOUNT_GONE, Remedy.STAND_IN),
        (Cause.FINDING_INVALID, Remedy.NONE),
    ],
)
def test_each_cause_has_its_remedy(cause: Cause, remedy: Remedy) -> None:
    assert Refusal(cause, "").remedy is remedy


def test_no_cause_is_left_out_above() -> None:
    assert len(Cause) == 13


@given(st.text(), st.integers(300, 599))
def test_any_code_has_a_cause(code: str, status: int) -> None:
    error = client_error(code, "Operation", status)

    assert of_role(error).remedy in Remedy
    assert of_import(error).remedy in Remedy
    assert of_finding(code, "").remedy in Remedy


def test_a_refusal_reads_as_a_reason() -> None:
    assert str(Refusal(Cause.THROTTLED, "slow down")) == "throttled: slow down"
    assert str(Refusal(Cause.NO_TIME_LEFT, "")) == "no time left in this invocation"
    assert Refusal(Cause.UNKNOWN, "x").because(Cause.ACCOUNT_GONE) == Refusal(
        Cause.ACCOUNT_GONE, "x"
    )
