"""Resources that the tests create in the sandbox."""

import io
import itertools
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.local import Sandbox

REGION = "us-east-1"
READ_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_NUMBERS = itertools.count(1)

type Statement = Mapping[str, Any]


def unique(stem: str) -> str:
    return f"{stem}-{next(_NUMBERS)}"


def policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(
    actions: str | Sequence[str], resource: str | Sequence[str] = "*", **more: Any
) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def service(name: str) -> Statement:
    return {"Service": f"{name}.amazonaws.com"}


def trusting(principal: Any) -> str:
    return policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def message_of(error: ClientError) -> str:
    return str(error.response["Error"]["Message"])


def create_role(sandbox: Sandbox, account: str, principal: Any, *statements: Statement) -> str:
    """The ARN of a role with these statements, which the principal may assume."""
    iam = sandbox.client("iam", account)
    name = unique("role")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(principal))["Role"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return str(role["Arn"])


def session_of(sandbox: Sandbox, role_arn: str) -> dict[str, str]:
    """Keyword arguments of a boto3 client. The role must trust its own account."""
    sts = sandbox.client("sts", role_arn.split(":")[4])
    keys = sts.assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def client_with(sandbox: Sandbox, name: str, keys: Mapping[str, str], region: str = REGION) -> Any:
    return boto3.client(
        name,
        region_name=region,
        endpoint_url=sandbox.endpoint,
        config=Config(retries={"max_attempts": 1}),
        **keys,
    )


def zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("function.py", source)
    return packed.getvalue()


def create_function(
    sandbox: Sandbox,
    account: str,
    source: str,
    *statements: Statement,
    timeout_seconds: int = 10,
    environment: Mapping[str, str] | None = None,
    principal: Any = None,
) -> str:
    """The name of a function with a log group; `source` defines `handler`."""
    name = unique("function")
    role = create_role(sandbox, account, principal or service("lambda"), *statements)
    sandbox.client("logs", account).create_log_group(logGroupName=f"/aws/lambda/{name}")
    sandbox.client("lambda", account).create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="function.handler",
        Code={"ZipFile": zipped(source)},
        Timeout=timeout_seconds,
        Environment={"Variables": dict(environment or {})},
    )
    return name


def log_lines(sandbox: Sandbox, account: str, function: str) -> list[str]:
    """The lines that the function printed. It stops the function to complete the log."""
    sandbox.services.functions.recycle()
    logs = sandbox.client("logs", account)
    group = f"/aws/lambda/{function}"
    return [
        event["message"]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]


def create_queue(sandbox: Sandbox, account: str, **attributes: str) -> str:
    """The queue's URL."""
    sqs = sandbox.client("sqs", account)
    return str(sqs.create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"])


def queue_arn(url: str) -> str:
    *_, account, name = url.split("/")
    return f"arn:aws:sqs:{REGION}:{account}:{name}"


def map_queue(sandbox: Sandbox, url: str, function: str, **settings: Any) -> str:
    """The id of the event source mapping."""
    created = sandbox.client("lambda", url.split("/")[-2]).create_event_source_mapping(
        EventSourceArn=queue_arn(url), FunctionName=function, **settings
    )
    return str(created["UUID"])


def create_topic(sandbox: Sandbox, account: str, *statements: Statement, key: str = "") -> str:
    """The topic's ARN. Its policy has these statements; without any, it is SNS's default policy."""
    sns = sandbox.client("sns", account)
    attributes = {"KmsMasterKeyId": key} if key else {}
    arn = str(sns.create_topic(Name=unique("topic"), Attributes=attributes)["TopicArn"])
    if statements:
        bound = [{**statement, "Resource": arn} for statement in statements]
        sns.set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=policy(*bound)
        )
    return arn


def create_key(sandbox: Sandbox, account: str, *statements: Statement) -> str:
    """The ARN of a key. Its policy allows its account, and has these statements."""
    own = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{account}:root"})
    created = sandbox.client("kms", account).create_key(Policy=policy(own, *statements))
    return str(created["KeyMetadata"]["Arn"])


def subscribe(sandbox: Sandbox, topic: str, address: str, *, confirm: bool = True) -> str:
    """The subscription's ARN."""
    sns = sandbox.client("sns", topic.split(":")[4])
    arn = sns.subscribe(
        TopicArn=topic, Protocol="email", Endpoint=address, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    if confirm:
        (request,) = confirmations(sandbox, topic)
        sns.confirm_subscription(TopicArn=topic, Token=request.token)
    return str(arn)


def confirmations(sandbox: Sandbox, topic: str) -> list[Any]:
    return [mail for mail in sandbox.services.mailboxes.confirmations() if mail.topic_arn == topic]


def mails(sandbox: Sandbox, topic: str) -> list[Any]:
    return [mail for mail in sandbox.services.mailboxes.messages() if mail.topic_arn == topic]
