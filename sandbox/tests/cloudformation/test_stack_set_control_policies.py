"""Service control policies that deny resources of a stack set in some accounts."""

from sandbox.local import Sandbox
from sandbox.organizations import organization
from sandbox.organizations.organization import MEMBERS, ROOT_ID, Account, new_number
from sandbox.tests.cloudformation.stack_set_helper import (
    CURRENT,
    FAILED,
    FOLLOWING,
    STATIC,
    TOLERANT,
    DeployedStackSet,
    create_unit,
)
from sandbox.tests.control_policies import ControlPolicies, deny
from sandbox.tests.resources import unique

PAYMENTS, WEBSITE, RESEARCH = (account.id for account in MEMBERS)
SKIPPED = ("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT")


def deployed(sandbox: Sandbox, *units: str, tolerance: int = 100) -> DeployedStackSet:
    stack_set = DeployedStackSet(sandbox, STATIC)
    preferences = {**TOLERANT, "FailureTolerancePercentage": tolerance}
    stack_set.deploy(*units, preferences=preferences)
    return stack_set


def test_a_denied_resource_fails_the_instances_of_the_account(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "events:PutRule", "events:PutTargets"):
        control.attach(WEBSITE, deny(action))

        stack_set = deployed(sandbox, units["Workloads"])

        expected = {PAYMENTS: CURRENT, WEBSITE: FAILED, RESEARCH: CURRENT}
        assert stack_set.statuses() == expected, action
        assert not stack_set.has_resources(WEBSITE), action
        control.clear()


def test_the_reason_names_the_action_and_the_policy(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    identifier = control.attach(units["Workloads"], deny("iam:CreateRole"))
    stack_set = deployed(sandbox, units["Workloads"])

    reasons = {one["Account"]: one["StatusReason"] for one in stack_set.summaries()}

    assert set(reasons) == {PAYMENTS, WEBSITE, RESEARCH}
    for account, reason in reasons.items():
        role = f"arn:aws:iam::{account}:role/{stack_set.name}"
        assert f"is not authorized to perform: iam:CreateRole on resource: {role}" in reason
        assert "with an explicit deny in a service control policy: arn:aws:" in reason
        assert identifier in reason


def test_the_tolerance_decides_whether_the_operation_fails(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    control.attach(WEBSITE, deny("iam:CreateRole"))
    for tolerance, expected in ((100, "SUCCEEDED"), (34, "SUCCEEDED"), (10, "FAILED")):
        stack_set = deployed(sandbox, units["Workloads"], tolerance=tolerance)

        assert stack_set.operations() == [("CREATE", expected)], tolerance


def test_an_account_without_permission_to_create_stacks_fails(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    control.attach(WEBSITE, deny("cloudformation:*"))

    stack_set = deployed(sandbox, units["Workloads"])

    assert stack_set.statuses()[WEBSITE] == FAILED


def test_a_lifted_denial_lets_the_next_operation_succeed(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    control.attach(WEBSITE, deny("iam:CreateRole"))
    stack_set = deployed(sandbox, units["Workloads"])
    control.clear()

    stack_set.deploy(units["Workloads"], preferences=TOLERANT)

    assert set(stack_set.statuses().values()) == {CURRENT}


def test_an_automatic_deployment_ignores_the_tolerance(
    sandbox: Sandbox, control: ControlPolicies
) -> None:
    """ListStackInstances shows the failure; the account joins without an error."""
    unit = create_unit(sandbox, ROOT_ID)
    control.attach(unit, deny("iam:CreateRole"))
    stack_set = DeployedStackSet(sandbox, FOLLOWING)
    stack_set.deploy(unit, preferences=TOLERANT)
    account = Account(new_number(), unique("account"))
    organization.join(account)

    organization.move(account.id, unit)

    assert stack_set.statuses() == {account.id: FAILED}
    assert stack_set.operations()[-1] == ("CREATE", "FAILED")


def test_a_suspended_account_is_skipped(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    control.attach(WEBSITE, deny("iam:CreateRole"))
    organization.suspend(RESEARCH)
    try:
        stack_set = deployed(sandbox, units["Workloads"])
        expected = {PAYMENTS: CURRENT, WEBSITE: FAILED, RESEARCH: SKIPPED}
        assert stack_set.statuses() == expected
    finally:
        organization.reinstate(RESEARCH)


def test_a_denied_deletion_leaves_the_resources(
    sandbox: Sandbox, control: ControlPolicies, units: dict[str, str]
) -> None:
    stack_set = deployed(sandbox, units["Workloads"])
    control.attach(WEBSITE, deny("iam:DeleteRole"))

    stack_set.delete_instances(units["Workloads"], preferences=TOLERANT)

    assert stack_set.statuses() == {WEBSITE: ("INOPERABLE", "INOPERABLE")}
    assert any(
        role["RoleName"] == stack_set.name
        for role in sandbox.client("iam", WEBSITE).list_roles()["Roles"]
    )
