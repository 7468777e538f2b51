"""AWS::IAM::Role in stacks that are created and updated."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS
from sandbox.tests.resources import allow, code_of, policy, service, trusting, unique

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
