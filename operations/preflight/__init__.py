"""Checks the requirements of a deployment. All AWS calls are read-only."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from compiler.detection import Detection
from config.settings import Settings
from operations.preflight import (
    access,
    coverage,
    delegations,
    names,
    organization,
    organization_policies,
    security_hub,
    terraform,
    trail_checks,
)
from operations.preflight.aws import AwsClients, ReadError, SkippedError
from operations.preflight.check import WORKERS, Check, CheckContext
from operations.preflight.result import CheckResult, Remedy, Report, Row, Status, errored

CHECKS: tuple[Check, ...] = (
    *access.CHECKS,  # the others depend on the first one
    *organization.CHECKS,
    *organization_policies.CHECKS,
    *delegations.CHECKS,
    *security_hub.CHECKS,
    *names.CHECKS,
    *trail_checks.CHECKS,
    *names.STATE_CHECKS,
    *coverage.CHECKS,
    *terraform.CHECKS,
)


def run(settings: Settings, detections: tuple[Detection, ...], root: Path) -> Report:
    """With the credentials of the environment; `root` is the project folder.

    Raises CannotStartError without valid credentials, or if AWS does not respond.
    """
    clients = AwsClients()
    return run_checks(
        CheckContext(
            settings=settings,
            detections=detections,
            clients=clients,
            identity=clients.identity(settings.home_region),
            root=root,
        )
    )


def run_checks(context: CheckContext) -> Report:
    """With credentials of another account, only the first check runs."""
    first, *others = (check for check in CHECKS if check.applies(context.settings))
    results = [run_check(context, first)]
    if results[0].status is Status.PASS:
        with ThreadPoolExecutor(WORKERS) as pool:
            results += pool.map(partial(run_check, context), others)
    checks = [first, *others][: len(results)]
    rows = (Row(one.id, one.title, result) for one, result in zip(checks, results, strict=True))
    return Report(rows=tuple(rows), calls=context.clients.calls)


def run_check(context: CheckContext, check: Check) -> CheckResult:
    try:
        return check.run(context)
    except SkippedError as error:
        return errored(f"skipped: {error.reason}")
    except ReadError as error:
        return errored(f"call failed: {error}", _permission_remedy(context, error))


def _permission_remedy(context: CheckContext, error: ReadError) -> Remedy | None:
    if not error.is_denied:
        return None
    principal = context.identity.arn
    if error.account != context.identity.account:
        principal = access.deployment_role_arn(context.settings, error.account)
    return Remedy(expected=f"{principal} has the permission {error.permission}")
