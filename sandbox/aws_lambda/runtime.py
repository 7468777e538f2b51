"""Lambda's runtime: the deployed zip, run by AWS's own runtime interface client.

The process sees what a function sees in AWS: the standard library, boto3 and the zip, the deployed
environment, and credentials of the function's own role.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.aws_lambda.packages import Package
from sandbox.aws_lambda.runtime_api import Invocation, Result, RuntimeApi, new_request_id

__all__ = ["Configuration", "FunctionProcess", "Result"]

INIT_SECONDS = 60  # Lambda gives ten; a busy machine may need more
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A deployed function, as far as its process needs it."""

    arn: str
    handler: str
    package: Package
    environment: Mapping[str, str]
    timeout_seconds: float


class FunctionProcess:
    """One execution environment: one process, one invocation at a time."""

    def __init__(self, configuration: Configuration, write_log: Callable[[str], None]) -> None:
        self.id = uuid.uuid4().hex  # stands in the User-Agent of its calls to AWS
        self._configuration = configuration
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        self._lock = threading.Lock()
        self._api = RuntimeApi(configuration.arn)
        self._output = Output(write_log)
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def invoke(self, payload: bytes, request_id: str | None = None) -> Result:
        """The handler's result; a crash and a timeout are results with an error, as in Lambda.

        What the handler has printed is with the log when this returns.
        """
        with self._lock:
            timeout_seconds = self._configuration.timeout_seconds
            invocation = Invocation(payload, timeout_seconds, request_id or new_request_id())
            self._api.put(invocation)
            if not self._watcher.is_alive():  # nobody will fetch it any more
                self._fail_waiting()
            result = self._result(invocation)
            self._output.catch_up()
            return result

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """As if it had crashed; on return it is dead, and the invocation in it has failed."""
        self._process.kill()
        self._watcher.join(timeout=STOP_SECONDS)

    def stop(self) -> None:
        self.kill()
        self._api.close()
        self._folder.cleanup()

    def _result(self, invocation: Invocation) -> Result:
        """Lambda's clock begins when the runtime takes the invocation, not with the cold start."""
        seconds = invocation.timeout_seconds
        try:
            if invocation.taken.wait(INIT_SECONDS):
                return invocation.result.result(timeout=seconds)
        except TimeoutError:
            message = f"Task timed out after {seconds:.2f} seconds"
        else:
            message = f"Init did not end in {INIT_SECONDS} seconds"
        self.stop()
        return Result.failed("Sandbox.Timedout", message)

    def _start(self) -> subprocess.Popen[bytes]:
        package = self._configuration.package
        return subprocess.Popen(  # noqa: S603  our interpreter, our arguments
            # -S: without this, everything that is installed here could be imported there.
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
        """Whoever reads a failure finds the process dead, and its last words with the log."""
        self._process.wait()
        self._output.end()
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        self._api.fail_all("Runtime.ExitError", "Error: Runtime exited")


class Output:
    """A pipe for what a function prints, line by line to its log.

    We write to the pipe as well: a mark that comes out behind all that was printed before.
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

    def catch_up(self) -> None:
        """Return when all that was printed until now is with the log."""
        with self._lock:
            if self._open:
                os.write(self.descriptor, f"{self._mark}\n".encode())
                self._marks_read.acquire()

    def end(self) -> None:
        """Even where a child of the process still holds the pipe."""
        with self._lock:
            os.write(self.descriptor, f"{self._mark} end\n".encode())
            self._open = False
            self._reader.join()
            os.close(self.descriptor)

    def _read(self) -> None:
        with open(self._read_end, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123  no path
            for line in lines:
                text, mark, kind = line.rstrip("\n").partition(self._mark)
                if text or not mark:
                    self._write_log(text)
                if kind:
                    return
                if mark:
                    self._marks_read.release()
