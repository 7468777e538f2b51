"""Many accounts for the importer alone, locally: `python -m bench.organization 500`.

It prints one line of JSON: the accounts, and the environment of a function. It lives until its
standard input ends.
"""

import json
import sys
from typing import Any

from sandbox.local import REGION, Sandbox
from sandbox.organizations.organization import ADMINISTRATOR, SECURITY, iam, join_many
from sandbox.security_hub import administration

MEMBER_ROLE = "rootwatch-member"
IMPORTER_ROLE = "rootwatch-finding-importer"
TABLE = "rootwatch-idempotency"


def main(count: str) -> None:
    with Sandbox() as sandbox:
        accounts = [account.id for account in join_many(int(count), "Workloads")]
        for account in accounts:
            _prepare(account)
        environment = _function_environment(sandbox)
        sys.stdout.write(json.dumps({"accounts": accounts, "environment": environment}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def _prepare(account: str) -> None:
    """As the stack set and the configuration policy leave it."""
    administration.enable_hub(account, REGION, {})
    _create_role(account, MEMBER_ROLE, {"AWS": f"arn:aws:iam::{SECURITY.id}:root"})


def _create_role(account: str, name: str, principal: dict[str, str]) -> str:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam(account).create_role(name, policy, "/", None, "", [], "3600")
    iam(account).put_role_policy(name, "all", json.dumps(ADMINISTRATOR))
    return str(role.arn)


def _function_environment(sandbox: Sandbox) -> dict[str, str]:
    client = _clients(sandbox)
    administration.enable_hub(SECURITY.id, REGION, {})
    topic = client("sns").create_topic(Name="notifications")["TopicArn"]
    queues = [
        client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("again", "dead-letters")
    ]
    client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = _create_role(SECURITY.id, IMPORTER_ROLE, {"AWS": f"arn:aws:iam::{SECURITY.id}:root"})
    keys = client("sts").assume_role(RoleArn=role, RoleSessionName="bench")["Credentials"]
    return {
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
        "SECURITY_ACCOUNT": SECURITY.id,
        "MEMBER_ROLE_NAME": MEMBER_ROLE,
        "HIGH_PRIORITY_TOPIC_ARN": topic,
        "LOW_PRIORITY_TOPIC_ARN": topic,
        "QUEUE_URL": queues[0],
        "DEAD_LETTER_QUEUE_URL": queues[1],
        "IDEMPOTENCY_TABLE_NAME": TABLE,
        "METRIC_NAMESPACE": "rootwatch",
        "CONNECT_TIMEOUT_SECONDS": "3",
        "READ_TIMEOUT_SECONDS": "8",
        "MAX_ATTEMPTS": "3",
        "RESERVED_SECONDS": "45",
        "LOG_LEVEL": "ERROR",
    }


def _clients(sandbox: Sandbox) -> Any:
    return lambda service: sandbox.client(service, SECURITY.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
