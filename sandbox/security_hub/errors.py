"""The errors that Security Hub's API answers with."""

from moto.core.exceptions import ServiceException


class SecurityHubError(ServiceException):
    """A refused call; `code` is the error's name in the API's model and gives the HTTP status."""


class AccessDeniedError(SecurityHubError):
    code = "AccessDeniedException"


class InvalidAccessError(SecurityHubError):
    code = "InvalidAccessException"


class InvalidInputError(SecurityHubError):
    code = "InvalidInputException"


class LimitExceededError(SecurityHubError):
    code = "LimitExceededException"


class ResourceConflictError(SecurityHubError):
    code = "ResourceConflictException"


class ResourceNotFoundError(SecurityHubError):
    code = "ResourceNotFoundException"
