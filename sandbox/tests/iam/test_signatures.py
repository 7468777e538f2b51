"""A request needs the signature that botocore computes."""

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sandbox.iam import signatures
from sandbox.iam.refusals import (
    AccessDeniedError,
    IncompleteSignatureError,
    InvalidSignatureError,
    MissingAuthenticationError,
    RefusalError,
    UnsupportedSignatureError,
)
from sandbox.iam.signatures import HttpRequest, read_signature, verify
from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY
from sandbox.tests.resources import REGION, allow, code_of, create_role, session_of, unique

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105  the documentation's example
KEY = Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, "token+/=")
ADDRESS = "http://127.0.0.1:5000"
PATH = "/a%20bucket//x/../k%C3%A9y?list-type=2&prefix=a%2Fb&acl&a=2&a=1"
BODY = '{"a": "é"}'.encode()


def request(auth: Any, method: str = "POST", **headers: str) -> HttpRequest:
    """The request of a client that signs with this class of botocore."""
    given = {"Host": "127.0.0.1:5000", "Content-Type": "application/json", **headers}
    signed_body = None if isinstance(auth, SigV4QueryAuth) else BODY
    unsigned = AWSRequest(method, ADDRESS + PATH, headers=given, data=signed_body)
    auth.add_auth(unsigned)
    sent = {name.lower(): str(value) for name, value in unsigned.headers.items()}
    return HttpRequest(method, str(unsigned.url), sent | {"user-agent": "any"}, BODY)


def check(sent: HttpRequest, secret: str = SECRET) -> None:
    verify(sent, read_signature(sent), secret)


SIGNERS: dict[str, Callable[[], Any]] = {
    "header": lambda: SigV4Auth(KEY, "dynamodb", REGION),
    "header of S3": lambda: S3SigV4Auth(KEY, "s3", REGION),
    "query of S3": lambda: S3SigV4QueryAuth(KEY, "s3", REGION, expires=60),
}


def test_a_request_signed_by_botocore_is_accepted_and_any_change_is_refused() -> None:
    for signer, create in SIGNERS.items():
        sent = request(create(), **{"X-Amz-Meta-A_b": "two  é"})
        check(sent)

        changed = [
            replace(sent, method="PUT"),
            replace(sent, url=sent.url.replace("k%C3%A9y", "key")),
            replace(sent, url=sent.url.replace("/x/../", "/")),
            replace(sent, url=sent.url.replace("list-type=2", "list-type=1")),
            replace(sent, url=sent.url.replace("acl", "tagging")),
            replace(sent, headers={**sent.headers, "host": "127.0.0.1:5001"}),
            replace(sent, headers={**sent.headers, "content-type": "text/plain"}),
            replace(sent, headers={**sent.headers, "x-amz-meta-a_b": "three"}),
            replace(sent, headers={n: v for n, v in sent.headers.items() if n != "x-amz-meta-a_b"}),
        ]
        if signer != "query of S3":
            changed.append(replace(sent, body=BODY + b" "))
        if signer == "header":  # only S3 does not normalize the path
            check(changed.pop(2))
        for one in changed:
            assert one != sent, signer
            with pytest.raises(InvalidSignatureError):
                check(one)
        with pytest.raises(InvalidSignatureError):
            check(sent, SECRET.lower())


def test_a_presigned_url_of_another_service_has_no_body() -> None:
    sent = request(SigV4QueryAuth(KEY, "sts", REGION, expires=60), "GET")

    check(replace(sent, body=b""))
    with pytest.raises(InvalidSignatureError):
        check(replace(sent, body=b"another"))


def test_key_and_token_are_read_from_the_header_or_the_query() -> None:
    for signer in SIGNERS.values():
        signature = read_signature(request(signer()))

        assert signature.scope.key_id == KEY.access_key
        assert signature.token == KEY.token
        assert signature.authorization.startswith(f"AWS4-HMAC-SHA256 Credential={KEY.access_key}/")


def test_only_s3_accepts_an_unsigned_body() -> None:
    class Unsigned(S3SigV4Auth):  # type: ignore[misc]  # botocore carries no types
        def payload(self, request: Any) -> str:
            del request
            return "UNSIGNED-PAYLOAD"

    check(replace(request(Unsigned(KEY, "s3", REGION)), body=b"another"))
    with pytest.raises(InvalidSignatureError, match="x-amz-content-sha256"):
        check(request(Unsigned(KEY, "dynamodb", REGION)))


def test_a_malformed_signature_is_refused() -> None:
    sent = request(SIGNERS["header"]())
    authorization = sent.headers["authorization"]
    presigned = request(SIGNERS["query of S3"]())
    bare = {name: value for name, value in sent.headers.items() if name != "authorization"}

    def with_authorization(text: str) -> HttpRequest:
        return replace(sent, headers={**bare, "authorization": text})

    wrong: list[tuple[HttpRequest, type[RefusalError]]] = [
        (replace(sent, headers=bare), MissingAuthenticationError),
        (with_authorization(""), IncompleteSignatureError),
        (with_authorization("Basic eDp5"), IncompleteSignatureError),
        (with_authorization(authorization + ", x"), IncompleteSignatureError),
        (with_authorization(f"{authorization},{authorization}"), IncompleteSignatureError),
        (with_authorization(authorization.replace("host;", "")), IncompleteSignatureError),
        (with_authorization("AWS AKIAIOSFODNN7EXAMPLE:x"), UnsupportedSignatureError),
        (
            replace(sent, headers=bare, url=f"{ADDRESS}/?AWSAccessKeyId=x"),
            UnsupportedSignatureError,
        ),
        (replace(sent, headers={**sent.headers, "x-amz-date": "today"}), IncompleteSignatureError),
        (
            replace(presigned, url=presigned.url.replace("Expires=60", "Expires=x")),
            IncompleteSignatureError,
        ),
        (
            replace(presigned, url=presigned.url.replace("Expires=60", "Expires=604801")),
            IncompleteSignatureError,
        ),
    ]
    for one, error in wrong:
        with pytest.raises(error):
            check(one)


def test_a_signature_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, presigned = request(SIGNERS["header"]()), request(SIGNERS["query of S3"]())
    now = datetime.now(UTC)

    class Clock(datetime):
        offset = timedelta()

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            del tz
            return now + cls.offset

    monkeypatch.setattr(signatures, "datetime", Clock)
    outcomes: list[tuple[HttpRequest, int, type[RefusalError] | None]] = [
        (sent, 14 * 60, None),
        (sent, -14 * 60, None),
        (sent, 16 * 60, InvalidSignatureError),
        (sent, -16 * 60, InvalidSignatureError),
        (presigned, 50, None),
        (presigned, 70, AccessDeniedError),
        (presigned, -16 * 60, InvalidSignatureError),
    ]
    for one, seconds, error in outcomes:
        Clock.offset = timedelta(seconds=seconds)
        if error is None:
            check(one)
            continue
        with pytest.raises(error):
            check(one)


def test_the_date_must_be_that_of_the_credential_scope() -> None:
    sent = request(SIGNERS["header"]())
    date = read_signature(sent).scope.date
    moved = sent.headers["authorization"].replace(f"/{date}/", "/20200101/")

    with pytest.raises(InvalidSignatureError, match="Credential scope"):
        check(replace(sent, headers={**sent.headers, "authorization": moved}))


def test_a_wrong_secret_is_refused_in_the_format_of_the_service(sandbox: Sandbox) -> None:
    keys = {"aws_access_key_id": sandbox.deployer.id, "aws_secret_access_key": SECRET}
    operations = {
        "sqs": ("list_queues", "InvalidSignatureException"),
        "dynamodb": ("list_tables", "InvalidSignatureException"),
        "lambda": ("list_functions", "InvalidSignatureException"),
        "securityhub": ("get_findings", "InvalidSignatureException"),
        "sns": ("list_topics", "SignatureDoesNotMatch"),
        "iam": ("list_roles", "SignatureDoesNotMatch"),
        "s3": ("list_buckets", "SignatureDoesNotMatch"),
    }
    for service, (operation, code) in operations.items():
        client = boto3.client(service, REGION, endpoint_url=sandbox.endpoint, **keys)
        with pytest.raises(ClientError) as refused:
            getattr(client, operation)()

        assert (service, code_of(refused.value)) == (service, code)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def fetch(url: str, body: bytes | None = None, method: str = "GET") -> tuple[int, str]:
    headers = {"Content-Type": "text/plain"}
    call = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  the sandbox's own
    try:
        with urllib.request.urlopen(call, timeout=30) as reply:  # noqa: S310  the sandbox's own
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_presigned_url_has_the_permissions_of_its_signer(sandbox: Sandbox) -> None:
    bucket = unique("bucket")
    sandbox.client("s3", SECURITY.id).create_bucket(Bucket=bucket)
    statement = allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/own/*")
    account = {"AWS": f"arn:aws:iam::{SECURITY.id}:root"}
    keys = session_of(sandbox, create_role(sandbox, SECURITY.id, account, statement))
    options = {"region_name": REGION, "endpoint_url": sandbox.endpoint}
    s3 = boto3.client("s3", config=Config(signature_version="s3v4"), **options, **keys)

    def presigned(method: str, key: str) -> str:
        return str(s3.generate_presigned_url(method, Params={"Bucket": bucket, "Key": key}))

    assert fetch(presigned("put_object", "own/a é"), b"hello", "PUT") == (200, "")
    assert fetch(presigned("get_object", "own/a é")) == (200, "hello")
    refused = {
        presigned("get_object", "other/a"): "AccessDenied",
        presigned("get_object", "own/a").replace("own/a", "own/b"): "SignatureDoesNotMatch",
        presigned("get_object", "own/a").partition("&X-Amz-Signature")[0]: "AccessDenied",
        s3.generate_presigned_url("list_buckets"): "AccessDenied",
        boto3.client(
            "s3", config=Config(signature_version="s3"), **options, **keys
        ).generate_presigned_url("list_buckets"): "InvalidRequest",
    }
    for url, code in refused.items():
        status, text = fetch(url)
        assert (url, status, f"<Code>{code}</Code>" in text) == (url, 403, True)
