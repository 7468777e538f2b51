"""Lambda's runtime API, from which a function's process takes invocations and returns results.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import base64
import hmac
import json
import queue
import secrets
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

API_PREFIX = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class InvocationResult:
    payload: bytes
    error: bool  # what Lambda reports as X-Amz-Function-Error

    @classmethod
    def failed(cls, kind: str, message: str) -> Self:
        return cls(json.dumps({"errorType": kind, "errorMessage": message}).encode(), error=True)


def new_request_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Invocation:
    payload: bytes
    timeout_seconds: float
    request_id: str = field(default_factory=new_request_id)
    result: Future[InvocationResult] = field(default_factory=Future)
    taken: threading.Event = field(default_factory=threading.Event)  # also set with the result


class RuntimeApi:
    """The invocations of one process, on a separate port. Only this process knows the password."""

    def __init__(self, function_arn: str) -> None:
        self._function_arn = function_arn
        self._credentials = f"lambda:{secrets.token_urlsafe()}"
        encoded = base64.b64encode(self._credentials.encode()).decode()
        self.authorization = f"Basic {encoded}"
        self._waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._running: dict[str, Invocation] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        return f"{self._credentials}@127.0.0.1:{self._server.server_port}"

    def put(self, invocation: Invocation) -> None:
        self._waiting.put(invocation)

    def fail_all(self, kind: str, message: str) -> None:
        """Call it when the process has ended."""
        invocations = [*self._running.values(), *self._drained()]
        self._waiting.put(None)
        for one in invocations:
            _finish(one, InvocationResult.failed(kind, f"RequestId: {one.request_id} {message}"))

    def _drained(self) -> list[Invocation]:
        drained = []
        with suppress(queue.Empty):
            while True:
                drained.append(self._waiting.get_nowait())
        return [invocation for invocation in drained if invocation]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> tuple[bytes, dict[str, str]] | None:
        """The runtime's long poll; None when the process has ended."""
        invocation = self._waiting.get()
        if invocation is None:
            return None
        self._running[invocation.request_id] = invocation
        invocation.taken.set()
        deadline = int((time.time() + invocation.timeout_seconds) * 1000)
        return invocation.payload, {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": self._function_arn,
        }

    def report(self, request_id: str, result: InvocationResult) -> None:
        _finish(self._running.pop(request_id), result)


def _finish(invocation: Invocation, result: InvocationResult) -> None:
    """The first result counts."""
    with suppress(InvalidStateError):
        invocation.result.set_result(result)
    invocation.taken.set()


class _Server(ThreadingHTTPServer):
    api: RuntimeApi

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the broken connection of a killed process."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # it would delay each response by 40 ms
    wbufsize = -1
    server: _Server

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        given = self.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode(), self.server.api.authorization.encode()):
            return True
        self.send_error(HTTPStatus.FORBIDDEN)
        return False

    def do_GET(self) -> None:
        taken = self.server.api.next()
        if taken is None:
            self.close_connection = True
            return
        payload, headers = taken
        self._answer(200, payload, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        *_, request_id, outcome = self.path.removeprefix(API_PREFIX).split("/")
        self.server.api.report(request_id, InvocationResult(body, error=outcome == "error"))
        self._answer(202, b"{}", {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log nothing."""
