"""What can go wrong with one call to AWS."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from sandbox.aws_lambda.runtime import FunctionProcess

type Answer = tuple[int, dict[str, Any], str | bytes]

OK = 200


class InjectedError(ServiceException):
    """Its code may be one that the service's model does not name."""


@dataclass(frozen=True, slots=True)
class FaultyCall:
    response: BaseResponse
    carry_out: Callable[[], Answer]
    function: str | None  # its name, where a function calls
    process: FunctionProcess | None

    def error(self, code: str, status: int, message: str) -> Answer:
        """An error in the form that the service's protocol has."""
        error = InjectedError(code, message)
        _, headers, body = self.response.serialized(ActionResult(error))
        return status, {**headers, "status": str(status)}, body


class Fault(Protocol):
    def answer(self, call: FaultyCall, released: threading.Event) -> Answer:
        """What the caller gets in the call's place; a fault that waits ends with `released`."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """The call is not carried out."""

    code: str  # as the service's API spells it: ThrottlingException, Throttling, InternalFailure…
    status: int  # HTTP's
    message: str = "An injected fault."

    def answer(self, call: FaultyCall, released: threading.Event) -> Answer:
        del released
        return call.error(self.code, self.status, self.message)


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer for so long, and then an internal error; the call is not carried out."""

    seconds: float

    def answer(self, call: FaultyCall, released: threading.Event) -> Answer:
        released.wait(self.seconds)
        return call.error("InternalFailure", 500, "An injected fault.")


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The call is carried out, and its caller learns nothing of it."""

    instead: Fault = ErrorAnswer("InternalFailure", 500)

    def answer(self, call: FaultyCall, released: threading.Event) -> Answer:
        call.carry_out()
        return self.instead.answer(call, released)


@dataclass(frozen=True, slots=True)
class FailedImports:
    """Of one BatchImportFindings, the findings at these positions are not imported."""

    positions: frozenset[int]
    code: str = "InternalException"
    message: str = "An injected fault."

    def answer(self, call: FaultyCall, released: threading.Event) -> Answer:
        del released
        request = json.loads(call.response.body)
        numbered = list(enumerate(request["Findings"]))
        others = [finding for number, finding in numbered if number not in self.positions]
        failing = [finding for number, finding in numbered if number in self.positions]
        call.response.body = json.dumps({**request, "Findings": others})
        nothing = '{"FailedCount": 0, "SuccessCount": 0, "FailedFindings": []}'
        answer = call.carry_out() if others else (OK, {"Content-Type": "application/json"}, nothing)
        return self._with_failures(answer, failing)

    def _with_failures(self, answer: Answer, failing: list[dict[str, Any]]) -> Answer:
        status, headers, body = answer
        if status != OK:
            return answer
        document = json.loads(body)
        document["FailedFindings"] += [
            {"Id": one["Id"], "ErrorCode": self.code, "ErrorMessage": self.message}
            for one in failing
        ]
        document["FailedCount"] += len(failing)
        return status, headers, json.dumps(document)


@dataclass(frozen=True, slots=True)
class Crash:
    """The process that calls is killed, before the call is carried out or after it."""

    after_call: bool = False

    def answer(self, call: FaultyCall, released: threading.Event) -> Answer:
        del released
        if self.after_call:
            call.carry_out()
        if call.process is None:
            raise ValueError("only a function's process can be killed")
        call.process.kill()
        return call.error("InternalFailure", 500, "Nobody reads this.")
