"""`rootwatch plan | deploy | destroy`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import ROOT, WRONG_USAGE, CommandError, epilog, say

if TYPE_CHECKING:
    from config.settings import Settings
    from operations.deployment.terraform import Terraform

NOTHING_DONE = f"nothing was changed: {WRONG_USAGE}, or no approval"
PLAN_EPILOG = epilog(
    "AWS_PROFILE=management rootwatch plan",
    "rootwatch plan detection",
    statuses={0: "planned", 1: "Terraform failed", 2: NOTHING_DONE},
)
DEPLOY_EPILOG = epilog(
    "AWS_PROFILE=management rootwatch deploy",
    "rootwatch deploy detection",
    "rootwatch deploy --auto-approve   # in CI: no questions",
    statuses={
        0: "deployed, and every account is covered",
        1: "the deployment failed, or accounts are not covered: they are listed",
        2: NOTHING_DONE,
    },
)
DESTROY_EPILOG = epilog(
    "AWS_PROFILE=management rootwatch destroy",
    "rootwatch destroy trail",
    statuses={0: "destroyed", 1: "Terraform failed", 2: NOTHING_DONE},
)

Stack = Annotated[
    str | None,
    typer.Argument(metavar="[STACK]", help="One stack; by default all.", show_default=False),
]
AutoApprove = Annotated[
    bool, typer.Option("--auto-approve", help="Apply the plans without asking for approval.")
]


def plan(stack: Stack = None) -> None:
    """Show what a deployment would change. Nothing is changed."""
    from operations.deployment.deploy import Deployer  # noqa: PLC0415

    with _errors():
        _settings()
        Deployer(say).plan(_stacks(stack))


def deploy(stack: Stack = None, *, auto_approve: AutoApprove = False) -> None:
    """Deploy to the organization of the configuration.

    It plans all stacks, asks once, and applies exactly the saved plans. At the
    end, it lists the accounts that AWS could not cover, with the reasons.
    """
    from operations.deployment import report  # noqa: PLC0415
    from operations.deployment.deploy import Deployer  # noqa: PLC0415
    from operations.preflight.aws import AwsClients  # noqa: PLC0415
    from operations.preflight.coverage import Coverage, read_coverage  # noqa: PLC0415

    with _errors():
        settings = _settings()
        _check_terminal(auto_approve=auto_approve)
        stacks = _stacks(stack)
        deployer = Deployer(say)
        plans = deployer.plan(stacks, keeps_partial=True)
        if any(one.has_changes for one in plans):
            _approve("Apply these plans?", auto_approve=auto_approve)
        done = deployer.apply(stacks, plans)
        say("\n== Result")
        for line in report.outcome(plans, done.outputs):
            say(line)
        applied = {one.stack for one in plans if not one.has_changes or one.stack in done.outputs}
        covered = read_coverage(settings, applied, AwsClients()) if applied else Coverage()
        for line in report.coverage(settings, covered):
            say(line)
    raise typer.Exit(bool(done.is_failed or covered.failures))


def destroy(stack: Stack = None, *, auto_approve: AutoApprove = False) -> None:
    """Remove Rootwatch, or one stack, from the organization.

    It requires `protect: false` in the configuration, and an empty bucket. It
    says what stops and what remains, and asks.
    """
    from operations.deployment import destroy as destruction  # noqa: PLC0415
    from operations.deployment.deploy import Deployer  # noqa: PLC0415
    from operations.preflight.aws import AwsClients  # noqa: PLC0415

    with _errors():
        settings = _settings()
        destruction.check_protection(settings, ())
        _check_terminal(auto_approve=auto_approve)
        stacks = _stacks(stack)
        for one in stacks:
            one.init()
        destruction.check_protection(settings, stacks)
        names = [one.stack for one in stacks]
        if "trail" in names:
            destruction.check_bucket(settings, AwsClients())
        in_order = tuple(reversed(stacks))
        deployer = Deployer(say)
        plans = deployer.plan(in_order, "-destroy")
        say("")
        for line in destruction.consequences(settings, names):
            say(line)
        _approve(f"Destroy {settings.deployment}?", auto_approve=auto_approve)
        done = deployer.apply(in_order, plans, retries=False)
    raise typer.Exit(bool(done.errors))


def _settings() -> "Settings":
    """An invalid configuration is reported before anything else is done."""
    from config.loader import load, settings_path  # noqa: PLC0415

    return load(settings_path(os.environ, ROOT))


def _stacks(only: str | None) -> "tuple[Terraform, ...]":
    """The synthesized stacks, in the order of their deployment."""
    from operations.deployment.app import App  # noqa: PLC0415

    app = App(ROOT, say)
    app.synthesize()
    return app.stacks(only)


def _check_terminal(*, auto_approve: bool) -> None:
    if not auto_approve and not sys.stdin.isatty():
        message = (
            "standard input is not a terminal, so nobody can approve; in CI, use --auto-approve"
            " (make: AUTO_APPROVE=1)"
        )
        raise CommandError(message, status=2)


def _approve(question: str, *, auto_approve: bool) -> None:
    """Raises CommandError unless somebody answers `yes`."""
    if auto_approve:
        return
    answer = input(f"\n{question} Only 'yes' is accepted: ")
    if answer.strip() != "yes":
        raise CommandError("not approved: nothing was changed", status=2)


@contextmanager
def _errors() -> Iterator[None]:
    from operations.deployment.app import SynthesisError, UnknownStackError  # noqa: PLC0415
    from operations.deployment.deploy import UnapprovedChangeError  # noqa: PLC0415
    from operations.deployment.destroy import ProtectedError  # noqa: PLC0415
    from operations.deployment.terraform import TerraformError  # noqa: PLC0415
    from operations.preflight.aws import PreflightError  # noqa: PLC0415

    try:
        yield
    except (SynthesisError, UnknownStackError, ProtectedError) as error:
        raise CommandError(str(error), status=2) from error
    except (TerraformError, UnapprovedChangeError) as error:
        raise CommandError(str(error), status=1) from error
    except PreflightError as error:
        raise CommandError(f"the coverage is unknown: {error}", status=1) from error
