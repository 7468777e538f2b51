"""AWS for the preflight's tests: boto3's own clients, whose calls are answered from a table.

Parameters are checked by botocore, as with AWS.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import boto3
import botocore.session
from botocore.loaders import Loader

import config
from compiler import selection
from config.loader import load
from config.settings import Settings
from operations.preflight import CHECKS, FAILING, Report, look
from operations.preflight.cloud import Cloud, Identity
from operations.preflight.facts import Facts
from operations.preflight.result import Result
from operations.preflight.states import STACKS

MINIMAL = load(Path(config.__file__).parent / "minimal.yaml")
DETECTIONS = selection.enabled(MINIMAL)
MANAGEMENT, LOG_ARCHIVE, SECURITY = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
DEPLOYER = f"arn:aws:iam::{MANAGEMENT}:user/deployer"
SESSION = {"AccessKeyId": "A" * 20, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": ""}
MEMBER = {"Id": SECURITY, "Status": "ACTIVE", "State": "ACTIVE"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What AWS answers instead."""

    code: str
    message: str = "AWS's own words."
    status: int = 400


NOT_SUBSCRIBED = Refusal("InvalidAccessException", "is not subscribed to AWS Security Hub", 401)
# An organization in which nothing is missing and nothing is deployed.
HEALTHY: dict[str, Any] = {
    "sts:AssumeRole": {"Credentials": SESSION},
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
    "cloudformation:DescribeStackSet": Refusal("StackSetNotFoundException"),
    "cloudformation:DescribeStacks": Refusal("ValidationError"),
    "securityhub:ListOrganizationAdminAccounts": {"AdminAccounts": []},
    "securityhub:DescribeHub": NOT_SUBSCRIBED,
    "securityhub:DescribeOrganizationConfiguration": Refusal("InvalidAccessException", status=401),
    "securityhub:GetEnabledStandards": NOT_SUBSCRIBED,
    "cloudtrail:DescribeTrails": {"trailList": []},
    "s3:HeadBucket": Refusal("404", status=404),
    "kms:DescribeKey": Refusal("NotFoundException"),
    "iam:GetRole": Refusal("NoSuchEntity"),
    "events:DescribeRule": Refusal("ResourceNotFoundException"),
    "events:DescribeEventBus": Refusal("ResourceNotFoundException"),
    "logs:DescribeLogGroups": {"logGroups": []},
    "lambda:GetFunction": Refusal("ResourceNotFoundException"),
    "sqs:GetQueueUrl": Refusal("AWS.SimpleQueueService.NonExistentQueue"),
    "sns:GetTopicAttributes": Refusal("NotFound"),
    "dynamodb:DescribeTable": Refusal("ResourceNotFoundException"),
}


MODELS = Loader()  # of the services, loaded once


class Aws:
    """`asked` has the calls, by service and operation; `requests` what was sent.

    An answer may be a function of how often it was asked for.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = {**HEALTHY, **answers}
        self.asked: list[str] = []
        self.requests: list[str] = []
        own = botocore.session.Session()
        own.register_component("data_loader", MODELS)
        self.session = boto3.Session(
            "AKIAEXAMPLE", "secret", region_name=REGION, botocore_session=own
        )
        self.session.events.register("before-call", self._answer)

    def _answer(self, model: Any, params: Any, **_: Any) -> tuple[Any, Any]:
        name = f"{model.service_model.service_name}:{model.name}"
        self.asked.append(name)
        self.requests.append(f"{unquote(params['url'])} {params['body']}")
        answer = self._answers[name]
        if callable(answer):
            answer = answer(self.asked.count(name))
        if isinstance(answer, Refusal):
            error = {"Code": answer.code, "Message": answer.message}
            return SimpleNamespace(status_code=answer.status), {"Error": error}
        return SimpleNamespace(status_code=200), dict(answer)


def facts(
    root: Path,
    answers: Mapping[str, Any] | None = None,
    settings: Settings = MINIMAL,
    account: str = MANAGEMENT,
    aws: Aws | None = None,
) -> Facts:
    return Facts(
        settings=settings,
        detections=DETECTIONS,
        cloud=Cloud((aws or Aws(answers or {})).session),
        identity=Identity(account=account, arn=DEPLOYER.replace(MANAGEMENT, account)),
        root=root,
    )


def results(report: Report) -> dict[str, Result]:
    return {row.check.id: row.result for row in report.rows}


def failing(report: Report) -> set[str]:
    return {id_ for id_, result in results(report).items() if result.status in FAILING}


def check(facts: Facts, id_: str) -> Result:
    (wanted,) = (one for one in CHECKS if one.id == id_)
    assert wanted.applies(facts.settings)
    return look(facts, wanted)


def write_state(root: Path, stack: str, resources: list[tuple[str, str]]) -> None:
    """As Terraform writes it, of kinds and names."""
    document: dict[str, Any] = {
        "version": 4,
        "resources": [
            {
                "mode": "managed",
                "type": kind,
                "instances": [{"attributes": {"id": name, "arn": name, "name": name}}],
            }
            for kind, name in resources
        ],
    }
    (root / f"terraform.{stack}.tfstate").write_text(json.dumps(document))


def write_synthesized(root: Path, stack: str, text: str) -> None:
    """As `make synth` leaves it, of one stack among others."""
    output = root / "cdktf.out"
    for one in {*STACKS, stack}:
        folder = output / "stacks" / one
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cdk.tf.json").write_text(text if one == stack else '{"resource": {}}', "utf-8")
    manifest = {"stacks": {one: {"name": one} for one in STACKS}}
    (output / "manifest.json").write_text(json.dumps(manifest), "utf-8")
