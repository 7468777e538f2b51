"""What a deployment needs, looked at before it: reads only."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from operations.preflight import (
    access,
    delegations,
    deployment,
    existing_trail,
    names,
    organization,
    second_trail,
    security_hub,
    security_hub_policies,
    suspended,
    targets,
)
from operations.preflight.check import Check
from operations.preflight.errors import NotLookedAtError, ReadError
from operations.preflight.facts import WORKERS, Facts
from operations.preflight.result import Remedy, Result, Status, unknown

CHECKS: tuple[Check, ...] = (
    *access.CHECKS,  # the first of which all others need
    *organization.CHECKS,
    *targets.CHECKS,
    *organization.TRUST_CHECKS,
    *delegations.CHECKS,
    *security_hub.CHECKS,
    *security_hub_policies.CHECKS,
    *suspended.CHECKS,
    *names.CHECKS,
    *second_trail.CHECKS,
    *existing_trail.CHECKS,
    *deployment.CHECKS,
)
FAILING = frozenset({Status.MISSING, Status.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Row:
    check: Check
    result: Result


@dataclass(frozen=True, slots=True)
class Report:
    rows: tuple[Row, ...]
    calls: int  # to AWS

    @property
    def is_ok(self) -> bool:
        return not any(row.result.status in FAILING for row in self.rows)


def run(facts: Facts) -> Report:
    """Credentials of another account end it: everything else would be looked at in vain."""
    first, *others = (check for check in CHECKS if check.applies(facts.settings))
    rows = [Row(first, look(facts, first))]
    if rows[0].result.status == Status.OK:
        with ThreadPoolExecutor(WORKERS) as pool:
            rows += map(Row, others, pool.map(partial(look, facts), others))
    return Report(rows=tuple(rows), calls=facts.cloud.calls)


def look(facts: Facts, check: Check) -> Result:
    """What cannot be looked at is a result, too."""
    try:
        return check.look(facts)
    except NotLookedAtError as error:
        return unknown(f"not looked at, because {error.because}")
    except ReadError as error:
        return unknown(f"could not be read: {error}", _permission(facts, error))


def _permission(facts: Facts, error: ReadError) -> Remedy | None:
    """Where AWS refused the call, rather than failed to answer it."""
    if not error.is_refusal:
        return None
    who = facts.identity.arn
    if error.account != facts.identity.account:
        who = access.role_arn(facts.settings, error.account)
    return Remedy(right=f"{who} is allowed {error.permission}")
