"""What a client sees of the server itself."""

import socket
from urllib.parse import urlsplit

from sandbox.local import Sandbox

TIMES = 20


def test_head_and_body_of_an_answer_come_in_one_piece(sandbox: Sandbox) -> None:
    for _ in range(TIMES):
        first, rest = _pieces(sandbox)

        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        assert first.endswith(b"</GetCallerIdentityResponse>")
        assert rest == b""


def _pieces(sandbox: Sandbox) -> tuple[bytes, bytes]:
    """What one read gives of an answer, and all that comes after it."""
    address = urlsplit(sandbox.endpoint)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(_request(sandbox))
        first = connection.recv(65_536)
        return first, b"".join(iter(lambda: connection.recv(65_536), b""))


def _request(sandbox: Sandbox) -> bytes:
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    scope = f"{sandbox.deployer.id}/20260101/us-east-1/sts/aws4_request"
    head = (
        "POST / HTTP/1.1",
        "Host: sts.amazonaws.com",
        f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", body)).encode()
