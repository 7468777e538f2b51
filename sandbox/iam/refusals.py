"""What AWS answers to a call that it turns away, before the service looks at it."""

import json
from xml.sax.saxutils import escape


class RefusalError(Exception):
    """A call that AWS turns away; the code of the answer depends on the protocol."""

    def __init__(self, message: str, *, query_code: str, json_code: str, s3_code: str) -> None:
        super().__init__(message)
        self.message = message
        self.query_code = query_code
        self.json_code = json_code
        self.s3_code = s3_code

    def answer(self, *, as_json: bool) -> tuple[int, dict[str, str], str]:
        """Status, headers and body, as services with JSON or with queries send them."""
        if as_json:
            code = self.json_code
            body = json.dumps({"__type": code, "message": self.message})
            return 403, {"x-amzn-ErrorType": code, "Content-Type": "application/json"}, body
        error = f"<Code>{self.query_code}</Code><Message>{escape(self.message)}</Message>"
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
        return 403, {"Content-Type": "text/xml"}, body


class AccessDeniedError(RefusalError):
    def __init__(self, message: str) -> None:
        code = "AccessDenied"
        super().__init__(message, query_code=code, json_code=f"{code}Exception", s3_code=code)


class UnknownCredentialsError(RefusalError):
    def __init__(self, s3_code: str) -> None:
        super().__init__(
            "The security token included in the request is invalid.",
            query_code="InvalidClientTokenId",
            json_code="UnrecognizedClientException",
            s3_code=s3_code,
        )


class ExpiredCredentialsError(RefusalError):
    def __init__(self) -> None:
        message = "The security token included in the request is expired"
        code = "ExpiredToken"
        super().__init__(message, query_code=code, json_code=f"{code}Exception", s3_code=code)
