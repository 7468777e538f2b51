"""A service-managed stack set with a role and a rule of its name in each account."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.local import Sandbox
from sandbox.organizations.organization import SECURITY, organization
from sandbox.tests.eventbridge.event_resources import admit
from sandbox.tests.resources import REGION, policy, trusting, unique

BUS_NAME = "central"
BUS = f"arn:aws:events:{REGION}:{SECURITY.id}:event-bus/{BUS_NAME}"
TEMPLATE = f"""
Parameters:
  Name:
    Type: String
  Description:
    Type: String
    Default: as it was
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref Name
      Description: !Ref Description
      AssumeRolePolicyDocument: {trusting({"Service": "events.amazonaws.com"})}
      Policies:
        - PolicyName: send
          PolicyDocument:
            Version: 2012-10-17
            Statement:
              - Effect: Allow
                Action: events:PutEvents
                Resource: {BUS}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: !Sub ${{Name}}
      EventPattern:
        source: [aws.signin]
      Targets:
        - Id: bus
          Arn: {BUS}
          RoleArn: !GetAtt Role.Arn
"""
FOLLOWING = {"Enabled": True, "RetainStacksOnAccountRemoval": False}
RETAINING = {"Enabled": True, "RetainStacksOnAccountRemoval": True}
STATIC = {"Enabled": False}
CURRENT = ("CURRENT", "SUCCEEDED")  # an instance's statuses
FAILED = ("OUTDATED", "FAILED")
TOLERANT = {"FailureTolerancePercentage": 100, "MaxConcurrentPercentage": 100}


class DeployedStackSet:
    def __init__(self, sandbox: Sandbox, auto_deployment: Mapping[str, bool]) -> None:
        self.name = unique("stack-set")
        self._sandbox = sandbox
        _ensure_bus(sandbox)
        self.client = sandbox.client("cloudformation")
        self.client.create_stack_set(
            StackSetName=self.name,
            TemplateBody=TEMPLATE,
            Parameters=self.parameters(),
            PermissionModel="SERVICE_MANAGED",
            AutoDeployment=dict(auto_deployment),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    def parameters(self, **more: str) -> list[dict[str, str]]:
        values = {"Name": self.name, **more}
        return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]

    def deploy(self, *units: str, regions: Iterable[str] = (REGION,), **more: Any) -> str:
        """The id of the operation; `more` are targets, except for `preferences`."""
        answer = self.client.create_stack_instances(
            StackSetName=self.name,
            Regions=list(regions),
            OperationPreferences=more.pop("preferences", {}),
            DeploymentTargets={"OrganizationalUnitIds": list(units), **more},
        )
        return str(answer["OperationId"])

    def delete_instances(self, *units: str, retain: bool = False, **more: Any) -> str:
        answer = self.client.delete_stack_instances(
            StackSetName=self.name,
            Regions=[REGION],
            RetainStacks=retain,
            OperationPreferences=more.pop("preferences", {}),
            DeploymentTargets={"OrganizationalUnitIds": list(units), **more},
        )
        return str(answer["OperationId"])

    def update(self, **request: Any) -> str:
        base = {"UsePreviousTemplate": True, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
        answer = self.client.update_stack_set(StackSetName=self.name, **{**base, **request})
        return str(answer["OperationId"])

    def operation(self, operation: str) -> Any:
        return self.client.describe_stack_set_operation(
            StackSetName=self.name, OperationId=operation
        )["StackSetOperation"]

    def operations(self) -> list[tuple[str, str]]:
        """The actions with their statuses, oldest first."""
        listed = self.client.list_stack_set_operations(StackSetName=self.name)["Summaries"]
        return [(one["Action"], one["Status"]) for one in reversed(listed)]

    def results(self, operation: str) -> dict[str, Any]:
        """By account."""
        listed = self.client.list_stack_set_operation_results(
            StackSetName=self.name, OperationId=operation
        )["Summaries"]
        return {one["Account"]: one for one in listed}

    def summaries(self) -> list[Any]:
        pages = self.client.get_paginator("list_stack_instances").paginate(StackSetName=self.name)
        return [one for page in pages for one in page["Summaries"]]

    def accounts(self) -> set[str]:
        return {one["Account"] for one in self.summaries()}

    def statuses(self) -> dict[str, tuple[str, str]]:
        """By account."""
        return {
            one["Account"]: (one["Status"], one["StackInstanceStatus"]["DetailedStatus"])
            for one in self.summaries()
        }

    def has_resources(self, account: str) -> bool:
        """Whether the account has the role and the rule; it has both or none."""
        roles = self._sandbox.client("iam", account).list_roles()["Roles"]
        rules = self._sandbox.client("events", account).list_rules()["Rules"]
        found = {self.name in _names(roles, "RoleName"), self.name in _names(rules, "Name")}
        assert len(found) == 1
        return found.pop()

    def block(self, account: str) -> None:
        """Create a role of that name, so that the stack set fails in this account."""
        self._sandbox.client("iam", account).create_role(
            RoleName=self.name, AssumeRolePolicyDocument=trusting({"AWS": account})
        )

    def unblock(self, account: str) -> None:
        self._sandbox.client("iam", account).delete_role(RoleName=self.name)


def _ensure_bus(sandbox: Sandbox) -> None:
    """The target of the rules; all stack sets of a sandbox share it."""
    events = sandbox.client("events", SECURITY.id)
    if events.list_event_buses(NamePrefix=BUS_NAME)["EventBuses"]:
        return
    events.create_event_bus(Name=BUS_NAME)
    statement = {"Sid": "organization", **admit(), "Resource": BUS}
    events.put_permission(EventBusName=BUS_NAME, Policy=policy(statement))


def unit_id(name: str) -> str:
    (found,) = (unit.id for unit in organization().ou if unit.name == name)
    return str(found)


def create_unit(sandbox: Sandbox, parent: str) -> str:
    organizations = sandbox.client("organizations")
    created = organizations.create_organizational_unit(ParentId=parent, Name=unique("unit"))
    return str(created["OrganizationalUnit"]["Id"])


def _names(items: list[Any], key: str) -> set[str]:
    return {str(item[key]) for item in items}
