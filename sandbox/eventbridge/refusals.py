"""What EventBridge answers to a request that it does not accept."""

from moto.core.exceptions import JsonRESTError


class EventBridgeError(JsonRESTError):
    """`code` is the exception's name in the API."""

    code = 400

    def __init__(self, error: str, message: str) -> None:
        super().__init__(error, message)


class InvalidRequestError(EventBridgeError):
    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)
