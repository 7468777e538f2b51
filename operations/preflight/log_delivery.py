"""The commands that let a trail deliver to a log group, which it has not got yet."""

from collections.abc import Mapping
from typing import Any

from operations.preflight.aws_cli import as_json
from operations.preflight.delegations import cloudtrail_administrators
from operations.preflight.facts import Facts
from operations.preflight.result import Command
from operations.preflight.trails import LogGroup, Trail


def give_log_group(facts: Facts, trail: Trail, log_group: LogGroup) -> tuple[Command, ...]:
    """The role trusts without a condition: CloudTrail brings it no aws:SourceArn or SourceAccount.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/send-cloudtrail-events-to-cloudwatch-logs.html
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
    """
    settings, cli = facts.settings, facts.cli
    account, region = log_group.account, log_group.region
    group_arn = f"arn:{settings.partition}:logs:{region}:{account}:log-group:{log_group.name}:*"
    role = f"{trail.name[:48]}-log-delivery"  # a role's name has at most 64 characters
    named = ("--role-name", role)
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    delivery = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": group_arn,
    }
    create_group = ("logs", "create-log-group", "--log-group-name", log_group.name)
    create_role = ("iam", "create-role", *named, "--assume-role-policy-document", _policy(trust))
    put_policy = ("iam", "put-role-policy", *named, "--policy-name", "deliver-events")
    update = ("cloudtrail", "update-trail", "--name", trail.arn)
    group = ("--cloud-watch-logs-log-group-arn", group_arn)
    role_arn = f"arn:{settings.partition}:iam::{account}:role/{role}"
    return (
        *_delegate(facts, account, region),
        cli.command(account, *create_group, region=region),
        cli.command(account, *create_role),
        cli.command(account, *put_policy, "--policy-document", _policy(delivery)),
        cli.command(
            account, *update, *group, "--cloud-watch-logs-role-arn", role_arn, region=region
        ),
    )


def _delegate(facts: Facts, account: str, region: str) -> tuple[Command, ...]:
    """A log group must be in the account that calls UpdateTrail, which is to be allowed to."""
    manager = facts.settings.accounts.management
    if account == manager or account in facts.of(cloudtrail_administrators):
        return ()
    words = ("cloudtrail", "register-organization-delegated-admin", "--member-account-id", account)
    return (facts.cli.command(manager, *words, region=region),)


def _policy(statement: Mapping[str, Any]) -> str:
    return as_json({"Version": "2012-10-17", "Statement": [statement]})
