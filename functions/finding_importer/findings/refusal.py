"""Why Security Hub, or the way to it, did not take a finding: every outcome by its name."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Self

from botocore import exceptions
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError

from ..aws import AwsError


class Remedy(Enum):
    """What helps against a refusal."""

    TIME = "the same call later"
    STAND_IN = "the security account's hub, until the owning account's takes it"
    NONE = "a person"


class Cause(Enum):
    THROTTLED = "throttled"
    SERVICE_FAILED = "the service failed"
    NO_ANSWER = "no answer"
    CREDENTIALS_EXPIRED = "credentials expired"
    UNKNOWN = "an error that the importer does not know"
    NO_TIME_LEFT = "no time left in this invocation"
    ROLE_NOT_ASSUMABLE = "the member role is missing or cannot be assumed yet"
    IMPORT_NOT_ALLOWED = "the member role may not import findings"
    HUB_NOT_ENABLED = "Security Hub is not enabled there"
    REGION_NOT_ENABLED = "the region is not enabled there"
    ACCOUNT_SUSPENDED = "the account is suspended"
    ACCOUNT_GONE = "the account is not in the organization"
    FINDING_INVALID = "the finding is invalid"


_STAND_IN_CAUSES = frozenset(
    {
        Cause.ROLE_NOT_ASSUMABLE,
        Cause.IMPORT_NOT_ALLOWED,
        Cause.HUB_NOT_ENABLED,
        Cause.REGION_NOT_ENABLED,
        Cause.ACCOUNT_SUSPENDED,
        Cause.ACCOUNT_GONE,
    }
)

# https://docs.aws.amazon.com/securityhub/1.0/APIReference/CommonErrors.html and those of each
# operation; what services call throttling, botocore's standard retries list.
_THROTTLES = frozenset(
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
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
# A region that an account has not opted into knows none of its credentials.
_REGION_UNKNOWN = frozenset(
    {
        "InvalidClientTokenId",
        "OptInRequired",
        "RegionDisabledException",
        "SubscriptionRequiredException",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_ITEM_CAUSES = {
    "InvalidAccess": Cause.HUB_NOT_ENABLED,
    "InvalidInput": Cause.FINDING_INVALID,
    "InternalError": Cause.SERVICE_FAILED,
}
_SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    cause: Cause
    detail: str  # the service's own words

    def __str__(self) -> str:
        return f"{self.cause.value}: {self.detail}" if self.detail else self.cause.value

    @property
    def remedy(self) -> Remedy:
        if self.cause is Cause.FINDING_INVALID:
            return Remedy.NONE
        return Remedy.STAND_IN if self.cause in _STAND_IN_CAUSES else Remedy.TIME

    def because(self, cause: Cause) -> Self:
        """The same refusal, its cause known better."""
        return replace(self, cause=cause)


def of_role(error: AwsError) -> Refusal:
    """Why AssumeRole failed."""
    return Refusal(_cause(error, denied=Cause.ROLE_NOT_ASSUMABLE), str(error))


def of_import(error: AwsError) -> Refusal:
    """Why a whole call of BatchImportFindings failed, be it before it was sent."""
    if isinstance(error, ParamValidationError):
        return Refusal(Cause.FINDING_INVALID, str(error))
    return Refusal(_cause(error, denied=Cause.IMPORT_NOT_ALLOWED), str(error))


def of_finding(code: str, message: str) -> Refusal:
    """Why BatchImportFindings left one finding out, by its place in FailedFindings."""
    known = Cause.THROTTLED if code in _THROTTLES else Cause.UNKNOWN
    return Refusal(_ITEM_CAUSES.get(code, known), f"{code}: {message}")


def _cause(error: AwsError, *, denied: Cause) -> Cause:
    if isinstance(error, ClientError):
        return _cause_of_answer(error, denied)
    no_answer = isinstance(error, exceptions.ConnectionError | HTTPClientError)
    return Cause.NO_ANSWER if no_answer else Cause.UNKNOWN


def _cause_of_answer(error: ClientError, denied: Cause) -> Cause:
    code = error.response.get("Error", {}).get("Code", "")
    for codes, cause in (
        (_THROTTLES, Cause.THROTTLED),
        (_EXPIRED, Cause.CREDENTIALS_EXPIRED),
        (_REGION_UNKNOWN, Cause.REGION_NOT_ENABLED),
        (_DENIED, denied),
        ({"InvalidAccessException"}, Cause.HUB_NOT_ENABLED),
        ({"InvalidInputException"}, Cause.FINDING_INVALID),
    ):
        if code in codes:
            return cause
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return Cause.SERVICE_FAILED if status >= _SERVER_ERRORS else Cause.UNKNOWN
