"""A fake AWS for the preflight: boto3's own clients, with responses from a table.

botocore validates the parameters, as it does for AWS.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader

import config
from compiler import catalog
from config.loader import load
from config.settings import Settings
from modules.naming import Names
from operations.preflight import CHECKS, run_check
from operations.preflight.aws import AwsClients, CallerIdentity
from operations.preflight.check import CheckContext
from operations.preflight.result import CheckResult, Report, Status
from operations.preflight.terraform import STACKS

MINIMAL = load(Path(config.__file__).parent / "minimal.yaml")
DETECTIONS = catalog.enabled(MINIMAL)
MANAGEMENT, LOG_ARCHIVE, SECURITY = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
DEPLOYER = f"arn:aws:iam::{MANAGEMENT}:user/deployer"
MEMBER = {"Id": SECURITY, "Status": "ACTIVE", "State": "ACTIVE"}
ACCESS_KEY = "ASIA0000"  # followed by the account


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    code: str
    message: str = "A message of AWS."
    status: int = 400


@dataclass(frozen=True, slots=True)
class FakeCall:
    name: str  # service:operation
    account: str
    region: str
    parameters: dict[str, Any]


# By service:operation: a response, an ErrorResponse, or a function of the call that returns one.
type Responses = Mapping[str, Any]


def session_of(account: str) -> dict[str, str]:
    return {
        "AccessKeyId": f"{ACCESS_KEY}{account}",
        "SecretAccessKey": f"secret of {account}",
        "SessionToken": f"token of {account}",
        "Expiration": "",
    }


def assume_role(call: FakeCall) -> dict[str, Any]:
    return {"Credentials": session_of(call.parameters["RoleArn"].split(":")[4])}


NOT_SUBSCRIBED = ErrorResponse(
    "InvalidAccessException", "is not subscribed to AWS Security Hub", 401
)
# An organization that meets all requirements, before the first deployment.
HEALTHY: dict[str, Any] = {
    "sts:AssumeRole": assume_role,
    "organizations:DescribeOrganization": {
        "Organization": {
            "Id": "o-exampleorgid",
            "FeatureSet": "ALL",
            "MasterAccountId": MANAGEMENT,
        }
    },
    "organizations:ListRoots": {"Roots": [{"Id": "r-exam"}]},
    "organizations:ListParents": {"Parents": [{"Id": "r-exam", "Type": "ROOT"}]},
    "organizations:ListAccounts": {"Accounts": [MEMBER]},
    "organizations:ListAccountsForParent": {"Accounts": [MEMBER]},
    "organizations:ListOrganizationalUnitsForParent": {"OrganizationalUnits": []},
    "organizations:DescribeAccount": {"Account": MEMBER},
    "organizations:ListAWSServiceAccessForOrganization": {
        "EnabledServicePrincipals": [
            {"ServicePrincipal": "cloudtrail.amazonaws.com"},
            {"ServicePrincipal": "member.org.stacksets.cloudformation.amazonaws.com"},
        ]
    },
    "organizations:ListDelegatedAdministrators": {"DelegatedAdministrators": []},
    "cloudformation:DescribeOrganizationsAccess": {"Status": "ENABLED"},
    "cloudformation:DescribeStackSet": ErrorResponse("StackSetNotFoundException"),
    "cloudformation:DescribeStacks": ErrorResponse("ValidationError"),
    "securityhub:ListOrganizationAdminAccounts": {"AdminAccounts": []},
    "securityhub:DescribeHub": NOT_SUBSCRIBED,
    "securityhub:DescribeOrganizationConfiguration": ErrorResponse(
        "InvalidAccessException", status=401
    ),
    "securityhub:GetEnabledStandards": NOT_SUBSCRIBED,
    "cloudtrail:DescribeTrails": {"trailList": []},
    "service-quotas:ListServiceQuotas": {"Quotas": []},
    "s3:HeadBucket": ErrorResponse("404", status=404),
    "kms:DescribeKey": ErrorResponse("NotFoundException"),
    "iam:GetRole": ErrorResponse("NoSuchEntity"),
    "events:DescribeRule": ErrorResponse("ResourceNotFoundException"),
    "events:DescribeEventBus": ErrorResponse("ResourceNotFoundException"),
    "logs:DescribeLogGroups": {"logGroups": []},
    "lambda:GetFunction": ErrorResponse("ResourceNotFoundException"),
    "sqs:GetQueueUrl": ErrorResponse("AWS.SimpleQueueService.NonExistentQueue"),
    "sns:GetTopicAttributes": ErrorResponse("NotFound"),
    "dynamodb:DescribeTable": ErrorResponse("ResourceNotFoundException"),
}


def trail(name: str, region: str = "us-east-1", **changes: Any) -> dict[str, Any]:
    """As DescribeTrails returns it."""
    return {
        "Name": name,
        "TrailARN": f"arn:aws:cloudtrail:{region}:{MANAGEMENT}:trail/{name}",
        "HomeRegion": region,
        "S3BucketName": f"{name}-logs",
        "IsOrganizationTrail": True,
        "IsMultiRegionTrail": True,
        **changes,
    }


def delivering(
    name: str, region: str = "us-east-1", account: str = SECURITY, **changes: Any
) -> dict[str, Any]:
    """A trail with a log group."""
    arn = f"arn:aws:logs:{region}:{account}:log-group:trails/{name}:*"
    role = f"arn:aws:iam::{account}:role/{name}"
    log_group = {"CloudWatchLogsLogGroupArn": arn, "CloudWatchLogsRoleArn": role}
    return trail(name, region, **log_group, **changes)


ALL_EVENTS = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}
EXISTING = replace(
    MINIMAL,
    trail=replace(
        MINIMAL.trail, managed=False, name="main", log_group="trails/main", bucket="main-logs"
    ),
)
EXISTING_TRAIL: dict[str, Any] = {
    "cloudtrail:DescribeTrails": {"trailList": [delivering("main")]},
    "cloudtrail:ListTags": {"ResourceTagList": []},
    "cloudtrail:GetTrailStatus": {"IsLogging": True},
    "cloudtrail:GetEventSelectors": ALL_EVENTS,
    "logs:DescribeLogGroups": {"logGroups": [{"logGroupName": "trails/main", "arn": "a"}]},
    "logs:DescribeMetricFilters": {"metricFilters": []},
    "logs:DescribeSubscriptionFilters": {"subscriptionFilters": []},
}


def with_trails(*trails: dict[str, Any]) -> dict[str, Any]:
    return {**EXISTING_TRAIL, "cloudtrail:DescribeTrails": {"trailList": list(trails)}}


MODELS = Loader()  # of the services, loaded once


class FakeAws:
    """`responses` differ from those of a healthy organization; a test may replace them."""

    def __init__(self, responses: Responses | None = None) -> None:
        self.responses = dict(responses or {})
        self.calls: list[FakeCall] = []
        core = botocore.session.Session()
        core.register_component("data_loader", MODELS)
        self.session = boto3.Session(
            f"{ACCESS_KEY}{MANAGEMENT}", "secret", region_name=REGION, botocore_session=core
        )
        self.session.events.register("before-parameter-build", self._keep_parameters)
        self.session.events.register("before-call", self._respond)
        self.clients = AwsClients(self.session)

    @property
    def names(self) -> list[str]:
        return [call.name for call in self.calls]

    def named(self, name: str) -> list[FakeCall]:
        return [call for call in self.calls if call.name == name]

    def _keep_parameters(self, params: Any, context: dict[str, Any], **_: Any) -> None:
        context["parameters"] = dict(params)

    def _respond(self, model: Any, context: Any, request_signer: Any, **_: Any) -> tuple[Any, Any]:
        name = f"{model.service_model.service_name}:{model.name}"
        key = request_signer._credentials.access_key  # noqa: SLF001  the account of the call
        account = key.removeprefix(ACCESS_KEY)
        call = FakeCall(name, account, context["client_region"], context["parameters"])
        self.calls.append(call)
        response = {**HEALTHY, **self.responses}[name]
        if callable(response):
            response = response(call)
        if isinstance(response, ErrorResponse):
            error = {"Code": response.code, "Message": response.message}
            return SimpleNamespace(status_code=response.status), {"Error": error}
        return SimpleNamespace(status_code=200), dict(response)


def context_of(
    root: Path,
    responses: Responses | None = None,
    settings: Settings = MINIMAL,
    account: str = MANAGEMENT,
    aws: FakeAws | None = None,
) -> CheckContext:
    return CheckContext(
        settings=settings,
        detections=DETECTIONS,
        clients=(aws or FakeAws(responses)).clients,
        identity=CallerIdentity(account=account, arn=DEPLOYER.replace(MANAGEMENT, account)),
        root=root,
    )


def results(report: Report) -> dict[str, CheckResult]:
    return {row.id: row.result for row in report.rows}


def failing(report: Report) -> set[str]:
    status = {Status.FAIL, Status.ERROR}
    return {id_ for id_, result in results(report).items() if result.status in status}


def run_one(context: CheckContext, id_: str) -> CheckResult:
    (check,) = (one for one in CHECKS if one.id == id_)
    assert check.applies(context.settings)
    return run_check(context, check)


def lines(result: CheckResult) -> list[str]:
    assert result.remedy
    return [command.line for command in result.remedy.commands]


def config_of(result: CheckResult) -> tuple[str, ...]:
    assert result.remedy
    return result.remedy.config


def write_state(root: Path, stack: str, resources: list[tuple[str, str]]) -> None:
    """In the format of Terraform, for pairs of type and name."""
    document: dict[str, Any] = {
        "version": 4,
        "resources": [
            {
                "mode": "managed",
                "type": resource_type,
                "instances": [{"attributes": {"id": name, "arn": name, "name": name}}],
            }
            for resource_type, name in resources
        ],
    }
    (root / Names(MINIMAL).state_file(stack)).write_text(json.dumps(document))


def write_synthesized(root: Path, stack: str, text: str) -> None:
    """The output of `make synth`: this stack, and the others without resources."""
    output = root / "cdktf.out"
    for one in {*STACKS, stack}:
        folder = output / "stacks" / one
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cdk.tf.json").write_text(text if one == stack else '{"resource": {}}', "utf-8")
    manifest = {"stacks": {one: {"name": one} for one in STACKS}}
    (output / "manifest.json").write_text(json.dumps(manifest), "utf-8")
