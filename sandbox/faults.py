"""Faults in the functions' calls to AWS, when a test wants them.

`faults.inject(Crash(), "securityhub", "BatchImportFindings")` lets the process that makes the next
such call die before the call is carried out.
"""

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from moto.core import errors
from moto.core.responses import BaseResponse

from sandbox.aws_lambda.functions import Functions
from sandbox.fault_kinds import (
    Crash,
    ErrorAnswer,
    FailedImports,
    Fault,
    FaultyCall,
    Hang,
    InjectedError,
    LostAnswer,
)
from sandbox.iam.authentication import caller
from sandbox.overrides import Override, wrap

__all__ = [
    "Crash",
    "ErrorAnswer",
    "FailedImports",
    "Fault",
    "Faults",
    "Hang",
    "LostAnswer",
    "Rule",
    "Selection",
]

PROCESS = re.compile(r"\bapp/([0-9a-f]{32})\b")  # botocore's way to name an application


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which calls; None admits all."""

    service: str  # its IAM prefix
    operation: str
    account: str | None = None  # the caller's
    containing: str | None = None  # a text in the request's body, or in a value of a form
    function: str | None = None  # the caller's name
    anybody: bool = False  # calls of no function, too: of tests, Terraform and the sandbox itself


@dataclass(slots=True, eq=False)
class Rule:
    fault: Fault
    selection: Selection
    times: int | None  # None: until it is removed
    after: int  # so many calls pass first
    released: threading.Event = field(default_factory=threading.Event)  # who hangs by it, goes on
    seen: int = 0
    applied: int = 0

    def claims(self, call: FaultyCall) -> bool:
        """Whether the call gets the fault; every call that it selects is counted."""
        if not _selects(self.selection, call):
            return False
        self.seen += 1
        if self.seen <= self.after or self.applied == self.times:
            return False
        self.applied += 1
        return True


class Faults:
    """Come before authorization and the service; unauthenticated calls do not meet them."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._rules: list[Rule] = []
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
    ) -> Rule:
        """The rule, which counts how often it was applied; `selection` as in Selection.

        Of several rules that select a call the first that is not used up applies.
        """
        selected = Selection(service=service, operation=operation, **selection)
        rule = Rule(fault, selected, times, after)
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Calls that hang by it end now."""
        with self._lock:
            self._rules.remove(rule)
        rule.released.set()

    def clear(self) -> None:
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.released.set()

    def overrides(self) -> list[Override]:
        return [*wrap(BaseResponse, call_action=self._call_action), *wrap(errors, warn=_warn)]

    def _call_action(self, call_action: Any, response: BaseResponse) -> Any:
        if not self._rules:
            return call_action(response)
        call = self._call(response, call_action)
        rule = self._claiming(call)
        return rule.fault.answer(call, rule.released) if rule else call_action(response)

    def _claiming(self, call: FaultyCall) -> Rule | None:
        with self._lock:
            return next((rule for rule in self._rules if rule.claims(call)), None)

    def _call(self, response: BaseResponse, call_action: Any) -> FaultyCall:
        named = PROCESS.search(response.headers.get("User-Agent", ""))
        found = self._functions.process(named[1]) if named else None
        function, process = found or (None, None)
        return FaultyCall(response, lambda: call_action(response), function, process)


def _warn(warn: Any, message: str, *args: Any, **kwargs: Any) -> None:
    """Moto warns of a code that is not in the service's model."""
    if InjectedError.__name__ not in message:
        warn(message, *args, **kwargs)


def _selects(selection: Selection, call: FaultyCall) -> bool:
    response = call.response
    wanted = (
        (selection.service, caller().service),
        (selection.operation, response._get_action()),  # noqa: SLF001  moto's own way
        (selection.account, response.current_account),
        (selection.function, call.function),
    )
    if any(want is not None and want != value for want, value in wanted):
        return False
    if call.process is None and not selection.anybody:
        return False
    return selection.containing is None or selection.containing in _text(response)


def _text(response: BaseResponse) -> str:
    """The body, or the values of a form, line by line."""
    raw = response.raw_body
    if not raw:
        return "\n".join(str(value) for values in response.querystring.values() for value in values)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
