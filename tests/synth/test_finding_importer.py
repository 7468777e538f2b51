"""The function's package, environment, triggers and permissions."""

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from compiler import predicate as importer
from compiler.cloudwatch import subscription_pattern
from compiler.detection import Detection
from config.settings import Settings
from functions.finding_importer.environment import FunctionEnvironment
from modules.finding_importer import PACKAGE, SOURCE
from modules.function_package import build_zip, dependencies
from sandbox.logs import filter_pattern
from tests.synth.conftest import Synthesis
from tests.synth.terraform_json import Resource, Stack, actions, allowing, listed, statements

NEEDED = {
    "dynamodb:DeleteItem": "table",
    "dynamodb:GetItem": "table",
    "dynamodb:PutItem": "table",
    "dynamodb:UpdateItem": "table",
    "kms:Decrypt": "key",
    "kms:GenerateDataKey*": "key",
    "logs:CreateLogStream": "log group",
    "logs:PutLogEvents": "log group",
    "organizations:DescribeAccount": "organization",
    "organizations:DescribeOrganizationalUnit": "organization",
    "organizations:ListParents": "organization",
    "securityhub:BatchImportFindings": "own product",
    "sns:Publish": "topics",
    "sqs:ChangeMessageVisibility": "queue",
    "sqs:DeleteMessage": "queue",
    "sqs:GetQueueAttributes": "queue",
    "sqs:ReceiveMessage": "queue",
    "sqs:SendMessage": "queues",
    "sts:AssumeRole": "member role",
}
ZIP_BYTES = 3_000_000
QUEUES = ("QUEUE_URL", "DEAD_LETTER_QUEUE_URL")
TOPICS = ("HIGH_PRIORITY_TOPIC_ARN", "LOW_PRIORITY_TOPIC_ARN")


@pytest.fixture
def function(detection: Stack) -> Resource:
    return detection.only("aws_lambda_function")


@pytest.fixture
def role(detection: Stack, function: Resource) -> Resource:
    return detection.follow(function["role"], "arn")


@pytest.fixture
def role_policy(detection: Stack, role: Resource) -> Resource:
    [policy] = detection.pointing_to("aws_iam_role_policy", "role", role)
    return policy


@pytest.fixture
def imported(synthesis: Synthesis) -> list[Detection]:
    """The detections that the importer evaluates."""
    return [one for one in synthesis.detections if "importer" in one.evaluated_by]


@pytest.fixture
def archive(detection: Stack, function: Resource) -> Path:
    return detection.folder / str(function["filename"])


@pytest.fixture
def environment(detection: Stack, function: Resource, settings: Settings) -> dict[str, str]:
    """As in the function, with the references resolved."""
    variables: dict[str, Any] = function["environment"]["variables"]
    region = settings.home_region
    home = f"arn:{settings.partition}:sns:{region}:{settings.accounts.security}"
    topics = {name: f"{home}:{detection.follow(variables[name], 'arn')['name']}" for name in TOPICS}
    queues = {name: detection.follow(variables[name], "url")["name"] for name in QUEUES}
    table = detection.follow(variables["IDEMPOTENCY_TABLE_NAME"], "name")["name"]
    return {**variables, **topics, **queues, "IDEMPOTENCY_TABLE_NAME": table, "AWS_REGION": region}


def test_the_function_runs_in_the_security_account_on_python_3_13_and_arm64(
    detection: Stack, function: Resource, settings: Settings
) -> None:
    assert function["runtime"] == "python3.13"
    assert function["architectures"] == ["arm64"]
    assert (function["memory_size"], function["timeout"]) == (1024, 180)
    assert detection.account(function) == settings.accounts.security


@pytest.fixture
def document(imported: list[Detection], settings: Settings) -> bytes:
    return importer.document(imported, settings.notifications.runbook_base_url)


def test_the_zip_file_is_built_from_the_current_source(
    archive: Path, document: bytes, tmp_path: Path
) -> None:
    extra = {"detections.json": document}
    built = build_zip(SOURCE, PACKAGE, extra, dependencies(), tmp_path / "built.zip")

    assert archive.read_bytes() == built.read_bytes()


def test_a_changed_zip_file_updates_the_function(function: Resource) -> None:
    assert function["source_code_hash"] in str(function["filename"]).split("/")


def test_the_zip_file_contains_only_python_source_and_the_detections(
    archive: Path, document: bytes
) -> None:
    with ZipFile(archive) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    detections = contents.pop(f"{PACKAGE}/detections.json")

    assert detections == document
    assert archive.stat().st_size < ZIP_BYTES
    assert {name.split("/")[0] for name in contents} == {
        PACKAGE,
        "aws_lambda_powertools",
        "jmespath",
        "typing_extensions.py",
    }
    assert all(name.endswith(".py") for name in contents)
    assert all(ast.parse(source) for name, source in contents.items() if source.strip())


def test_the_zip_file_contains_the_handler(archive: Path, function: Resource) -> None:
    module, _, name = function["handler"].rpartition(".")
    with ZipFile(archive) as opened:
        source = ast.parse(opened.read(f"{module.replace('.', '/')}.py"))

    assert name in {node.name for node in source.body if isinstance(node, ast.FunctionDef)}


def test_the_function_parses_its_environment(
    environment: dict[str, str], organization: Stack, settings: Settings
) -> None:
    parsed = FunctionEnvironment.parse(environment)
    role_name = organization.only("aws_cloudformation_stack_set")["parameters"]["RoleName"]

    assert parsed.member_role_name == role_name
    assert parsed.partition == settings.partition
    assert parsed.region == settings.home_region
    assert parsed.security_account == settings.accounts.security
    assert parsed.metric_namespace == settings.name_prefix


def test_the_function_limits_its_calls_and_their_concurrency(function: Resource) -> None:
    variables = function["environment"]["variables"]
    numbers = {
        name: int(value)
        for name, value in variables.items()
        if name.startswith("MAX_") or name.endswith("_SECONDS")
    }

    assert numbers == {
        "CONNECT_TIMEOUT_SECONDS": 2,
        "READ_TIMEOUT_SECONDS": 5,
        "MAX_ATTEMPTS": 2,
        "MAX_CONCURRENT_ACCOUNTS": 8,
        "RESERVED_SECONDS": 95,
    }


def test_only_lambda_can_assume_the_role(role: Resource) -> None:
    [trust] = statements(role["assume_role_policy"])

    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert trust["Action"] == "sts:AssumeRole"
    assert "managed_policy_arns" not in role.arguments


def test_the_role_allows_exactly_the_calls_of_the_code(
    detection: Stack, role_policy: Resource
) -> None:
    assert actions(role_policy["policy"]) == NEEDED.keys()
    assert detection.resources("aws_iam_role_policy_attachment") == []


def test_each_permission_is_restricted_to_its_resources(
    detection: Stack, function: Resource, role_policy: Resource, settings: Settings
) -> None:
    variables = function["environment"]["variables"]
    topics = [detection.follow(variables[name], "arn") for name in TOPICS]
    partition, home = settings.partition, f"{settings.home_region}:{settings.accounts.security}"
    group = f"/aws/lambda/{function['function_name']}"
    queue, dead_letter_queue = (detection.follow(variables[name], "url")["name"] for name in QUEUES)
    table = detection.follow(variables["IDEMPOTENCY_TABLE_NAME"], "name")["name"]
    security, region = settings.accounts.security, settings.home_region
    sqs, identities = f"arn:{partition}:sqs:{home}", f"arn:{partition}:organizations::"
    members = f"{identities}{settings.accounts.management}"
    expected = {
        "key": [topics[0]["kms_master_key_id"]],
        "log group": [f"arn:{partition}:logs:{home}:log-group:{group}:*"],
        "topics": [f"arn:{partition}:sns:{home}:{topic['name']}" for topic in topics],
        "queue": [f"{sqs}:{queue}"],
        "queues": [f"{sqs}:{queue}", f"{sqs}:{dead_letter_queue}"],
        "table": [f"arn:{partition}:dynamodb:{home}:table/{table}"],
        "organization": [
            f"{members}:{kind}/{settings.organization.id}/*" for kind in ("account", "ou")
        ],
        "own product": [
            f"arn:{partition}:securityhub:{region}:{security}:product/{security}/default"
        ],
        "member role": [f"arn:{partition}:iam::*:role/{variables['MEMBER_ROLE_NAME']}"],
    }

    granted: dict[str, list[str]] = defaultdict(list)
    for grant in allowing(role_policy["policy"]):
        for action in listed(grant["Action"]):
            granted[action] += listed(grant["Resource"])

    for action, resources in granted.items():
        assert resources == expected[NEEDED[action]], action


def test_permissions_are_restricted_to_the_organization_the_account_and_sns(
    role_policy: Resource, settings: Settings
) -> None:
    conditions = {
        action: grant.get("Condition")
        for grant in allowing(role_policy["policy"])
        for action in listed(grant["Action"])
    }

    assert conditions["sts:AssumeRole"] == {
        "StringEquals": {"aws:ResourceOrgID": settings.organization.id}
    }
    assert conditions["securityhub:BatchImportFindings"] == {
        "StringEquals": {"securityhub:TargetAccount": settings.accounts.security}
    }
    assert conditions["kms:Decrypt"] == {
        "StringEquals": {"kms:ViaService": f"sns.{settings.home_region}.amazonaws.com"}
    }


def test_the_function_depends_on_its_permissions_and_its_log_group(
    detection: Stack, function: Resource, role_policy: Resource
) -> None:
    group = detection.only(
        "aws_cloudwatch_log_group", name=f"/aws/lambda/{function['function_name']}"
    )

    assert set(function["depends_on"]) == {role_policy.address, group.address}
    assert group["retention_in_days"] == 90


def test_only_the_trails_log_group_can_invoke_the_function(
    detection: Stack, function: Resource, trail: Stack, settings: Settings
) -> None:
    permission = detection.only("aws_lambda_permission")
    group = trail.only("aws_cloudwatch_log_group")["name"]
    home = f"{settings.home_region}:{settings.accounts.security}"

    assert detection.follow(permission["function_name"], "function_name") == function
    assert permission["action"] == "lambda:InvokeFunction"
    assert permission["principal"] == "logs.amazonaws.com"
    assert permission["source_arn"] == f"arn:{settings.partition}:logs:{home}:log-group:{group}:*"
    assert permission["source_account"] == settings.accounts.security


def test_the_subscription_to_the_trails_log_group_depends_on_the_permission(
    detection: Stack, function: Resource, trail: Stack
) -> None:
    subscription = detection.only("aws_cloudwatch_log_subscription_filter")

    assert subscription["log_group_name"] == trail.only("aws_cloudwatch_log_group")["name"]
    assert detection.follow(subscription["destination_arn"], "arn") == function
    assert subscription["distribution"] == "ByLogStream"
    assert subscription["depends_on"] == [detection.only("aws_lambda_permission").address]


def test_the_subscription_has_the_pattern_of_the_detections(
    detection: Stack, imported: list[Detection]
) -> None:
    pattern = detection.only("aws_cloudwatch_log_subscription_filter")["filter_pattern"]

    assert pattern == subscription_pattern(imported)
    assert str(filter_pattern.parse(pattern))
