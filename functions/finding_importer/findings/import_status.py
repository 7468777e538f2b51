"""Where a finding is stored, and why an import failed. Every AWS error has a cause."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Self

from botocore import exceptions
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError

from ..aws import AwsError


class FindingLocation(Enum):
    OWNING_ACCOUNT = auto()
    SECURITY_ACCOUNT = auto()  # as a fallback finding
    NOT_IMPORTED = auto()  # to be retried
    DEAD_LETTER_QUEUE = auto()


class FailureAction(Enum):
    RETRY = auto()
    FALLBACK = auto()  # import a fallback finding, and retry
    DEAD_LETTER = auto()


class FailureCause(Enum):
    THROTTLED = "the request was throttled"
    SERVICE_ERROR = "the service returned an internal error"
    NO_RESPONSE = "the service did not respond"
    CREDENTIALS_EXPIRED = "the credentials expired"
    UNKNOWN = "unknown error"
    NO_TIME_LEFT = "not enough time remains in the invocation"
    ROLE_NOT_ASSUMABLE = "the member role does not exist or cannot be assumed"
    IMPORT_DENIED = "the member role is not allowed to import findings"
    HUB_NOT_ENABLED = "Security Hub is not enabled in the account"
    REGION_NOT_ENABLED = "the Region is not enabled in the account"
    ACCOUNT_SUSPENDED = "the account is suspended"
    ACCOUNT_NOT_FOUND = "the account is not in the organization"
    FINDING_INVALID = "the finding is invalid"


_FALLBACK_CAUSES = frozenset(
    {
        FailureCause.ROLE_NOT_ASSUMABLE,
        FailureCause.IMPORT_DENIED,
        FailureCause.HUB_NOT_ENABLED,
        FailureCause.REGION_NOT_ENABLED,
        FailureCause.ACCOUNT_SUSPENDED,
        FailureCause.ACCOUNT_NOT_FOUND,
    }
)

# https://docs.aws.amazon.com/securityhub/1.0/APIReference/CommonErrors.html and the errors of each
# operation. The throttling codes are those of botocore's standard retry mode.
_THROTTLING_CODES = frozenset(
    {
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
# A Region that the account has not enabled rejects the account's credentials.
_REGION_CODES = frozenset(
    {
        "InvalidClientTokenId",
        "OptInRequired",
        "RegionDisabledException",
        "SubscriptionRequiredException",
        "UnrecognizedClientException",
    }
)
_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_FINDING_CAUSES = {
    "InvalidAccess": FailureCause.HUB_NOT_ENABLED,
    "InvalidInput": FailureCause.FINDING_INVALID,
    "InternalError": FailureCause.SERVICE_ERROR,
}
_SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True)
class FindingImportFailure:
    cause: FailureCause
    detail: str  # the service's error message

    def __str__(self) -> str:
        return f"{self.cause.value}: {self.detail}" if self.detail else self.cause.value

    @property
    def action(self) -> FailureAction:
        if self.cause is FailureCause.FINDING_INVALID:
            return FailureAction.DEAD_LETTER
        if self.cause in _FALLBACK_CAUSES:
            return FailureAction.FALLBACK
        return FailureAction.RETRY

    def with_cause(self, cause: FailureCause) -> Self:
        return replace(self, cause=cause)


@dataclass(frozen=True, slots=True)
class ImportStatus:
    location: FindingLocation
    failure: FindingImportFailure | None = None  # of the import into the owning account


def assume_role_failure(error: AwsError) -> FindingImportFailure:
    return FindingImportFailure(_cause(error, denied=FailureCause.ROLE_NOT_ASSUMABLE), str(error))


def import_call_failure(error: AwsError) -> FindingImportFailure:
    """Classify the failure of a whole BatchImportFindings call, or of its local validation."""
    if isinstance(error, ParamValidationError):
        return FindingImportFailure(FailureCause.FINDING_INVALID, str(error))
    return FindingImportFailure(_cause(error, denied=FailureCause.IMPORT_DENIED), str(error))


def finding_failure(code: str, message: str) -> FindingImportFailure:
    """Classify an entry of FailedFindings."""
    throttled = code in _THROTTLING_CODES
    other = FailureCause.THROTTLED if throttled else FailureCause.UNKNOWN
    return FindingImportFailure(_FINDING_CAUSES.get(code, other), f"{code}: {message}")


def _cause(error: AwsError, *, denied: FailureCause) -> FailureCause:
    if isinstance(error, ClientError):
        return _response_cause(error, denied)
    no_response = isinstance(error, exceptions.ConnectionError | HTTPClientError)
    return FailureCause.NO_RESPONSE if no_response else FailureCause.UNKNOWN


def _response_cause(error: ClientError, denied: FailureCause) -> FailureCause:
    code = error.response.get("Error", {}).get("Code", "")
    for codes, cause in (
        (_THROTTLING_CODES, FailureCause.THROTTLED),
        (_EXPIRED_CODES, FailureCause.CREDENTIALS_EXPIRED),
        (_REGION_CODES, FailureCause.REGION_NOT_ENABLED),
        (_DENIED_CODES, denied),
        ({"InvalidAccessException"}, FailureCause.HUB_NOT_ENABLED),
        ({"InvalidInputException"}, FailureCause.FINDING_INVALID),
    ):
        if code in codes:
            return cause
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return FailureCause.SERVICE_ERROR if status >= _SERVER_ERRORS else FailureCause.UNKNOWN
