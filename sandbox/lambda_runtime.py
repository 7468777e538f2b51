"""Lambda's runtime: the deployed zip, run by AWS's own runtime interface client.

The process sees what a function sees in AWS: the standard library, boto3 and the zip, the deployed
environment, and credentials of the function's own role.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import io
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")  # what Lambda's Python runtime itself brings
API_PREFIX = "/2018-06-01/runtime"
STOP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Result:
    payload: bytes
    error: bool  # what Lambda reports as X-Amz-Function-Error


@dataclass(frozen=True, slots=True)
class Invocation:
    payload: bytes
    timeout_seconds: float
    result: Future[Result] = field(default_factory=Future)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A deployed function, as far as its process needs it."""

    arn: str
    handler: str
    code: bytes
    environment: Mapping[str, str]
    timeout_seconds: float


class FunctionProcess:
    """One execution environment: one process, one invocation at a time."""

    def __init__(self, configuration: Configuration, write_log: Callable[[str], None]) -> None:
        self._configuration = configuration
        self._write_log = write_log
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        self._invocations: queue.Queue[Invocation] = queue.Queue()
        self._running: dict[str, Invocation] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._api = _serve(self)
        self._process = self._start()
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def invoke(self, payload: bytes) -> Result:
        """The handler's result; a crash and a timeout are results with an error, as in Lambda."""
        with self._lock:
            invocation = Invocation(payload, self._configuration.timeout_seconds)
            self._invocations.put(invocation)
            if self._ended.is_set():  # nobody will ask for it any more
                self._fail_waiting()
            try:
                return invocation.result.result(timeout=invocation.timeout_seconds)
            except TimeoutError:
                self.stop()
                message = f"Task timed out after {invocation.timeout_seconds:.2f} seconds"
                return _error("Sandbox.Timedout", message)

    @property
    def function_arn(self) -> str:
        return self._configuration.arn

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(timeout=STOP_SECONDS)
        self._reader.join(timeout=STOP_SECONDS)
        self._api.shutdown()
        self._api.server_close()
        self._folder.cleanup()

    def next_invocation(self) -> Invocation | None:
        """The runtime's long poll; None where the process is gone."""
        while self.alive:
            with contextlib.suppress(queue.Empty):
                invocation = self._invocations.get(timeout=0.1)
                self._running[invocation.request_id] = invocation
                return invocation
        return None

    def report(self, request_id: str, result: Result) -> None:
        self._running.pop(request_id).result.set_result(result)

    def _start(self) -> subprocess.Popen[str]:
        root = Path(self._folder.name)
        task = root / "task"
        with zipfile.ZipFile(io.BytesIO(self._configuration.code)) as archive:
            archive.extractall(task)
        runtime = _link_runtime(root / "runtime")
        host, port = self._api.server_address[:2]
        return subprocess.Popen(  # noqa: S603  our interpreter, our arguments
            # -S: without this, everything that is installed here could be imported there.
            [sys.executable, "-S", "-m", "awslambdaric", self._configuration.handler],
            cwd=task,
            env={
                **self._configuration.environment,
                "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
                "LAMBDA_TASK_ROOT": str(task),
                "_HANDLER": self._configuration.handler,
                "PYTHONPATH": f"{task}:{runtime}",
                "PYTHONUNBUFFERED": "1",
                "HOME": str(root),
                "LANG": "en_US.UTF-8",
                "TZ": ":UTC",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _read_output(self) -> None:
        """The function's log; when it ends the process is gone, and what ran in it failed."""
        output = self._process.stdout
        assert output is not None  # noqa: S101  Popen was given a pipe
        for line in output:
            self._write_log(line.rstrip("\n"))
        output.close()
        self._process.wait()  # so that whoever reads the failure finds it dead
        self._ended.set()
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        waiting = [*self._running.values(), *_drained(self._invocations)]
        for invocation in waiting:
            message = f"RequestId: {invocation.request_id} Error: Runtime exited"
            with contextlib.suppress(InvalidStateError):  # answered already
                invocation.result.set_result(_error("Runtime.ExitError", message))


def _drained(invocations: queue.Queue[Invocation]) -> list[Invocation]:
    drained = []
    with contextlib.suppress(queue.Empty):
        while True:
            drained.append(invocations.get_nowait())
    return drained


def _error(kind: str, message: str) -> Result:
    return Result(json.dumps({"errorType": kind, "errorMessage": message}).encode(), error=True)


def _link_runtime(folder: Path) -> Path:
    """A folder with links to the runtime's own packages and nothing else."""
    folder.mkdir()
    for name in _closure(RUNTIME_DISTRIBUTIONS):
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            top = file.parts[0]
            link = folder / top
            if top != ".." and not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def _closure(names: tuple[str, ...]) -> set[str]:
    """The distributions and all that they require, extras aside."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        required = metadata.requires(name) or ()
        waiting.extend(_distribution_name(item) for item in required if "extra ==" not in item)
    return found


def _distribution_name(requirement: str) -> str:
    end = next(
        (index for index, letter in enumerate(requirement) if letter in " ;<>=!~[("),
        len(requirement),
    )
    return requirement[:end].lower()


def _serve(process: FunctionProcess) -> ThreadingHTTPServer:
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            invocation = process.next_invocation()
            if invocation is None:
                self.close_connection = True
                return
            deadline = int((time.time() + invocation.timeout_seconds) * 1000)
            headers = {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": process.function_arn,
                "Content-Type": "application/json",
            }
            self._answer(200, invocation.payload, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            *_, request_id, outcome = self.path.removeprefix(API_PREFIX).split("/")
            if request_id != "init":  # an init error is followed by the process's end
                process.report(request_id, Result(body, error=outcome == "error"))
            self._answer(202, b"{}", {"Content-Type": "application/json"})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
            """Say nothing: the function's own log is what counts."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()
    return server
