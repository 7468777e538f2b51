"""AWS Signature Version 4, verified as AWS does: in the Authorization header or in the query.

botocore's signer computes the signature that the request should have. Not supported, and refused:
Signature Version 2, which S3 no longer accepts for new buckets, Signature Version 4A, S3's POST
forms, and bodies in signed chunks, which the SDKs for Python and Go do not send.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from sandbox.iam.refusals import (
    AccessDeniedError,
    IncompleteSignatureError,
    InvalidSignatureError,
    MissingAuthenticationError,
    UnsupportedSignatureError,
)

ALGORITHM = "AWS4-HMAC-SHA256"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
MAX_SKEW = timedelta(minutes=15)
MAX_EXPIRES = timedelta(days=7)
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
UNSIGNED_S3_PAYLOADS = frozenset({UNSIGNED_PAYLOAD, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})

_SCOPE = r"(?P<key_id>\w+)/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request"
_CREDENTIAL = re.compile(_SCOPE, re.ASCII)
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential={_SCOPE}, ?SignedHeaders=(?P<signed_headers>[^\s,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_QUERY_PARAMETERS = ("Credential", "SignedHeaders", "Signature", "Date", "Expires")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    url: str  # as the client sent its path and query
    headers: Mapping[str, str]  # by their names in lower case
    body: bytes

    @property
    def query(self) -> str:
        return self.url.partition("?")[2]


class Scope(NamedTuple):
    """The access key and what the signature is valid for."""

    key_id: str
    date: str
    region: str
    service: str  # its signing name


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    scope: Scope
    signed_headers: tuple[str, ...]
    value: str
    timestamp: str
    token: str | None
    expires: timedelta | None = None  # of a presigned URL

    @property
    def authorization(self) -> str:
        """The header, also where the request has its signature in the query."""
        scope, headers = "/".join(self.scope), ";".join(self.signed_headers)
        return (
            f"{ALGORITHM} Credential={scope}/aws4_request, SignedHeaders={headers}, "
            f"Signature={self.value}"
        )


class _Signer(SigV4Auth):  # type: ignore[misc]  # botocore carries no types
    """Signs the same headers as the client, and the hash in `request.context`."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["payload"])

    def _normalize_url_path(self, path: str) -> str:
        """S3 does not normalize the path, since it contains a key."""
        return path if self._service_name == "s3" else str(super()._normalize_url_path(path))


def read_signature(request: HttpRequest) -> Signature:
    """`MissingAuthenticationError` where the request has none."""
    authorization = request.headers.get("authorization")
    if (authorization or "").startswith("AWS ") or "AWSAccessKeyId=" in request.query:
        raise UnsupportedSignatureError
    if authorization is not None:
        return _from_header(authorization, request.headers)
    if "X-Amz-Signature=" in request.query:
        return _from_query(request.query)
    raise MissingAuthenticationError


def verify(request: HttpRequest, signature: Signature, secret: str) -> None:
    """`InvalidSignatureError` where this secret gives the request another signature."""
    _check_time(signature)
    if "host" not in signature.signed_headers:
        raise IncompleteSignatureError("'Host' must be a 'SignedHeader' in the signature.")
    expected = _sign(request, signature, secret)
    if not hmac.compare_digest(expected.encode(), signature.value.encode()):
        raise InvalidSignatureError(
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details."
        )


def _from_header(authorization: str, headers: Mapping[str, str]) -> Signature:
    found = _AUTHORIZATION.fullmatch(authorization)
    if found is None or "x-amz-date" not in headers:
        raise IncompleteSignatureError(
            f"Authorization: expected {ALGORITHM} with Credential, SignedHeaders and Signature, "
            "and a header X-Amz-Date."
        )
    return Signature(
        scope=Scope(*found.group(*Scope._fields)),
        signed_headers=tuple(found["signed_headers"].split(";")),
        value=found["signature"],
        timestamp=headers["x-amz-date"],
        token=headers.get("x-amz-security-token"),
    )


def _from_query(query: str) -> Signature:
    given = {name: values[0] for name, values in parse_qs(query).items()}
    parameters = [given.get(f"X-Amz-{name}", "") for name in _QUERY_PARAMETERS]
    credential, signed_headers, value, timestamp, seconds = parameters
    found = _CREDENTIAL.fullmatch(credential)
    if found is None or given.get("X-Amz-Algorithm") != ALGORITHM or not seconds.isdecimal():
        raise IncompleteSignatureError(
            f"The query string must have X-Amz-Algorithm={ALGORITHM} and valid values of "
            f"{', '.join(f'X-Amz-{name}' for name in _QUERY_PARAMETERS)}."
        )
    return Signature(
        scope=Scope(*found.group(*Scope._fields)),
        signed_headers=tuple(signed_headers.split(";")),
        value=value,
        timestamp=timestamp,
        token=given.get("X-Amz-Security-Token"),
        expires=timedelta(seconds=int(seconds)),
    )


def _check_time(signature: Signature) -> None:
    """A presigned URL is valid until it expires, any other signature for 15 minutes."""
    try:
        signed = datetime.strptime(signature.timestamp, TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise IncompleteSignatureError(
            f"X-Amz-Date: got {signature.timestamp!r}, expected ISO 8601 as 20260131T235959Z."
        ) from error
    if not signature.timestamp.startswith(signature.scope.date):
        raise InvalidSignatureError("Date in Credential scope does not match YYYYMMDD from Date.")
    now = datetime.now(UTC)
    if signature.expires is not None and signature.expires > MAX_EXPIRES:
        raise IncompleteSignatureError("X-Amz-Expires must be less than a week (in seconds)")
    if signature.expires is not None and now > signed + signature.expires:
        raise AccessDeniedError("Request has expired")
    too_old = signature.expires is None and now - signed > MAX_SKEW
    if too_old or signed - now > MAX_SKEW:
        raise InvalidSignatureError(
            f"Signature expired: {signature.timestamp} is more than {MAX_SKEW} from "
            f"{now.strftime(TIMESTAMP)}.",
            s3_code="RequestTimeTooSkewed",
        )


def _sign(request: HttpRequest, signature: Signature, secret: str) -> str:
    scope = signature.scope
    signer = _Signer(Credentials(scope.key_id, secret), scope.service, scope.region)
    copy = AWSRequest(method=request.method, url=_url_to_sign(request))
    for name in signature.signed_headers:
        if name in request.headers:
            copy.headers[name] = request.headers[name]
    copy.context["timestamp"] = signature.timestamp
    copy.context["payload"] = _payload(request, signature)
    to_sign = signer.string_to_sign(copy, signer.canonical_request(copy))
    signed: Any = signer.signature(to_sign, copy)
    return str(signed)


def _url_to_sign(request: HttpRequest) -> str:
    """Without the signature itself, where the query has it."""
    address, _, query = request.url.partition("?")
    pairs = [pair for pair in query.split("&") if _name(pair) != "X-Amz-Signature"]
    return f"{address}?{'&'.join(pairs)}"


def _name(pair: str) -> str:
    return unquote(pair.partition("=")[0])


def _payload(request: HttpRequest, signature: Signature) -> str:
    """The hash of the body, or what S3 accepts in its place."""
    is_s3 = signature.scope.service == "s3"
    if is_s3 and signature.expires is not None:
        return UNSIGNED_PAYLOAD
    stated = request.headers.get("x-amz-content-sha256")
    if is_s3 and stated in UNSIGNED_S3_PAYLOADS:
        return str(stated)
    actual = hashlib.sha256(request.body).hexdigest()
    if stated not in (None, actual):
        raise InvalidSignatureError(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            s3_code="XAmzContentSHA256Mismatch",
        )
    return actual
