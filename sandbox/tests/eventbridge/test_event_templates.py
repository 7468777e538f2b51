"""AWS::Events::Rule in stacks and stack sets, with the checks of the API."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from sandbox.organizations.organization import MANAGEMENT, MEMBERS, SECURITY
from sandbox.tests.eventbridge.event_resources import (
    SOURCE,
    Queue,
    admit,
    bus_arn,
    create_bus,
    entry,
    rule_in,
    target,
)
from sandbox.tests.resources import REGION, unique

MEMBER = MEMBERS[0].id
TEMPLATE = """
Parameters:
  Name: {Type: String}
  Bus: {Type: String}
  State: {Type: String, Default: ENABLED}
Resources:
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: !Ref Name
      Description: Sends on what the shop sells.
      State: !Ref State
      EventPattern:
        source: [SOURCE]
        detail-type: [Sale, Return]
        detail:
          item: [{anything-but: {prefix: pen}}]
      Targets:
        - Id: bus
          Arn: !Ref Bus
          RoleArn: !GetAtt Role.Arn
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref Name
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sts:AssumeRole
            Condition:
              StringEquals:
                aws:SourceAccount: !Ref AWS::AccountId
              ArnEquals:
                aws:SourceArn: !Sub arn:aws:events:${AWS::Region}:${AWS::AccountId}:rule/${Name}
      Policies:
        - PolicyName: send
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - {Effect: Allow, Action: events:PutEvents, Resource: !Ref Bus}
Outputs:
  Name: {Value: !Ref Rule}
  Arn: {Value: !GetAtt Rule.Arn}
""".replace("SOURCE", SOURCE)


class Central:
    """A bus in the security account with a rule that sends to a queue."""

    def __init__(self, sandbox: Sandbox) -> None:
        name = create_bus(sandbox, SECURITY.id, admit())
        rule = rule_in(SECURITY.id, name)
        self.queue = Queue(sandbox, SECURITY.id, rule)
        rule.put(sandbox, target(self.queue.arn))
        self.arn = bus_arn(SECURITY.id, name)

    def received_from(self, sandbox: Sandbox, account: str) -> int:
        sandbox.client("events", account).put_events(Entries=[entry()])
        return len(self.queue.events())


@pytest.fixture(scope="module")
def central(sandbox: Sandbox) -> Central:
    return Central(sandbox)


@pytest.fixture
def stack(sandbox: Sandbox, central: Central) -> Any:
    stack = TemplateStack(sandbox, MEMBER)
    stack.create(Bus=central.arn)
    yield stack
    stack.delete()


class TemplateStack:
    def __init__(self, sandbox: Sandbox, account: str) -> None:
        self.name = unique("stack")
        self._client = sandbox.client("cloudformation", account)
        self._events = sandbox.client("events", account)
        self._iam = sandbox.client("iam", account)

    def create(self, template: str = TEMPLATE, **parameters: str) -> None:
        self._client.create_stack(**self._request(template, parameters))

    def update(self, template: str = TEMPLATE, **parameters: str) -> None:
        self._client.update_stack(**self._request(template, parameters))

    def delete(self) -> None:
        self._client.delete_stack(StackName=self.name)

    def outputs(self) -> dict[str, str]:
        [stack] = self._client.describe_stacks(StackName=self.name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def rules(self) -> list[str]:
        listed = self._events.list_rules(NamePrefix=self.name)["Rules"]
        return [rule["Name"] for rule in listed]

    def roles(self) -> list[str]:
        listed = self._iam.list_roles()["Roles"]
        return [role["RoleName"] for role in listed if role["RoleName"] == self.name]

    def targets(self, rule: str) -> list[Any]:
        return list(self._events.list_targets_by_rule(Rule=rule)["Targets"])

    def _request(self, template: str, parameters: dict[str, str]) -> dict[str, Any]:
        given = {"Name": self.name, **parameters}
        return {
            "StackName": self.name,
            "TemplateBody": template,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
            ],
        }


def test_the_rule_of_a_stack_delivers_events(
    sandbox: Sandbox, stack: TemplateStack, central: Central
) -> None:
    described = sandbox.client("events", MEMBER).describe_rule(Name=stack.name)
    [sent] = stack.targets(stack.name)

    assert stack.outputs() == {"Name": stack.name, "Arn": described["Arn"]}
    assert json.loads(described["EventPattern"])["detail-type"] == ["Sale", "Return"]
    assert described["Description"] == "Sends on what the shop sells."
    assert sent == {
        "Id": "bus",
        "Arn": central.arn,
        "RoleArn": f"arn:aws:iam::{MEMBER}:role/{stack.name}",
    }
    assert central.received_from(sandbox, MEMBER) == 1


def test_an_update_changes_the_rule_and_its_targets(
    sandbox: Sandbox, stack: TemplateStack, central: Central
) -> None:
    other = Central(sandbox)
    renamed = TEMPLATE.replace("Id: bus", "Id: other-bus")
    stack.update(renamed, Bus=other.arn)
    received = other.received_from(sandbox, MEMBER), len(central.queue.events())
    ids = [one["Id"] for one in stack.targets(stack.name)]
    stack.update(renamed, Bus=other.arn, State="DISABLED")

    assert received == (1, 0)
    assert ids == ["other-bus"]
    assert other.received_from(sandbox, MEMBER) == 0


def test_a_new_name_replaces_the_rule(stack: TemplateStack, central: Central) -> None:
    stack.update(Name=f"{stack.name}-new", Bus=central.arn)

    assert stack.rules() == [f"{stack.name}-new"]
    assert len(stack.targets(f"{stack.name}-new")) == 1


def test_deleting_a_stack_deletes_its_rule(sandbox: Sandbox, central: Central) -> None:
    stack = TemplateStack(sandbox, MEMBER)
    stack.create(Bus=central.arn)
    before = stack.rules()
    stack.delete()

    assert before == [stack.name]
    assert stack.rules() == []
    assert central.received_from(sandbox, MEMBER) == 0


@pytest.mark.parametrize(
    ("bus", "reason"),
    [
        (bus_arn(SECURITY.id, "gone"), "ResourceNotFoundException: Event bus .* does not exist"),
        (bus_arn(SECURITY.id, "default"), "AccessDeniedException: .*role/.* is not authorized"),
    ],
)
def test_a_stack_without_permission_to_send_is_rolled_back(
    sandbox: Sandbox, bus: str, reason: str
) -> None:
    stack = TemplateStack(sandbox, MEMBER)

    with pytest.raises(ClientError, match=reason):
        stack.create(Bus=bus)

    assert stack.rules() == []
    assert stack.roles() == []


def test_a_denied_update_keeps_the_targets(stack: TemplateStack, central: Central) -> None:
    with pytest.raises(ClientError, match="AccessDeniedException"):
        stack.update(Bus=bus_arn(SECURITY.id, "default"))

    assert [one["Arn"] for one in stack.targets(stack.name)] == [central.arn]


@pytest.mark.parametrize(
    ("found", "instead", "reason"),
    [
        ("RoleArn: !GetAtt Role.Arn", "", "RoleArn is required"),
        ("anything-but: {prefix: pen}", "like: pen", r'got \["like"\], expected one operator of'),
        ("events.amazonaws.com", "lambda.amazonaws.com", "cannot be assumed"),
        ("State: !Ref State", "Status: ENABLED", "unknown properties Status"),
    ],
)
def test_a_template_has_the_checks_of_the_api(
    sandbox: Sandbox, central: Central, found: str, instead: str, reason: str
) -> None:
    stack = TemplateStack(sandbox, MEMBER)

    with pytest.raises(ClientError, match=reason):
        stack.create(TEMPLATE.replace(found, instead), Bus=central.arn)

    assert stack.rules() == []


class RuleStackSet:
    """The template in every account of the root."""

    def __init__(self, sandbox: Sandbox, bus: str) -> None:
        self.name = unique("set")
        self._client = sandbox.client("cloudformation", MANAGEMENT.id)
        root = sandbox.client("organizations").list_roots()["Roots"][0]["Id"]
        self._targets = {"DeploymentTargets": {"OrganizationalUnitIds": [root]}}
        given = {"Name": self.name, "Bus": bus}
        self._client.create_stack_set(
            StackSetName=self.name,
            TemplateBody=TEMPLATE,
            PermissionModel="SERVICE_MANAGED",
            AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": False},
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        )

    def deploy(self) -> None:
        tolerant = {"FailureTolerancePercentage": 100, "MaxConcurrentPercentage": 100}
        self._client.create_stack_instances(**self._request(), OperationPreferences=tolerant)

    def delete_instances(self) -> None:
        self._client.delete_stack_instances(**self._request(), RetainStacks=False)

    def reasons(self) -> dict[str, str]:
        """The status reasons of the instances by account."""
        listed = self._client.list_stack_instances(StackSetName=self.name)["Summaries"]
        return {one["Account"]: one.get("StatusReason", "") for one in listed}

    def _request(self) -> dict[str, Any]:
        return {"StackSetName": self.name, "Regions": [REGION], **self._targets}


def rules_of(sandbox: Sandbox, prefix: str) -> list[str]:
    """The names in all member accounts."""
    return [
        rule["Name"]
        for member in MEMBERS
        for rule in sandbox.client("events", member.id).list_rules(NamePrefix=prefix)["Rules"]
    ]


def test_a_stack_set_deploys_the_rule_to_every_account(sandbox: Sandbox, central: Central) -> None:
    stack_set = RuleStackSet(sandbox, central.arn)
    stack_set.deploy()
    received = [central.received_from(sandbox, member.id) for member in MEMBERS]
    stack_set.delete_instances()

    assert received == [1, 1, 1]
    assert rules_of(sandbox, stack_set.name) == []


def test_a_stack_set_fails_in_accounts_without_permission_to_send(sandbox: Sandbox) -> None:
    """A bus without a policy allows only its own account."""
    bus = bus_arn(SECURITY.id, create_bus(sandbox, SECURITY.id))
    stack_set = RuleStackSet(sandbox, bus)
    stack_set.deploy()
    reasons = stack_set.reasons()

    assert all("AccessDeniedException" in reasons[member.id] for member in MEMBERS)
    assert reasons[SECURITY.id] == ""
    assert rules_of(sandbox, stack_set.name) == []
