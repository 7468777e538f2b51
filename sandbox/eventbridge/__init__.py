"""EventBridge: buses, rules and targets with the checks of AWS, and deliveries."""

from moto.core.exceptions import JsonRESTError


class EventBridgeError(JsonRESTError):
    code = 400

    def __init__(self, error: str, message: str) -> None:
        super().__init__(error, message)


class InvalidRequestError(EventBridgeError):
    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)
