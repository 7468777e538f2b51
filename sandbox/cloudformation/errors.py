"""The errors of CloudFormation's API."""

from moto.cloudformation.exceptions import CloudFormationError, ValidationError


def invalid(message: str) -> ValidationError:
    return ValidationError(message=message)


def not_allowed(message: str) -> CloudFormationError:
    return CloudFormationError("InvalidOperationException", message)


def no_operation(operation: str) -> CloudFormationError:
    return CloudFormationError("OperationNotFoundException", f"Operation {operation} not found")


def no_instance(account: str, region: str) -> CloudFormationError:
    return CloudFormationError(
        "StackInstanceNotFoundException", f"Stack instance of {account} in {region} not found"
    )
