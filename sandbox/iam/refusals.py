"""The errors of calls that AWS refuses before the service receives them.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import json
from enum import Enum
from xml.sax.saxutils import escape

FORBIDDEN = 403
REST_XML = frozenset({"cloudfront", "route53"})  # signing names, beside S3's


class ErrorFormat(Enum):
    """The form of an error, which depends on the service's protocol."""

    JSON = "json"
    QUERY = "query"
    S3 = "s3"


class RefusalError(Exception):
    """A call that AWS refuses; the error code depends on the protocol."""

    def __init__(
        self,
        message: str,
        *,
        query_code: str,
        json_code: str | None = None,
        s3_code: str | None = None,
        s3_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.query_code = query_code
        self.json_code = json_code or f"{query_code}Exception"
        self.s3_code = s3_code or query_code
        self.s3_message = s3_message or message

    def response(self, error_format: ErrorFormat) -> tuple[int, dict[str, str], str]:
        """Status, headers and body."""
        if error_format is ErrorFormat.JSON:
            code = self.json_code
            body = json.dumps({"__type": code, "message": self.message})
            headers = {"x-amzn-ErrorType": code, "Content-Type": "application/json"}
            return FORBIDDEN, headers, body
        if error_format is ErrorFormat.S3:
            body = f"<Error>{_elements(self.s3_code, self.s3_message)}</Error>"
            return FORBIDDEN, {"Content-Type": "application/xml"}, body
        error = f"<Type>Sender</Type>{_elements(self.query_code, self.message)}"
        body = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
        return FORBIDDEN, {"Content-Type": "text/xml"}, body


def _elements(code: str, message: str) -> str:
    return f"<Code>{code}</Code><Message>{escape(message)}</Message>"


def error_format(service: str | None, content_type: str, query: str, body: bytes) -> ErrorFormat:
    """Of a request; `service` is its signing name, and None where it is not signed."""
    if "json" in content_type or body.startswith(b"{"):
        return ErrorFormat.JSON
    if "x-www-form-urlencoded" in content_type or "Action=" in query or service in REST_XML:
        return ErrorFormat.QUERY
    return ErrorFormat.S3 if service in (None, "s3") else ErrorFormat.JSON


class AccessDeniedError(RefusalError):
    def __init__(self, message: str) -> None:
        super().__init__(message, query_code="AccessDenied")


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
        super().__init__(message, query_code="ExpiredToken")


class MissingAuthenticationError(RefusalError):
    """S3 treats an unsigned call as anonymous, and the sandbox allows nothing to the public."""

    def __init__(self) -> None:
        super().__init__(
            "Request is missing Authentication Token",
            query_code="MissingAuthenticationToken",
            s3_code="AccessDenied",
            s3_message="Access Denied",
        )


class UnsupportedSignatureError(RefusalError):
    """S3 accepts Signature Version 2 only for buckets created until June 24, 2020.

    https://docs.aws.amazon.com/AmazonS3/latest/API/specify-signature-version.html
    """

    def __init__(self) -> None:
        super().__init__(
            "The authorization mechanism you have provided is not supported. "
            "Please use AWS4-HMAC-SHA256.",
            query_code="InvalidRequest",
        )


class IncompleteSignatureError(RefusalError):
    def __init__(self, message: str) -> None:
        super().__init__(
            message, query_code="IncompleteSignature", s3_code="AuthorizationHeaderMalformed"
        )


class InvalidSignatureError(RefusalError):
    def __init__(self, message: str, s3_code: str = "SignatureDoesNotMatch") -> None:
        super().__init__(
            message,
            query_code="SignatureDoesNotMatch",
            json_code="InvalidSignatureException",
            s3_code=s3_code,
        )
