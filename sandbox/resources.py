"""What a request touches: the actions it needs, on which resource, under which resource policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import lambda_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from sandbox.organization import MANAGEMENT, ORGANIZATION_ID, PARTITION, iam
from sandbox.policy import ResourcePolicyKind

if TYPE_CHECKING:
    from moto.sns.models import Topic

type Context = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One action on one resource, with the policy that the resource itself has."""

    action: str
    resource: str = "*"
    account: str | None = None  # the resource's; None: the caller's own
    policy: str | None = None  # JSON
    kind: ResourcePolicyKind = ResourcePolicyKind.ORDINARY
    context: Context = field(default_factory=dict)


def role_access(role_arn: str) -> Access:
    """A role that does not exist is refused like one that may not be assumed, as in AWS."""
    account = role_arn.split(":")[4]
    roles = {role.arn: role for role in iam(account).roles.values()}
    role = roles.get(role_arn)
    return Access(
        action="sts:AssumeRole",
        resource=role_arn,
        account=account,
        policy=role.assume_role_policy_document if role else None,
        kind=ResourcePolicyKind.TRUST,
    )


def publish_accesses(topic: Topic) -> list[Access]:
    """Publishing to an encrypted topic takes the use of its key as well.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    publish = Access(
        action="sns:Publish", resource=topic.arn, account=topic.account_id, policy=topic.policy
    )
    if not topic.kms_master_key_id:
        return [publish]
    region = topic.arn.split(":")[3]
    context = {
        "kms:ViaService": f"sns.{region}.amazonaws.com",
        "kms:EncryptionContext:aws:sns:topicArn": topic.arn,
    }
    key = topic.kms_master_key_id
    return [
        publish,
        key_access("kms:GenerateDataKey", key, context),
        key_access("kms:Decrypt", key, context),
    ]


def key_access(action: str, key_arn: str, context: Context) -> Access:
    _, _, _, region, account, resource = key_arn.split(":", 5)
    key = kms_backends[account][region].keys[resource.removeprefix("key/")]
    return Access(
        action=action,
        resource=key_arn,
        account=account,
        policy=key.policy,
        kind=ResourcePolicyKind.KEY,
        context=context,
    )


def bucket_access(action: str, bucket: str, key: str | None, context: Context) -> Access:
    account = s3_backends.bucket_accounts[bucket][1]
    policy = s3_backends[account][PARTITION].buckets[bucket].policy
    arn = f"arn:{PARTITION}:s3:::{bucket}"
    return Access(
        action=action,
        resource=arn if key is None else f"{arn}/{key}",
        account=account,
        policy=policy.decode() if isinstance(policy, bytes) else policy,
        context=context,
    )


def invoke_access(function_arn: str, context: Context) -> Access:
    _, _, _, region, account, *_ = function_arn.split(":")
    function = lambda_backends[account][region].get_function(function_arn)
    return Access(
        action="lambda:InvokeFunction",
        resource=function_arn,
        account=account,
        policy=json.loads(function.policy.wire_format())["Policy"]
        if function.policy.statements
        else None,
        context=context,
    )


def queue_access(action: str, queue_arn: str) -> Access:
    """A queue that does not exist has no policy."""
    _, _, _, region, account, name = queue_arn.split(":")
    queue = sqs_backends[account][region].queues.get(name)
    return Access(
        action=action,
        resource=queue_arn,
        account=account,
        policy=queue.policy if queue else None,
    )


def accesses(service: str, operation: str, call: Call) -> list[Access]:
    """What an API call needs.

    The calls that Rootwatch's own roles make name their resource. Every other call is checked on
    "*", so that a policy bound to a resource does not allow it: whoever gives a role a new call
    adds it here.
    """
    resolve = RESOLVERS.get(f"{service}:{operation}")
    if resolve is None:
        return [Access(action=f"{service}:{operation}")]
    return resolve(call)


@dataclass(frozen=True, slots=True)
class Call:
    """An API call's account, region and parameters, by their names in the API."""

    account: str
    region: str
    parameters: Mapping[str, Any]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account}:{resource}"


def _assume_role(call: Call) -> list[Access]:
    return [role_access(call.parameters["RoleArn"])]


def _publish(call: Call) -> list[Access]:
    arn = str(call.parameters["TopicArn"])
    _, _, _, region, account, _ = arn.split(":")
    topic = sns_backends[account][region].topics.get(arn)
    return publish_accesses(topic) if topic else [Access(action="sns:Publish", resource=arn)]


def _log_stream(action: str) -> Resolver:
    def resolve(call: Call) -> list[Access]:
        group, stream = call.parameters["logGroupName"], call.parameters["logStreamName"]
        resource = call.arn("logs", f"log-group:{group}:log-stream:{stream}")
        return [Access(action=action, resource=resource)]

    return resolve


def _import_findings(call: Call) -> list[Access]:
    """One decision for each product and account that the findings name."""
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
    """The URL names the account and the queue."""

    def resolve(call: Call) -> list[Access]:
        *_, account, name = str(call.parameters["QueueUrl"]).split("/")
        return [queue_access(action, f"arn:{PARTITION}:sqs:{call.region}:{account}:{name}")]

    return resolve


def _table(action: str) -> Resolver:
    def resolve(call: Call) -> list[Access]:
        name = str(call.parameters["TableName"])
        table = name if name.startswith("arn:") else call.arn("dynamodb", f"table/{name}")
        return [Access(action=action, resource=table)]

    return resolve


def _organizations(action: str, parameter: str) -> Resolver:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html."""

    def resolve(call: Call) -> list[Access]:
        child = str(call.parameters[parameter])
        kind = "ou" if child.startswith("ou-") else "account"
        resource = f"{kind}/{ORGANIZATION_ID}/{child}"
        arn = f"arn:{PARTITION}:organizations::{MANAGEMENT.id}:{resource}"
        return [Access(action=f"organizations:{action}", resource=arn)]

    return resolve


type Resolver = Callable[[Call], list[Access]]

RESOLVERS: dict[str, Resolver] = {
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
