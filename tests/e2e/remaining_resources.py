"""What is left of Rootwatch: what carries its prefix in an account, and what has no name."""

from typing import Any

from sandbox.local import Sandbox


def names_in(sandbox: Sandbox, account: str, region: str, prefix: str) -> list[str]:
    def client(service: str) -> Any:
        return sandbox.client(service, account, region)

    events = client("events")
    names = [
        *(role["RoleName"] for role in client("iam").list_roles()["Roles"]),
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]),
        *(queue for queue in client("sqs").list_queues().get("QueueUrls", [])),
        *(table for table in client("dynamodb").list_tables()["TableNames"]),
        *(group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]),
        *(alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(one["FunctionName"] for one in client("lambda").list_functions()["Functions"]),
        *(trail["Name"] for trail in client("cloudtrail").describe_trails()["trailList"]),
        *(alias["AliasName"] for alias in client("kms").list_aliases()["Aliases"]),
        *(stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]),
        *(
            stack_set["StackSetName"]
            for stack_set in client("cloudformation").list_stack_sets()["Summaries"]
            if stack_set["Status"] == "ACTIVE"
        ),
        *(bus["Name"] for bus in events.list_event_buses()["EventBuses"]),
        *(rule["Name"] for rule in events.list_rules()["Rules"]),
    ]
    return [name for name in names if prefix in name]


def of_the_organization(sandbox: Sandbox, security: str, region: str) -> list[str]:
    """Delegations, and what Security Hub has in the security account.

    AWS Organizations keeps Security Hub's registration of its administrator, which is not counted.
    """
    organizations = sandbox.client("organizations")
    delegated = organizations.list_delegated_administrators(
        ServicePrincipal="cloudtrail.amazonaws.com"
    )["DelegatedAdministrators"]
    management = sandbox.client("securityhub", region=region)
    administrators = management.list_organization_admin_accounts()["AdminAccounts"]
    return [
        *(f"CloudTrail's administrator {one['Id']}" for one in delegated),
        *(f"Security Hub's administrator {one['AccountId']}" for one in administrators),
        *_of_security_hub(sandbox, security, region),
    ]


def _of_security_hub(sandbox: Sandbox, security: str, region: str) -> list[str]:
    hub = sandbox.client("securityhub", security, region)
    try:
        aggregators = hub.list_finding_aggregators()["FindingAggregators"]
    except hub.exceptions.InvalidAccessException:
        return []  # it is off
    insights = hub.get_insights()["Insights"]
    return [
        *(one["FindingAggregatorArn"] for one in aggregators),
        *(one["Name"] for one in insights if one["InsightArn"].split(":")[4] == security),
    ]
