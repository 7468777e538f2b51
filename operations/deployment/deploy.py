"""Applies saved plans, stack by stack, and retries what AWS is not ready for."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from operations.deployment.terraform import Diagnostic, Plan, Terraform

RETRY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Delay:
    """An error that AWS returns for a while after a delegation, and the provider does not retry."""

    service: str
    error: re.Pattern[str]
    max_attempts: int


DELAYS = (
    # While Security Hub copies the data of the organization. The provider retries one of the two.
    # https://github.com/hashicorp/terraform-provider-aws/blob/v5.100.0/internal/service/securityhub
    Delay(
        "Security Hub",
        re.compile(
            r"UpdateOrganizationConfiguration\b.*"
            r"\b(ResourceNotFoundException|DataUnavailableException)\b",
            re.DOTALL,
        ),
        60,
    ),
    # Also the error of a missing permission, for which nobody should wait long.
    # https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html
    Delay(
        "CloudTrail",
        re.compile(
            r"CreateTrail\b.*\bInsufficientDependencyServiceAccessPermissionException\b", re.DOTALL
        ),
        10,
    ),
)
# The resources that AWS creates completely, and reports as failed because of some accounts. A
# replacement would remove the accounts that are covered.
PARTIAL = frozenset(
    {
        "aws_cloudformation_stack_set_instance",
        "aws_securityhub_configuration_policy_association",
    }
)


class UnapprovedChangeError(Exception):
    """The repeated plan of a stack has changes that the approved one did not have."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """`outputs` has a key for each stack that was applied."""

    errors: tuple[Diagnostic, ...] = ()
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_failed(self) -> bool:
        """Apart from accounts, which the coverage lists."""
        return not all(map(_is_partial, self.errors))


@dataclass(frozen=True, slots=True)
class Deployer:
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    def plan(
        self, stacks: Sequence[Terraform], *options: str, keeps_partial: bool = False
    ) -> tuple[Plan, ...]:
        """All before the first is applied: names are derived from the configuration, so that no
        plan depends on another stack.
        """
        plans = []
        for stack in stacks:
            self.say(f"\n== Plan of the stack {stack.stack}")
            stack.init()
            if keeps_partial:
                _keep_partial(stack)
            plans.append(stack.plan(*options))
        return tuple(plans)

    def apply(
        self, stacks: Sequence[Terraform], plans: Sequence[Plan], *, retries: bool = True
    ) -> Deployed:
        """In order, as planned. Stops at the first stack with an error that is not of accounts.

        A destruction is not retried: it depends on no new delegation.
        """
        outputs = dict[str, Mapping[str, Any]]()
        left = tuple[Diagnostic, ...]()
        for stack, plan in zip(stacks, plans, strict=True):
            if not plan.has_changes:
                continue
            self.say(f"\n== Applying the plan of the stack {stack.stack}")
            errors, created = self._apply(stack, plan, retries=retries)
            if errors:
                _keep_partial(stack)
            left = (*left, *errors)
            if not all(map(_is_partial, errors)):
                break
            if errors:
                self.say("AWS created it. The accounts that failed are listed at the end.")
            outputs[stack.stack] = created
        return Deployed(left, outputs)

    def _apply(
        self, stack: Terraform, plan: Plan, *, retries: bool
    ) -> tuple[tuple[Diagnostic, ...], Mapping[str, Any]]:
        for attempt in count(1):
            applied = stack.apply()
            delay = _delay_of(applied.errors)
            if not retries or delay is None or attempt == delay.max_attempts:
                break
            self.say(
                f"{delay.service} is not ready yet after the delegation: attempt {attempt + 1} of"
                f" {delay.max_attempts} is in {RETRY_SECONDS} s"
            )
            self.sleep(RETRY_SECONDS)
            self._plan_again(stack, plan)
        return applied.errors, applied.outputs

    def _plan_again(self, stack: Terraform, approved: Plan) -> None:
        """A plan can be applied once. Raises UnapprovedChangeError."""
        repeated = stack.plan()
        unapproved = sorted(address for address, _ in repeated.changes - approved.changes)
        if unapproved:
            raise UnapprovedChangeError(
                f"stack {stack.stack}: got the changes {', '.join(unapproved)}, which were not in"
                " the approved plan; review the plan and deploy again"
            )


def _keep_partial(stack: Terraform) -> None:
    """Terraform marks a resource that failed to be replaced by the next deployment."""
    for resource in stack.state().get("resources", ()):
        is_tainted = any(one.get("status") == "tainted" for one in resource["instances"])
        if is_tainted and resource["type"] in PARTIAL:
            stack.untaint(f"{resource['type']}.{resource['name']}")


def _is_partial(error: Diagnostic) -> bool:
    """It names the accounts that failed; the resource itself exists."""
    resource_type = (error.address or "").partition(".")[0]
    return resource_type in PARTIAL and "waiting for " in error.summary


def _delay_of(errors: Sequence[Diagnostic]) -> Delay | None:
    """The one that explains all errors."""
    texts = [f"{one.summary}\n{one.detail}" for one in errors]
    for delay in DELAYS if texts else ():
        if all(map(delay.error.search, texts)):
            return delay
    return None
