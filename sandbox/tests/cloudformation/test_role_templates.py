"""A stack's role becomes what its template says, also when the stack is updated."""

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


class Stack:
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
def stack(sandbox: Sandbox) -> Stack:
    return Stack(sandbox)


def test_an_update_changes_trust_and_policies(stack: Stack) -> None:
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


def test_a_role_of_another_name_takes_the_place_of_the_old_one(stack: Stack) -> None:
    name = f"{stack.name}-new"
    stack.update(role(name))

    assert set(stack.policies(name)) == {"send", "more"}
    with pytest.raises(ClientError) as gone:
        stack.role(stack.name)
    assert code_of(gone.value) == "NoSuchEntity"


@pytest.mark.parametrize(
    "refused",
    [
        {"AssumeRolePolicyDocument": EMPTY},
        {"Policies": [{"PolicyName": "send", "PolicyDocument": EMPTY}]},
    ],
    ids=lambda refused: next(iter(refused)),
)
def test_an_update_with_a_refused_document_changes_nothing(
    stack: Stack, refused: dict[str, Any]
) -> None:
    before = stack.role(stack.name), stack.policies(stack.name)
    with pytest.raises(ClientError) as error:
        stack.update(role(stack.name, Description="after", **refused))

    assert code_of(error.value) == "MalformedPolicyDocument"
    assert (stack.role(stack.name), stack.policies(stack.name)) == before


def test_a_refused_policy_makes_no_role(sandbox: Sandbox) -> None:
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
