"""Accesses to resources, with the resources' policies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from moto.awslambda.models import lambda_backends
from moto.events.models import events_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sns.models import Topic
from moto.sqs.models import Queue, sqs_backends

from sandbox.iam.policy import ResourcePolicyKind
from sandbox.iam.propagation import state_for
from sandbox.organizations.organization import PARTITION, iam

type ConditionKeys = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One action on one resource, with the resource's policy."""

    action: str
    resource: str = "*"
    account: str | None = None  # the resource's; None: the caller's own
    policy: str | None = None  # JSON
    kind: ResourcePolicyKind = ResourcePolicyKind.ORDINARY
    context: ConditionKeys = field(default_factory=dict)


def role_access(role_arn: str, service: str = "sts") -> Access:
    """STS denies a missing role as it denies a role that does not trust the caller.

    `service` is the IAM prefix of the service that assumes the role.
    """
    account = role_arn.split(":")[4]
    roles = {role.arn: role for role in iam(account).roles.values()}
    role = roles.get(role_arn)
    return Access(
        action="sts:AssumeRole",
        resource=role_arn,
        account=account,
        policy=state_for(role, service).trust if role else None,
        kind=ResourcePolicyKind.TRUST,
    )


def publish_accesses(topic: Topic) -> list[Access]:
    """Publishing to an encrypted topic also uses its key.

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


def key_access(action: str, key_arn: str, context: ConditionKeys) -> Access:
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


def bucket_access(action: str, bucket: str, key: str | None, context: ConditionKeys) -> Access:
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


def invoke_access(function_arn: str, context: ConditionKeys) -> Access:
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


def sources_of(queue_arn: str) -> list[Queue]:
    """The queues that have this one as their dead-letter queue."""
    return [
        queue
        for regions in list(sqs_backends.values())
        for backend in list(regions.values())
        for queue in list(backend.queues.values())
        if queue.dead_letter_queue and queue.dead_letter_queue.queue_arn == queue_arn
    ]


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


def log_stream_access(action: str, group_arn: str, stream: str) -> Access:
    """The ARN of a log group may end in `:*`."""
    return Access(action=action, resource=f"{group_arn.removesuffix(':*')}:log-stream:{stream}")


def bus_access(action: str, bus_arn: str, context: ConditionKeys) -> Access:
    """An event bus that does not exist has no policy."""
    _, _, _, region, account, resource = bus_arn.split(":")
    bus = events_backends[account][region].event_buses.get(resource.partition("/")[2])
    return Access(
        action=action,
        resource=bus_arn,
        account=account,
        policy=bus.policy if bus else None,
        context=context,
    )
