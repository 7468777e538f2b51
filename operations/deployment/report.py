"""The end of a deployment in plain words: what is deployed, and which accounts are not covered."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from config.settings import Settings
from operations.deployment.terraform import Plan
from operations.preflight.coverage import Coverage, retry_commands
from operations.preflight.report import printable

CONSEQUENCE = (
    "The organization trail still records these accounts: alarms and notifications work.\n"
    "Their findings are stored in the security account."
)


def outcome(plans: Sequence[Plan], outputs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """`outputs` has a key for each stack that was applied."""
    for plan in plans:
        if not plan.has_changes:
            yield f"{plan.stack}: no changes"
        elif plan.stack in outputs:
            yield f"{plan.stack}: applied"
            yield from (f"  {name} = {value}" for name, value in outputs[plan.stack].items())
        else:
            yield f"{plan.stack}: not applied"


def coverage(settings: Settings, found: Coverage) -> Iterator[str]:
    expected = [one for one in found.gaps if one.is_expected]
    if found.failures:
        yield f"Not covered ({len(found.failures)}):"
        yield from (f"  {printable(str(gap))}" for gap in found.failures)
        yield from CONSEQUENCE.splitlines()
        if commands := retry_commands(settings, found):
            yield "When the causes are fixed, run:"
            yield from (f"  {one.line}" for one in commands)
    if expected:
        yield f"Suspended, and therefore skipped by AWS ({len(expected)}):"
        yield from (f"  {printable(str(gap))}" for gap in expected)
    if found.pending:
        yield (
            f"Security Hub is still being configured in {found.pending} accounts and units."
            " This takes up to a day."
        )
