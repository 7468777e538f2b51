"""The accesses that an API call needs: actions, and the resources that they apply to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.sns.models import sns_backends

from sandbox.iam.resources import (
    Access,
    bus_access,
    log_stream_access,
    publish_accesses,
    queue_access,
    role_access,
    sources_of,
)
from sandbox.organizations.organization import MANAGEMENT, ORGANIZATION_ID, PARTITION, iam


@dataclass(frozen=True, slots=True)
class ApiCall:
    """The caller's account, the Region, and the parameters by their names in the API."""

    account: str
    region: str
    parameters: Mapping[str, Any]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account}:{resource}"


type Resolver = Callable[[ApiCall], list[Access]]


def accesses(service: str, operation: str, call: ApiCall) -> list[Access]:
    """A call that is not in RESOLVERS is authorized on the resource "*".

    So a policy with a specific resource does not allow it. To authorize a call on its resource,
    add a resolver.
    """
    resolve = RESOLVERS.get(f"{service}:{operation}")
    if resolve is None:
        return [Access(action=f"{service}:{operation}")]
    return resolve(call)


def _assume_role(call: ApiCall) -> list[Access]:
    return [role_access(call.parameters["RoleArn"])]


def _role(action: str) -> Resolver:
    """A role that does not exist yet has the path of the request."""

    def resolve(call: ApiCall) -> list[Access]:
        name, path = str(call.parameters["RoleName"]), call.parameters.get("Path", "/")
        existing = (role.arn for role in iam(call.account).roles.values() if role.name == name)
        new = f"arn:{PARTITION}:iam::{call.account}:role{path}{name}"
        return [Access(action=action, resource=next(existing, new))]

    return resolve


def _publish(call: ApiCall) -> list[Access]:
    arn = str(call.parameters["TopicArn"])
    _, _, _, region, account, _ = arn.split(":")
    topic = sns_backends[account][region].topics.get(arn)
    return publish_accesses(topic) if topic else [Access(action="sns:Publish", resource=arn)]


def _log_stream(action: str) -> Resolver:
    def resolve(call: ApiCall) -> list[Access]:
        group = call.arn("logs", f"log-group:{call.parameters['logGroupName']}")
        return [log_stream_access(action, group, call.parameters["logStreamName"])]

    return resolve


def _import_findings(call: ApiCall) -> list[Access]:
    """One for each product and account of the findings."""
    findings = call.parameters.get("Findings") or []
    named = {(finding.get("ProductArn", "*"), finding.get("AwsAccountId")) for finding in findings}
    return [
        Access(
            action="securityhub:BatchImportFindings",
            resource=str(product),
            context={} if account is None else {"securityhub:TargetAccount": str(account)},
        )
        for product, account in sorted(named, key=str)
    ]


def _queue(action: str) -> Resolver:
    """The URL contains the account and the queue's name."""

    def resolve(call: ApiCall) -> list[Access]:
        *_, account, name = str(call.parameters["QueueUrl"]).split("/")
        return [queue_access(action, f"arn:{PARTITION}:sqs:{call.region}:{account}:{name}")]

    return resolve


def _move_messages(call: ApiCall) -> list[Access]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html."""
    source, destination = call.parameters["SourceArn"], call.parameters.get("DestinationArn")
    destinations = [destination] if destination else [one.queue_arn for one in sources_of(source)]
    actions = ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    return [
        *(queue_access(f"sqs:{action}", source) for action in actions),
        *(queue_access("sqs:SendMessage", one) for one in destinations),
    ]


def _list_moves(call: ApiCall) -> list[Access]:
    return [queue_access("sqs:ListMessageMoveTasks", call.parameters["SourceArn"])]


def _table(action: str) -> Resolver:
    def resolve(call: ApiCall) -> list[Access]:
        name = str(call.parameters["TableName"])
        table = name if name.startswith("arn:") else call.arn("dynamodb", f"table/{name}")
        return [Access(action=action, resource=table)]

    return resolve


def _put_events(call: ApiCall) -> list[Access]:
    """One for each bus, source and detail type.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    kinds = {
        (str(entry.get("EventBusName", "default")), entry.get("Source"), entry.get("DetailType"))
        for entry in call.parameters.get("Entries") or []
    }
    return [
        bus_access(
            "events:PutEvents",
            bus if bus.startswith("arn:") else call.arn("events", f"event-bus/{bus}"),
            {"events:source": str(source), "events:detail-type": str(kind)},
        )
        for bus, source, kind in sorted(kinds, key=str)
    ]


def _put_targets(call: ApiCall) -> list[Access]:
    """The caller passes the roles to EventBridge."""
    roles = {target.get("RoleArn") for target in call.parameters.get("Targets") or []}
    context = {"iam:PassedToService": "events.amazonaws.com"}
    return [
        Access(action="events:PutTargets"),
        *(
            Access(action="iam:PassRole", resource=role, context=context)
            for role in sorted(filter(None, roles))
        ),
    ]


def _organizations(action: str, parameter: str) -> Resolver:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html."""

    def resolve(call: ApiCall) -> list[Access]:
        child = str(call.parameters[parameter])
        kind = "ou" if child.startswith("ou-") else "account"
        resource = f"{kind}/{ORGANIZATION_ID}/{child}"
        arn = f"arn:{PARTITION}:organizations::{MANAGEMENT.id}:{resource}"
        return [Access(action=f"organizations:{action}", resource=arn)]

    return resolve


ROLE_OPERATIONS = (
    *("CreateRole", "GetRole", "UpdateRole", "DeleteRole", "UpdateAssumeRolePolicy"),
    *("PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy", "ListRolePolicies"),
    *("AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies"),
    *("PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary", "TagRole", "UntagRole"),
)
RESOLVERS: dict[str, Resolver] = {
    **{f"iam:{name}": _role(f"iam:{name}") for name in ROLE_OPERATIONS},
    "sts:AssumeRole": _assume_role,
    "sns:Publish": _publish,
    "logs:CreateLogStream": _log_stream("logs:CreateLogStream"),
    "logs:PutLogEvents": _log_stream("logs:PutLogEvents"),
    "securityhub:BatchImportFindings": _import_findings,
    "sqs:SendMessage": _queue("sqs:SendMessage"),
    "sqs:SendMessageBatch": _queue("sqs:SendMessage"),
    "sqs:ReceiveMessage": _queue("sqs:ReceiveMessage"),
    "sqs:DeleteMessage": _queue("sqs:DeleteMessage"),
    "sqs:DeleteMessageBatch": _queue("sqs:DeleteMessage"),
    "sqs:ChangeMessageVisibility": _queue("sqs:ChangeMessageVisibility"),
    "sqs:ChangeMessageVisibilityBatch": _queue("sqs:ChangeMessageVisibility"),
    "sqs:GetQueueAttributes": _queue("sqs:GetQueueAttributes"),
    "sqs:StartMessageMoveTask": _move_messages,
    "sqs:ListMessageMoveTasks": _list_moves,
    "events:PutEvents": _put_events,
    "events:PutTargets": _put_targets,
    **{
        f"dynamodb:{name}": _table(f"dynamodb:{name}")
        for name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem")
    },
    "organizations:DescribeAccount": _organizations("DescribeAccount", "AccountId"),
    "organizations:ListParents": _organizations("ListParents", "ChildId"),
    "organizations:DescribeOrganizationalUnit": _organizations(
        "DescribeOrganizationalUnit", "OrganizationalUnitId"
    ),
}
