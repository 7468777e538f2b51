"""Faults in the calls of functions to AWS, which a test injects.

`faults.inject(Crash(), "securityhub", "BatchImportFindings")` kills the process that makes the next
such call, before the call is executed.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from moto.core.responses import BaseResponse

from sandbox.api_errors import Response, error_response
from sandbox.aws_lambda.functions import Functions
from sandbox.aws_lambda.runtime import FunctionProcess
from sandbox.iam.authentication import current_call
from sandbox.overrides import Override, wrap

PROCESS = re.compile(r"\bapp/([0-9a-f]{32})\b")  # how botocore names an application
OK = 200


@dataclass(frozen=True, slots=True)
class FaultyCall:
    response: BaseResponse
    execute: Callable[[], Response]
    function: str | None  # the name of the function that calls
    process: FunctionProcess | None

    def error(self, code: str, status: int, message: str = "An injected fault.") -> Response:
        """An error in the format of the service's protocol."""
        return error_response(self.response, code, status, message)


class Fault(Protocol):
    def respond(self, call: FaultyCall, released: threading.Event) -> Response:
        """What the caller receives. A fault that waits ends when `released` is set."""


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The call is not executed."""

    code: str  # as the service's API spells it: ThrottlingException, Throttling, InternalFailure…
    status: int
    message: str = "An injected fault."

    def respond(self, call: FaultyCall, released: threading.Event) -> Response:
        del released
        return call.error(self.code, self.status, self.message)


@dataclass(frozen=True, slots=True)
class Hang:
    """An internal error after this time; the call is not executed."""

    seconds: float

    def respond(self, call: FaultyCall, released: threading.Event) -> Response:
        released.wait(self.seconds)
        return call.error("InternalFailure", 500)


@dataclass(frozen=True, slots=True)
class LostResponse:
    """The call is executed, and the caller receives something else."""

    instead: Fault = ErrorResponse("InternalFailure", 500)

    def respond(self, call: FaultyCall, released: threading.Event) -> Response:
        call.execute()
        return self.instead.respond(call, released)


@dataclass(frozen=True, slots=True)
class FailedImports:
    """BatchImportFindings does not import the findings at these positions."""

    positions: frozenset[int]
    code: str = "InternalException"
    message: str = "An injected fault."

    def respond(self, call: FaultyCall, released: threading.Event) -> Response:
        del released
        request = json.loads(call.response.body)
        numbered = list(enumerate(request["Findings"]))
        others = [finding for number, finding in numbered if number not in self.positions]
        failing = [finding for number, finding in numbered if number in self.positions]
        call.response.body = json.dumps({**request, "Findings": others})
        empty = '{"FailedCount": 0, "SuccessCount": 0, "FailedFindings": []}'
        response = call.execute() if others else (OK, {"Content-Type": "application/json"}, empty)
        return self._with_failures(response, failing)

    def _with_failures(self, response: Response, failing: list[dict[str, Any]]) -> Response:
        status, headers, body = response
        if status != OK:
            return response
        document = json.loads(body)
        document["FailedFindings"] += [
            {"Id": one["Id"], "ErrorCode": self.code, "ErrorMessage": self.message}
            for one in failing
        ]
        document["FailedCount"] += len(failing)
        return status, headers, json.dumps(document)


@dataclass(frozen=True, slots=True)
class Crash:
    """Kills the process that calls, before or after the call is executed."""

    after_call: bool = False

    def respond(self, call: FaultyCall, released: threading.Event) -> Response:
        del released
        if self.after_call:
            call.execute()
        if call.process is None:
            raise ValueError("a crash needs a call of a function's process")
        call.process.kill()
        return call.error("InternalFailure", 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which calls a fault applies to; None selects all."""

    service: str  # its IAM prefix
    operation: str
    account: str | None = None  # the caller's
    containing: str | None = None  # a text in the request's body, or in a value of a form
    function: str | None = None  # the caller's name
    any_caller: bool = False  # also tests, Terraform and the sandbox itself

    def matches(self, call: FaultyCall) -> bool:
        response = call.response
        expected = (
            (self.service, current_call().service),
            (self.operation, response._get_action()),  # noqa: SLF001  moto has no other way
            (self.account, response.current_account),
            (self.function, call.function),
        )
        if any(value is not None and value != actual for value, actual in expected):
            return False
        if call.process is None and not self.any_caller:
            return False
        return self.containing is None or self.containing in _text(response)


@dataclass(slots=True, eq=False)
class FaultRule:
    fault: Fault
    selection: Selection
    times: int | None  # None: until it is removed
    after: int  # this many calls succeed first
    released: threading.Event = field(default_factory=threading.Event)
    seen: int = 0
    applied: int = 0

    def claims(self, call: FaultyCall) -> bool:
        """Whether the fault applies to the call; counts every selected call."""
        if not self.selection.matches(call):
            return False
        self.seen += 1
        if self.seen <= self.after or self.applied == self.times:
            return False
        self.applied += 1
        return True


class Faults:
    """Apply before authorization and the service, to authenticated calls only."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()

    def inject(
        self,
        fault: Fault,
        service: str,
        operation: str,
        *,
        times: int | None = 1,
        after: int = 0,
        **selection: Any,
    ) -> FaultRule:
        """The rule, which counts how often it was applied; `selection` as in Selection.

        Of the rules that select a call, the first with applications left applies.
        """
        selected = Selection(service=service, operation=operation, **selection)
        rule = FaultRule(fault, selected, times, after)
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rule: FaultRule) -> None:
        """Also ends the calls that wait in this rule's fault."""
        with self._lock:
            self._rules.remove(rule)
        rule.released.set()

    def clear(self) -> None:
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.released.set()

    def overrides(self) -> list[Override]:
        return wrap(BaseResponse, call_action=self._call_action)

    def _call_action(self, call_action: Any, response: BaseResponse) -> Any:
        if not self._rules:
            return call_action(response)
        call = self._call(response, call_action)
        rule = self._claiming_rule(call)
        return rule.fault.respond(call, rule.released) if rule else call_action(response)

    def _claiming_rule(self, call: FaultyCall) -> FaultRule | None:
        with self._lock:
            return next((rule for rule in self._rules if rule.claims(call)), None)

    def _call(self, response: BaseResponse, call_action: Any) -> FaultyCall:
        named = PROCESS.search(response.headers.get("User-Agent", ""))
        found = self._functions.process(named[1]) if named else None
        function, process = found or (None, None)
        return FaultyCall(response, lambda: call_action(response), function, process)


def _text(response: BaseResponse) -> str:
    """The body, or the values of a form, line by line."""
    raw = response.raw_body
    if not raw:
        return "\n".join(str(value) for values in response.querystring.values() for value in values)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
