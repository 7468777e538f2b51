"""The configurations that are deployed beside the complete one, and what each finds there."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from demo.deployment import ROOT
from sandbox.conditions import Conditions, parse_conditions
from sandbox.local import Sandbox
from sandbox.organizations.organization import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MEMBERS,
    ORGANIZATION_ID,
    SECURITY,
    UNITS,
    organization,
)

ADDRESSES = ["alice@example.com", "bob@example.com", "carol@example.com"]
VICTIM, EXCLUDED = MEMBERS[0].id, MEMBERS[2].id
CONTROL_TOWER = {
    "name": "aws-controltower-BaselineCloudTrail",
    "log_group": "aws-controltower/CloudTrailLogs",
    "bucket": f"aws-controltower-logs-{LOG_ARCHIVE.id}-us-east-1",
}


def chosen_conditions() -> Conditions:
    """Of the sandbox, by the variable SANDBOX_CONDITIONS: ideal, worst or worst:SEED.

    SNS suspends no subscription: the tests deliver all samples of a detection at once, which are
    more than ten notifications in a second.
    """
    chosen = parse_conditions(os.environ.get("SANDBOX_CONDITIONS", "ideal"))
    return replace(chosen, suspends_email=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`changes` are made to config/minimal.yaml, and `prepare` makes what is there before.

    `later` are made, too, after the first deployment.
    """

    changes: Callable[[], Mapping[str, Any]] = dict
    later: Mapping[str, Any] = field(default_factory=dict)
    prepare: tuple[Callable[[Sandbox], None], ...] = ()
    excluded: frozenset[str] = field(default=frozenset())
    by_command: bool = False  # deployed and destroyed with `rootwatch`

    def write(self, path: Path, more: Mapping[str, Any] | None = None) -> None:
        minimal = yaml.safe_load((ROOT / "config" / "minimal.yaml").read_text("utf-8"))
        document = {**minimal, "protect": False, **self.changes(), **(more or {})}
        path.write_text(yaml.safe_dump(document), "utf-8")


def _unit(name: str) -> str:
    return str(next(unit.id for unit in organization().ou if unit.name == name))


def _enable_security_hub(sandbox: Sandbox) -> None:
    """As somebody has done who manages it elsewhere; one account was forgotten."""
    for account in (MANAGEMENT, LOG_ARCHIVE, SECURITY, *MEMBERS[:2]):
        sandbox.client("securityhub", account.id).enable_security_hub()


def _control_tower(sandbox: Sandbox) -> None:
    """An organization trail as Control Tower makes it: its log group in the management account."""
    logs, iam = sandbox.client("logs"), sandbox.client("iam")
    trail = f"arn:aws:cloudtrail:us-east-1:{MANAGEMENT.id}:trail/{CONTROL_TOWER['name']}"
    group = f"arn:aws:logs:us-east-1:{MANAGEMENT.id}:log-group:{CONTROL_TOWER['log_group']}:*"
    _create_bucket(sandbox, trail)
    logs.create_log_group(logGroupName=CONTROL_TOWER["log_group"])
    role = iam.create_role(
        RoleName="aws-controltower-CloudTrailRole",
        AssumeRolePolicyDocument=_policy(_cloudtrail("sts:AssumeRole")),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="aws-controltower-CloudTrailRole",
        PolicyName="deliver",
        PolicyDocument=_policy(
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": group,
            }
        ),
    )
    sandbox.let_roles_take_effect()
    sandbox.client("cloudtrail").create_trail(
        Name=CONTROL_TOWER["name"],
        S3BucketName=CONTROL_TOWER["bucket"],
        IsMultiRegionTrail=True,
        IsOrganizationTrail=True,
        CloudWatchLogsLogGroupArn=group,
        CloudWatchLogsRoleArn=role,
    )
    sandbox.client("cloudtrail").start_logging(Name=CONTROL_TOWER["name"])


def _create_bucket(sandbox: Sandbox, trail: str) -> None:
    s3, bucket = sandbox.client("s3", LOG_ARCHIVE.id), CONTROL_TOWER["bucket"]
    arn = f"arn:aws:s3:::{bucket}"
    objects = [f"{arn}/AWSLogs/{owner}/*" for owner in (MANAGEMENT.id, ORGANIZATION_ID)]
    s3.create_bucket(Bucket=bucket)
    source = {"Condition": {"StringEquals": {"aws:SourceArn": trail}}}
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=_policy(
            {**_cloudtrail("s3:GetBucketAcl"), "Resource": arn, **source},
            {**_cloudtrail("s3:PutObject"), "Resource": objects, **source},
        ),
    )


def _cloudtrail(action: str) -> dict[str, Any]:
    principal = {"Service": "cloudtrail.amazonaws.com"}
    return {"Effect": "Allow", "Principal": principal, "Action": action}


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _all_in_management() -> dict[str, Any]:
    return {
        "accounts": dict.fromkeys(("management", "log_archive", "security"), MANAGEMENT.id),
        "security_hub": {"managed": False},
    }


def _with_control_tower() -> dict[str, Any]:
    return {
        "accounts": {
            "management": MANAGEMENT.id,
            "log_archive": LOG_ARCHIVE.id,
            "security": MANAGEMENT.id,
        },
        "security_hub": {"managed": False},
        "trail": {"managed": False, **CONTROL_TOWER},
    }


def _second_region() -> dict[str, Any]:
    return {
        "home_region": "eu-central-1",
        "organization": {
            "id": ORGANIZATION_ID,
            "targets": [_unit(name) for name in UNITS],
            "excluded_accounts": [EXCLUDED],
        },
        "stack_set": {
            "failure_tolerance_percentage": 50,
            "max_concurrent_percentage": 50,
        },
        "security_hub": {"managed": True, "configuration": "local", "linked_regions": "none"},
    }


CONFIGURATIONS: dict[str, Configuration] = {
    "minimal": Configuration(later={"security_hub": {"managed": False}}),
    "one_account": Configuration(changes=_all_in_management, prepare=(_enable_security_hub,)),
    "existing_trail": Configuration(
        changes=_with_control_tower, prepare=(_enable_security_hub, _control_tower)
    ),
    "hub_unmanaged": Configuration(
        changes=lambda: {
            "security_hub": {"managed": False},
            "stack_set": {"retain_stacks_on_account_removal": True},
            "notifications": {"emails": ADDRESSES},
            "protect": True,
        },
        later={"notifications": {"emails": ADDRESSES[1:]}, "protect": False},
        prepare=(_enable_security_hub,),
        by_command=True,
    ),
    "second_region": Configuration(changes=_second_region, excluded=frozenset({EXCLUDED})),
}
