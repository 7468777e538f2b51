"""The checks of CreateStackSet, and trusted access to the organization."""

import json
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
from sandbox.tests.resources import (
    REGION,
    allow,
    code_of,
    message_of,
    policy,
    service,
    trusting,
    unique,
)

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


MEMBER = MEMBERS[0].id
EMPTY = {"Version": "2012-10-17"}  # no statement


def role(name: str, **changes: Any) -> dict[str, Any]:
    properties = {
        "RoleName": name,
        "Description": "before",
        "AssumeRolePolicyDocument": json.loads(trusting(service("events"))),
        "Policies": [
            {"PolicyName": "send", "PolicyDocument": json.loads(policy(allow("sqs:SendMessage")))},
            {"PolicyName": "more", "PolicyDocument": json.loads(policy(allow("sqs:GetQueueUrl")))},
        ],
        **changes,
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


class RoleStack:
    def __init__(self, sandbox: Sandbox) -> None:
        self.name = unique("role-stack")
        self._cloudformation = sandbox.client("cloudformation", MEMBER)
        self._iam = sandbox.client("iam", MEMBER)
        self._put(self._cloudformation.create_stack, role(self.name))

    def update(self, role: dict[str, Any]) -> None:
        self._put(self._cloudformation.update_stack, role)

    def _put(self, operation: Any, role: dict[str, Any]) -> None:
        operation(
            StackName=self.name,
            TemplateBody=json.dumps({"Resources": {"Role": role}}),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    def role(self, name: str) -> Any:
        return self._iam.get_role(RoleName=name)["Role"]

    def policies(self, name: str) -> dict[str, Any]:
        names = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        return {
            one: self._iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"]
            for one in names
        }


@pytest.fixture
def stack(sandbox: Sandbox) -> RoleStack:
    return RoleStack(sandbox)


def test_an_update_changes_trust_and_policies(stack: RoleStack) -> None:
    trust = json.loads(trusting(service("lambda")))
    read = json.loads(policy(allow("sqs:ReceiveMessage")))
    before = stack.role(stack.name)["RoleId"]
    stack.update(
        role(
            stack.name,
            Description="after",
            AssumeRolePolicyDocument=trust,
            MaxSessionDuration=7200,
            Policies=[{"PolicyName": "send", "PolicyDocument": read}],
        )
    )
    after = stack.role(stack.name)

    assert after["RoleId"] == before
    assert after["AssumeRolePolicyDocument"] == trust
    assert (after["Description"], after["MaxSessionDuration"]) == ("after", 7200)
    assert stack.policies(stack.name) == {"send": read}


def test_a_new_name_replaces_the_role(stack: RoleStack) -> None:
    name = f"{stack.name}-new"
    stack.update(role(name))

    assert set(stack.policies(name)) == {"send", "more"}
    with pytest.raises(ClientError) as gone:
        stack.role(stack.name)
    assert code_of(gone.value) == "NoSuchEntity"


def test_an_update_with_an_invalid_policy_changes_nothing(stack: RoleStack) -> None:
    cases: list[dict[str, Any]] = [
        {"AssumeRolePolicyDocument": EMPTY},
        {"Policies": [{"PolicyName": "send", "PolicyDocument": EMPTY}]},
    ]
    for refused in cases:
        before = stack.role(stack.name), stack.policies(stack.name)
        with pytest.raises(ClientError) as error:
            stack.update(role(stack.name, Description="after", **refused))

        assert code_of(error.value) == "MalformedPolicyDocument", refused
        assert (stack.role(stack.name), stack.policies(stack.name)) == before, refused


def test_an_invalid_policy_creates_no_role(sandbox: Sandbox) -> None:
    name = unique("refused-role")
    refused = [{"PolicyName": "send", "PolicyDocument": EMPTY}]
    with pytest.raises(ClientError) as error:
        sandbox.client("cloudformation", MEMBER).create_stack(
            StackName=name,
            TemplateBody=json.dumps({"Resources": {"Role": role(name, Policies=refused)}}),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    assert code_of(error.value) == "MalformedPolicyDocument"
    with pytest.raises(ClientError) as missing:
        sandbox.client("iam", MEMBER).get_role(RoleName=name)
    assert code_of(missing.value) == "NoSuchEntity"
