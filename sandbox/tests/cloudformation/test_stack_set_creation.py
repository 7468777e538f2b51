"""The checks of CreateStackSet, and trusted access to the organization."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY, TRUSTED_SERVICES
from sandbox.tests.cloudformation.stack_set_helper import (
    FOLLOWING,
    STATIC,
    TEMPLATE,
    DeployedStackSet,
    unit_id,
)
from sandbox.tests.resources import REGION, code_of, message_of, unique

PAYMENTS = MEMBERS[0].id
(STACK_SETS,) = (name for name in TRUSTED_SERVICES if "stacksets" in name)


@pytest.fixture
def stack_set(sandbox: Sandbox) -> DeployedStackSet:
    return DeployedStackSet(sandbox, FOLLOWING)


@pytest.fixture
def _access_restored(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.client("cloudformation").activate_organizations_access()


def create(sandbox: Sandbox, **changes: Any) -> None:
    request = {
        "StackSetName": unique("stack-set"),
        "TemplateBody": TEMPLATE,
        "Parameters": [{"ParameterKey": "Name", "ParameterValue": "name"}],
        "PermissionModel": "SERVICE_MANAGED",
        "AutoDeployment": STATIC,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    changed = {name: value for name, value in {**request, **changes}.items() if value is not None}
    sandbox.client("cloudformation").create_stack_set(**changed)


def test_an_invalid_stack_set_is_refused(sandbox: Sandbox) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        (
            {"Capabilities": ["CAPABILITY_IAM"]},
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_NAMED_IAM]",
        ),
        ({"Parameters": []}, "ValidationError", "Parameters: [Name] must have values"),
        (
            {"Parameters": [{"ParameterKey": "Nmae", "ParameterValue": "x"}]},
            "ValidationError",
            "Parameters: [Nmae] do not exist in the template",
        ),
        ({"AutoDeployment": None}, "ValidationError", "AutoDeployment must be specified"),
        ({"AutoDeployment": {"Enabled": True}}, "ValidationError", "RetainStacksOnAccountRemoval"),
        (
            {"AutoDeployment": {**FOLLOWING, "Enabled": False}},
            "ValidationError",
            "RetainStacksOnAccountRemoval",
        ),
        (
            {"AdministrationRoleARN": f"arn:aws:iam::{MANAGEMENT.id}:role/administration"},
            "ValidationError",
            "AdministrationRoleARN is not supported",
        ),
        ({"TemplateBody": None}, "ValidationError", "Exactly one of TemplateBody or TemplateUrl"),
        ({"TemplateBody": "Resources: ["}, "ValidationError", "Template format error"),
        ({"TemplateBody": "Outputs: {}"}, "ValidationError", "At least one Resources member"),
        (
            {
                "TemplateBody": "Resources: {S: {Type: 'AWS::CloudFormation::Stack'}}",
                "Parameters": None,
            },
            "ValidationError",
            "neither nested stacks nor transforms",
        ),
        (
            {"TemplateBody": "Resources: {S: {Type: 'AWS::No::Such'}}", "Parameters": None},
            "ValidationError",
            "S: the sandbox does not support AWS::No::Such",
        ),
    ]
    for changes, code, reason in cases:
        with pytest.raises(ClientError) as refused:
            create(sandbox, **changes)

        assert code_of(refused.value) == code, (changes, code, reason)
        assert reason in message_of(refused.value), (changes, code, reason)


def test_the_name_of_a_stack_set_is_unique(sandbox: Sandbox, stack_set: DeployedStackSet) -> None:
    with pytest.raises(ClientError) as refused:
        create(sandbox, StackSetName=stack_set.name)

    assert code_of(refused.value) == "NameAlreadyExistsException"


@pytest.mark.usefixtures("_access_restored")
def test_stack_sets_require_trusted_access(sandbox: Sandbox, stack_set: DeployedStackSet) -> None:
    before = stack_set.client.describe_organizations_access()["Status"]
    stack_set.client.deactivate_organizations_access()
    between = stack_set.client.describe_organizations_access()["Status"]
    with pytest.raises(ClientError) as refused:
        create(sandbox)
    with pytest.raises(ClientError) as stopped:
        stack_set.deploy(unit_id("Security"))
    stack_set.client.activate_organizations_access()
    stack_set.deploy(unit_id("Security"))

    assert (before, between) == ("ENABLED", "DISABLED")
    assert message_of(refused.value) == message_of(stopped.value)
    assert message_of(refused.value) == (
        "You must enable organizations access to operate a service managed stack set"
    )
    assert stack_set.client.describe_organizations_access()["Status"] == "ENABLED"


@pytest.mark.usefixtures("_access_restored")
def test_enable_aws_service_access_does_not_activate_trusted_access(sandbox: Sandbox) -> None:
    client = sandbox.client("cloudformation")
    organizations = sandbox.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal=STACK_SETS)
    distrusted = client.describe_organizations_access()["Status"]
    organizations.enable_aws_service_access(ServicePrincipal=STACK_SETS)

    assert distrusted == "DISABLED"
    assert client.describe_organizations_access()["Status"] == "DISABLED"
    with pytest.raises(ClientError):
        create(sandbox)


def test_moto_manages_self_managed_stack_sets(sandbox: Sandbox) -> None:
    client, name = sandbox.client("cloudformation"), unique("stack-set")
    create(sandbox, StackSetName=name, PermissionModel=None, AutoDeployment=None)
    client.create_stack_instances(StackSetName=name, Accounts=[PAYMENTS], Regions=[REGION])
    listed = client.list_stack_instances(StackSetName=name)["Summaries"]
    with pytest.raises(ClientError) as refused:
        client.list_stack_set_auto_deployment_targets(StackSetName=name)

    assert [one["Account"] for one in listed] == [PAYMENTS]
    assert message_of(refused.value) == "Only SERVICE_MANAGED stack sets support this operation"


def test_a_member_account_cannot_manage_service_managed_stack_sets(sandbox: Sandbox) -> None:
    client = sandbox.client("cloudformation", SECURITY.id)

    with pytest.raises(ClientError) as refused:
        client.create_stack_set(
            StackSetName=unique("stack-set"),
            TemplateBody=TEMPLATE,
            Parameters=[{"ParameterKey": "Name", "ParameterValue": "name"}],
            PermissionModel="SERVICE_MANAGED",
            AutoDeployment=STATIC,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    assert "You must be the management account" in message_of(refused.value)
    with pytest.raises(ClientError) as closed:
        client.describe_organizations_access()
    assert code_of(closed.value) == "InvalidOperationException"
