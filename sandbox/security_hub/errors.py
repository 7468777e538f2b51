"""The errors of Security Hub's API."""

from moto.core.exceptions import ServiceException


class SecurityHubError(ServiceException):
    """`code` is the name of the error in the API's model, which has its HTTP status."""


class HubAccessDeniedError(SecurityHubError):
    code = "AccessDeniedException"


class InvalidAccessError(SecurityHubError):
    code = "InvalidAccessException"


class InvalidInputError(SecurityHubError):
    code = "InvalidInputException"


class LimitExceededError(SecurityHubError):
    code = "LimitExceededException"


class HubConflictError(SecurityHubError):
    code = "ResourceConflictException"


class ResourceNotFoundError(SecurityHubError):
    code = "ResourceNotFoundException"
