"""Every account gets the member role, which only the importer can assume."""

import json
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]  # it carries no types

from config.settings import Settings
from modules.member_access import TEMPLATE
from sandbox.iam.policy import AccessRequest, Principal, ResourcePolicyKind, decide, parse_policy
from tests.synth.conftest import MEMBER
from tests.synth.terraform_json import (
    Resource,
    Stack,
    actions,
    decided_by_identity,
    rendered,
    role_session,
    unescaped,
)

IMPORT = "securityhub:BatchImportFindings"


@pytest.fixture
def stack_set(organization: Stack) -> Resource:
    return organization.only("aws_cloudformation_stack_set")


@pytest.fixture
def management_stack(organization: Stack) -> Resource:
    return organization.only("aws_cloudformation_stack")


@pytest.fixture
def member_role(member_template: dict[str, Any]) -> dict[str, Any]:
    return dict(member_template["MemberRole"])


@pytest.fixture
def member_policy(member_role: dict[str, Any]) -> str:
    [policy] = member_role["Policies"]
    return json.dumps(policy["PolicyDocument"])


@pytest.fixture
def importer(detection: Stack) -> Resource:
    return detection.follow(detection.only("aws_lambda_function")["role"], "arn")


@pytest.fixture
def importer_policy(detection: Stack, importer: Resource) -> str:
    """Its permission for other accounts, without the ones that refer to resources."""
    [policy] = detection.pointing_to("aws_iam_role_policy", "role", importer)
    document = json.loads(policy["policy"])
    document["Statement"] = [
        one for one in document["Statement"] if one["Action"] == "sts:AssumeRole"
    ]
    return json.dumps(document)


def test_the_stack_set_covers_accounts_that_join_and_retains_stacks_as_configured(
    stack_set: Resource, settings: Settings
) -> None:
    retain = settings.stack_set.retain_stacks_on_account_removal

    assert stack_set["permission_model"] == "SERVICE_MANAGED"
    assert stack_set["auto_deployment"] == {
        "enabled": True,
        "retain_stacks_on_account_removal": retain,
    }


def test_the_stack_set_deploys_to_the_configured_targets_and_tolerates_failures(
    organization: Stack, stack_set: Resource, settings: Settings
) -> None:
    instances = organization.only("aws_cloudformation_stack_set_instance")

    targets: dict[str, Any] = {"organizational_unit_ids": list(settings.organization.targets)}
    if excluded := list(settings.organization.excluded_accounts):
        targets |= {"accounts": excluded, "account_filter_type": "DIFFERENCE"}
    choice = settings.stack_set

    assert organization.follow(instances["stack_set_name"], "name") == stack_set
    assert instances["deployment_targets"] == targets
    preferences = {
        "failure_tolerance_percentage": choice.failure_tolerance_percentage,
        "max_concurrent_percentage": choice.max_concurrent_percentage,
        "region_concurrency_type": "PARALLEL",
    }
    assert stack_set["operation_preferences"] == preferences
    assert instances["operation_preferences"] == preferences | {
        "concurrency_mode": "SOFT_FAILURE_TOLERANCE"
    }


def test_terraform_waits_long_enough_for_thousands_of_accounts(
    organization: Stack, stack_set: Resource
) -> None:
    instances = organization.only("aws_cloudformation_stack_set_instance")

    assert stack_set["timeouts"] == {"update": "24h"}
    assert instances["timeouts"] == dict.fromkeys(("create", "update", "delete"), "24h")


def test_terraform_ignores_what_aws_or_the_provider_cannot_keep(
    organization: Stack, stack_set: Resource
) -> None:
    instances = organization.only("aws_cloudformation_stack_set_instance")

    assert stack_set["lifecycle"] == {"ignore_changes": ["administration_role_arn"]}
    assert instances["lifecycle"] == {"ignore_changes": ["operation_preferences"]}


def test_the_template_can_create_roles_with_names(stack_set: Resource) -> None:
    assert stack_set["capabilities"] == ["CAPABILITY_NAMED_IAM"]


def test_a_deployment_waits_for_operations_of_accounts_that_join(stack_set: Resource) -> None:
    assert stack_set["managed_execution"] == {"active": True}


def test_member_access_is_in_the_region_that_records_root_sign_ins(
    organization: Stack, stack_set: Resource, management_stack: Resource, settings: Settings
) -> None:
    instances = organization.only("aws_cloudformation_stack_set_instance")

    assert instances["region"] == settings.sign_in_region
    for resource in (stack_set, management_stack):
        assert organization.region(resource) == settings.sign_in_region


def test_the_management_account_gets_the_same_template_as_the_members(
    organization: Stack, stack_set: Resource, management_stack: Resource, settings: Settings
) -> None:
    for argument in ("template_body", "parameters", "capabilities"):
        assert management_stack[argument] == stack_set[argument]
    for resource in organization.resources():
        assert organization.account(resource) == settings.accounts.management


def test_the_stack_set_has_the_template_unchanged(stack_set: Resource) -> None:
    deployed = unescaped(stack_set["template_body"])

    assert deployed == TEMPLATE.read_text("utf-8")


def test_cfn_lint_accepts_the_template() -> None:
    findings = lint(TEMPLATE.read_text("utf-8"), regions=["us-east-1", "us-gov-west-1"])

    assert findings == []


def test_every_parameter_of_the_template_has_a_value_and_a_description(stack_set: Resource) -> None:
    given = stack_set["parameters"]
    pseudo = dict.fromkeys(("AWS::AccountId", "AWS::Partition", "AWS::Region"), "any")
    declared = rendered(TEMPLATE.read_text("utf-8"), given | pseudo)["Parameters"]

    assert declared.keys() == given.keys()
    assert all(parameter["Description"] for parameter in declared.values())


def assume_member_role(
    caller: Principal,
    member_role: dict[str, Any],
    importer_policy: str,
    caller_organization: str,
    role_organization: str,
) -> bool:
    """Whether the caller, with the importer's permissions, can assume the member role."""
    trust = json.dumps(member_role["AssumeRolePolicyDocument"])
    partition = str(caller.arn).split(":")[1]
    asked = AccessRequest(
        principal=caller,
        action="sts:AssumeRole",
        resource=f"arn:{partition}:iam::{MEMBER}:role/{member_role['RoleName']}",
        resource_account=MEMBER,
        context={
            "aws:PrincipalArn": str(caller.role_arn),
            "aws:PrincipalOrgID": caller_organization,
            "aws:ResourceOrgID": role_organization,
        },
    )
    decision = decide(
        asked,
        identity_policies=[parse_policy(importer_policy, "importer", None)],
        resource_policy=parse_policy(trust, "member", ResourcePolicyKind.TRUST),
        kind=ResourcePolicyKind.TRUST,
    )
    return decision.allowed


def test_the_importer_can_assume_the_member_role(
    member_role: dict[str, Any], importer: Resource, importer_policy: str, settings: Settings
) -> None:
    caller = role_session(settings.partition, settings.accounts.security, importer["name"])
    own = settings.organization.id

    assert assume_member_role(caller, member_role, importer_policy, own, own)


@pytest.mark.parametrize("other", ["role", "account", "caller organization", "role organization"])
def test_no_other_identity_can_assume_the_member_role(
    member_role: dict[str, Any],
    importer: Resource,
    importer_policy: str,
    settings: Settings,
    other: str,
) -> None:
    role = "administrator" if other == "role" else importer["name"]
    account = "555555555555" if other == "account" else settings.accounts.security
    callers, roles = (
        "o-otherorgid" if other == f"{one} organization" else settings.organization.id
        for one in ("caller", "role")
    )
    caller = role_session(settings.partition, account, role)

    assert not assume_member_role(caller, member_role, importer_policy, callers, roles)


def test_a_session_of_the_member_role_lasts_at_most_an_hour(member_role: dict[str, Any]) -> None:
    assert member_role["MaxSessionDuration"] == 60 * 60


def test_the_member_role_has_one_permission(
    member_role: dict[str, Any], member_policy: str
) -> None:
    assert actions(member_policy) == {IMPORT}
    assert "ManagedPolicyArns" not in member_role


@pytest.mark.parametrize(
    ("action", "product", "target", "allowed"),
    [
        (IMPORT, f"{MEMBER}:product/{MEMBER}/default", MEMBER, True),
        (IMPORT, f"{MEMBER}:product/{MEMBER}/default", "555555555555", False),
        (IMPORT, f"{MEMBER}:product/{MEMBER}/other", MEMBER, False),
        (IMPORT, "555555555555:product/555555555555/default", MEMBER, False),
        ("securityhub:BatchUpdateFindings", f"{MEMBER}:product/{MEMBER}/default", MEMBER, False),
        ("iam:CreateUser", f"{MEMBER}:product/{MEMBER}/default", MEMBER, False),
    ],
)
def test_the_member_role_can_only_import_findings_of_its_own_account(
    member_policy: str,
    settings: Settings,
    action: str,
    product: str,
    target: str,
    *,
    allowed: bool,
) -> None:
    member = role_session(settings.partition, MEMBER, "member")
    resource = f"arn:{settings.partition}:securityhub:eu-west-1:{product}"
    context = {"securityhub:TargetAccount": target}

    assert decided_by_identity(member_policy, member, action, resource, context).allowed is allowed
