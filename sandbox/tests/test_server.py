"""The server refuses other users and web pages, and the client of its control paths works."""

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.aws_lambda.runtime_api import Invocation, RuntimeApi
from sandbox.client import (
    CONFIRMATIONS,
    EVENTS,
    MAILS,
    SIGN_INS,
    TOKEN_HEADER,
    TOKEN_VARIABLE,
    Client,
    SandboxError,
)
from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS
from sandbox.tests.resources import REGION, create_role, service, zipped

TIMES = 20
PAGE = "https://attacker.example"
GET_CALLER_IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Reply:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()


def ask(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """As any program on the machine can."""
    connection = http.client.HTTPConnection(urlsplit(sandbox.endpoint).netloc, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        return Reply(connection.getresponse())
    finally:
        connection.close()


def signed(
    sandbox: Sandbox, method: str, path: str, body: bytes, headers: Mapping[str, str], name: str
) -> dict[str, str]:
    """The headers, with the deployer's signature for the service of this name."""
    request = AWSRequest(method, sandbox.endpoint + path, headers=dict(headers), data=body)
    key = Credentials(sandbox.deployer.id, sandbox.deployer.secret)
    SigV4Auth(key, name, REGION).add_auth(request)
    return dict(request.headers.items())


def identity_request(sandbox: Sandbox) -> dict[str, str]:
    return signed(sandbox, "POST", "/", GET_CALLER_IDENTITY, FORM, "sts")


def test_a_signed_call_is_executed(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", "/", GET_CALLER_IDENTITY, identity_request(sandbox))

    assert reply.status == 200
    assert f"<Account>{MANAGEMENT.id}</Account>" in reply.text


def test_header_values_are_signed_in_utf_8(sandbox: Sandbox) -> None:
    with _connected(sandbox) as connection:
        headers = {**FORM, "X-Amz-Meta-Name": "é"}
        call = signed(sandbox, "POST", "/", GET_CALLER_IDENTITY, headers, "sts")
        connection.sendall(_head(sandbox, call) + GET_CALLER_IDENTITY)

        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_unsigned_call_of_s3_is_denied(sandbox: Sandbox) -> None:
    denied = ask(sandbox, "GET", "/bucket/key")
    expected = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    with _connected(sandbox) as connection:
        host = urlsplit(sandbox.endpoint).netloc
        connection.sendall(f"HEAD /bucket/key HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert (denied.status, denied.text) == (403, expected)
    assert head.startswith(b"HTTP/1.1 403 ")
    assert head.endswith(b"\r\n\r\n")


def test_motos_own_paths_are_not_available(sandbox: Sandbox) -> None:
    bucket = sandbox.client("s3").create_bucket(Bucket="survivor")["Location"]
    paths = (
        ("GET", "/moto-api/"),
        ("GET", "/moto-api/data.json"),
        ("GET", "//x/moto-api/data.json"),
        ("GET", "/%6doto-api/data.json"),
        ("POST", "/moto-api/reset"),
        ("POST", "/moto-api/reset-auth"),
        ("POST", "/moto-api/config"),
        ("GET", "/latest/meta-data/iam/security-credentials/"),
    )
    for method, path in paths:
        for headers in ({}, signed(sandbox, method, path, b"0", {}, "s3")):
            reply = ask(sandbox, method, path, b"0", headers)

            assert reply.status in (403, 404), (path, reply.text)
            assert sandbox.deployer.secret not in reply.text
    assert [one["Name"] for one in sandbox.client("s3").list_buckets()["Buckets"]] == [bucket[1:]]


def test_a_request_for_another_host_is_refused(sandbox: Sandbox) -> None:
    """A web page can change its domain's address to 127.0.0.1 and read the response."""
    port = urlsplit(sandbox.endpoint).port
    token = {TOKEN_HEADER: sandbox.environment()[TOKEN_VARIABLE]}
    calls: tuple[tuple[str, str, bytes, dict[str, str]], ...] = (
        ("POST", "/", GET_CALLER_IDENTITY, identity_request(sandbox)),
        ("GET", MAILS, b"", token),
        ("GET", "/moto-api/data.json", b"", {}),
    )
    for host in (f"attacker.example:{port}", f"localhost:{port}", "127.0.0.1", "sts.amazonaws.com"):
        for method, path, body, headers in calls:
            reply = ask(sandbox, method, path, body, {**headers, "Host": host})

            assert reply.status == 421
            assert json.loads(reply.text) == {
                "error": f"Host: got {host}, expected 127.0.0.1:{port}"
            }
    assert ask(sandbox, "GET", f"http://127.0.0.1:{port}{MAILS}", b"", token).status == 421


def test_no_response_has_cors_headers(sandbox: Sandbox) -> None:
    origin = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    token = {TOKEN_HEADER: sandbox.environment()[TOKEN_VARIABLE]}
    answered = ask(
        sandbox, "POST", "/", GET_CALLER_IDENTITY, {**identity_request(sandbox), **origin}
    )
    mails = ask(sandbox, "GET", MAILS, b"", {**token, **origin})
    preflights = [
        ask(sandbox, "OPTIONS", path, b"", origin)
        for path in ("/", MAILS, "/bucket/key", "/moto-api/")
    ]

    assert (answered.status, mails.status) == (200, 200)
    assert [one.status for one in preflights] == [403, 403, 403, 404]
    for reply in (answered, mails, *preflights):
        assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_a_function_is_not_created_without_a_valid_signature(sandbox: Sandbox) -> None:
    path = "/2015-03-31/functions"
    role = create_role(sandbox, MANAGEMENT.id, service("lambda"))
    code = zipped("def handler(event, context):\n    return 1")
    request = {
        "FunctionName": "foreign",
        "Runtime": "python3.13",
        "Role": role,
        "Handler": "function.handler",
        "Code": {"ZipFile": list(code)},
    }
    body = json.dumps(request).encode()
    scope = f"{sandbox.deployer.id}/20260101/{REGION}/lambda/aws4_request"
    forged = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    old = {"X-Amz-Date": "20260101T000000Z"}
    calls: tuple[tuple[dict[str, str], str], ...] = (
        ({}, "MissingAuthenticationTokenException"),
        ({"Authorization": forged}, "IncompleteSignatureException"),
        ({"Authorization": forged, **old}, "InvalidSignatureException"),
        ({"Authorization": forged.replace("AKIA", "ASIA"), **old}, "UnrecognizedClientException"),
        ({"Authorization": f"AWS {sandbox.deployer.id}:signature"}, "InvalidRequestException"),
        ({"X-Moto-Account-Id": MANAGEMENT.id}, "MissingAuthenticationTokenException"),
    )
    for headers, code_expected in calls:
        reply = ask(sandbox, "POST", path, body, headers)

        assert reply.status == 403
        assert reply.headers["x-amzn-errortype"] == code_expected
        assert json.loads(reply.text)["__type"] == code_expected
    assert sandbox.client("lambda").list_functions()["Functions"] == []


def test_the_callers_account_is_the_account_of_its_key(sandbox: Sandbox) -> None:
    other = {**FORM, "X-Moto-Account-Id": MEMBERS[0].id}
    headers = signed(sandbox, "POST", "/", GET_CALLER_IDENTITY, other, "sts")

    reply = ask(sandbox, "POST", "/", GET_CALLER_IDENTITY, headers)

    assert f"<Account>{MANAGEMENT.id}</Account>" in reply.text


def test_the_control_paths_need_the_token(sandbox: Sandbox) -> None:
    for method, path in (("GET", MAILS), ("POST", EVENTS), ("POST", CONFIRMATIONS)):
        for headers in ({}, {TOKEN_HEADER: ""}, {TOKEN_HEADER: "guessed"}, {TOKEN_HEADER: "ü"}):
            reply = ask(sandbox, method, path, b"{}", headers)

            assert reply.status == 403
            assert "SANDBOX_TOKEN" in reply.text
    token = {TOKEN_HEADER: sandbox.environment()[TOKEN_VARIABLE]}
    assert ask(sandbox, "GET", MAILS, b"", token).status == 200
    assert ask(sandbox, "GET", "/sandbox/else", b"", token).status == 404


def test_the_runtime_api_responds_to_its_process_only() -> None:
    api = RuntimeApi("arn:aws:lambda:us-east-1:111111111111:function:victim")
    try:
        api.put(Invocation(b'"secret"', timeout_seconds=1))
        _, _, address = api.address.rpartition("@")
        for headers in ({}, {"Authorization": "Basic bGFtYmRhOmd1ZXNz"}):
            status, text = _get(address, "/2018-06-01/runtime/invocation/next", headers)
            assert (status, "secret" in text) == (403, False)

        status, text = _get(
            address, "/2018-06-01/runtime/invocation/next", {"Authorization": api.authorization}
        )
        assert (status, text) == (200, '"secret"')
    finally:
        api.close()


def _get(address: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_head_and_body_of_a_response_arrive_in_one_piece(sandbox: Sandbox) -> None:
    for _ in range(TIMES):
        with _connected(sandbox) as connection:
            connection.sendall(_head(sandbox, identity_request(sandbox)) + GET_CALLER_IDENTITY)
            first = connection.recv(65_536)
            rest = b"".join(iter(lambda: connection.recv(65_536), b""))

        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        assert first.endswith(b"</GetCallerIdentityResponse>")
        assert rest == b""


def test_a_client_that_expects_100_continue_receives_it_immediately(sandbox: Sandbox) -> None:
    headers = {**identity_request(sandbox), "Expect": "100-continue"}
    with _connected(sandbox) as connection:
        connection.sendall(_head(sandbox, headers))
        proceed = connection.recv(65_536)
        connection.sendall(GET_CALLER_IDENTITY)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert proceed == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def _connected(sandbox: Sandbox) -> socket.socket:
    address = urlsplit(sandbox.endpoint)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def _head(sandbox: Sandbox, headers: Mapping[str, Any]) -> bytes:
    host = {"Host": urlsplit(sandbox.endpoint).netloc}
    length = {"Content-Length": len(GET_CALLER_IDENTITY)}
    lines = [f"{name}: {value}" for name, value in {**host, **headers, **length}.items()]
    return "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode()


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox.endpoint, sandbox.environment()[TOKEN_VARIABLE])


@pytest.mark.parametrize("kind", SIGN_INS)
def test_a_sign_in_is_recorded_by_the_trails(client: Client, kind: str) -> None:
    event_id, trails = client.sign_in(MEMBERS[0].id, kind)

    assert (len(event_id), trails) == (36, 0)


def test_a_sign_in_to_an_unknown_account_is_an_error(client: Client) -> None:
    with pytest.raises(SandboxError, match="999999999999"):
        client.sign_in("999999999999", "root-without-mfa")


def test_subscriptions_are_confirmed_and_mails_are_read(sandbox: Sandbox, client: Client) -> None:
    sns = sandbox.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ana@example.com")

    [request] = client.mails()

    assert (request["to"], request["topic_arn"]) == ("ana@example.com", topic)
    assert client.confirm() == 1


def test_a_wrong_token_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=TOKEN_VARIABLE):
        Client(sandbox.endpoint, "wrong").mails()


def test_an_endpoint_that_does_not_respond_is_an_error() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # without listening
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"

        with pytest.raises(SandboxError, match=f"no sandbox responds at {endpoint}: "):
            Client(endpoint, "").mails()


def test_an_endpoint_that_is_not_a_url_is_an_error() -> None:
    with pytest.raises(SandboxError, match="no sandbox responds at nowhere: "):
        Client("nowhere", "").mails()
