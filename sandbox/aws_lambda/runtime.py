"""Lambda's Python runtime: AWS's runtime interface client runs the deployed zip in a process.

The process has what a function has in AWS: the standard library, boto3, the zip, the configured
environment variables, and credentials of the function's role.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sandbox.aws_lambda.runtime_api import (
    Invocation,
    InvocationResult,
    RuntimeApi,
    new_request_id,
)

RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")
INIT_SECONDS = 60  # Lambda allows ten; a busy machine may need more
STOP_SECONDS = 5
# The runtime API's address contains a password. The client's report of a failed start is made with
# another HTTP library, which rejects such an address. The sandbox does not need that report: it
# observes the end of the process.
RUN_CLIENT = """
import sys
from awslambdaric import __main__ as client
client.LambdaRuntimeClient.post_init_error = lambda *_: None
client.main(sys.argv)
"""


@dataclass(frozen=True, slots=True)
class Package:
    """What a function's process can import."""

    task: Path  # the unpacked zip
    runtime: Path  # the packages of Lambda's runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfiguration:
    arn: str
    handler: str
    package: Package
    environment: Mapping[str, str]
    timeout_seconds: float


class FunctionProcess:
    """The process of one execution environment. It runs one invocation at a time."""

    def __init__(
        self, configuration: FunctionConfiguration, write_log: Callable[[str], None]
    ) -> None:
        self.id = uuid.uuid4().hex  # in the User-Agent of its calls to AWS
        self._configuration = configuration
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        self._lock = threading.Lock()
        self._api = RuntimeApi(configuration.arn)
        self._output = ProcessOutput(write_log)
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def invoke(self, payload: bytes, request_id: str | None = None) -> InvocationResult:
        """The handler's result. A crash and a timeout are results with an error, as in Lambda.

        The log has all lines that the handler printed when this returns.
        """
        with self._lock:
            timeout_seconds = self._configuration.timeout_seconds
            invocation = Invocation(payload, timeout_seconds, request_id or new_request_id())
            self._api.put(invocation)
            if not self._watcher.is_alive():  # the process has ended
                self._fail_waiting()
            result = self._result(invocation)
            self._output.flush()
            return result

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process, as a crash does. Its invocation has failed when this returns."""
        self._process.kill()
        self._watcher.join(timeout=STOP_SECONDS)

    def stop(self) -> None:
        self.kill()
        self._api.close()
        self._folder.cleanup()

    def _result(self, invocation: Invocation) -> InvocationResult:
        """The timeout starts when the runtime takes the invocation, not with the cold start."""
        seconds = invocation.timeout_seconds
        try:
            if invocation.taken.wait(INIT_SECONDS):
                return invocation.result.result(timeout=seconds)
        except TimeoutError:
            message = f"Task timed out after {seconds:.2f} seconds"
        else:
            message = f"Init did not end in {INIT_SECONDS} seconds"
        self.stop()
        return InvocationResult.failed("Sandbox.Timedout", message)

    def _start(self) -> subprocess.Popen[bytes]:
        package = self._configuration.package
        return subprocess.Popen(  # noqa: S603  a constant program
            # -S hides the packages that are installed here.
            [sys.executable, "-S", "-c", RUN_CLIENT, self._configuration.handler],
            cwd=package.task,
            env={
                **self._configuration.environment,
                "AWS_LAMBDA_RUNTIME_API": self._api.address,
                "AWS_SDK_UA_APP_ID": self.id,
                "LAMBDA_TASK_ROOT": str(package.task),
                "_HANDLER": self._configuration.handler,
                "PYTHONPATH": f"{package.task}:{package.runtime}",
                "PYTHONUNBUFFERED": "1",
                "HOME": self._folder.name,
                "LANG": "en_US.UTF-8",
                "TZ": ":UTC",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._output.descriptor,
            stderr=subprocess.STDOUT,
        )

    def _watch(self) -> None:
        """The log is complete before the invocation fails."""
        self._process.wait()
        self._output.close()
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        self._api.fail_all("Runtime.ExitError", "Error: Runtime exited")


class ProcessOutput:
    """A pipe that sends each line that a process prints to its log.

    The sandbox writes marks to the same pipe. A mark that is read shows that all earlier lines
    have been read.
    """

    def __init__(self, write_log: Callable[[str], None]) -> None:
        self._write_log = write_log
        self._mark = uuid.uuid4().hex
        self._read_end, self.descriptor = os.pipe()
        self._marks_read = threading.Semaphore(0)
        self._open = True
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def flush(self) -> None:
        """Return when the log has all lines that have been printed so far."""
        with self._lock:
            if self._open:
                os.write(self.descriptor, f"{self._mark}\n".encode())
                self._marks_read.acquire()

    def close(self) -> None:
        """Also while a child process still has the pipe open."""
        with self._lock:
            os.write(self.descriptor, f"{self._mark} end\n".encode())
            self._open = False
            self._reader.join()
            os.close(self.descriptor)

    def _read(self) -> None:
        with open(self._read_end, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123  no path
            for line in lines:
                text, mark, suffix = line.rstrip("\n").partition(self._mark)
                if text or not mark:
                    self._write_log(text)
                if suffix:
                    return
                if mark:
                    self._marks_read.release()


class Packages:
    """Unpacks each zip once. The first process that imports from it compiles it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-packages-")
        self._runtime = _link_runtime(Path(self._folder.name) / "runtime")
        self._lock = threading.Lock()

    def package(self, code: bytes) -> Package:
        task = Path(self._folder.name) / hashlib.sha256(code).hexdigest()
        with self._lock:
            if not task.exists():
                with zipfile.ZipFile(io.BytesIO(code)) as archive:
                    archive.extractall(task)
        return Package(task, self._runtime)

    def close(self) -> None:
        self._folder.cleanup()


def _link_runtime(folder: Path) -> Path:
    """A folder with links to the runtime's packages only."""
    folder.mkdir()
    for name in _required_distributions(RUNTIME_DISTRIBUTIONS):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {".."}:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def _required_distributions(names: tuple[str, ...]) -> set[str]:
    """These and all their dependencies, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        required = (one for one in metadata.requires(name) or () if "extra ==" not in one)
        waiting += [re.split(r"[ ;<>=!~\[(]", one)[0].lower() for one in required]
    return found
