"""The preflight is read-only, its calls do not grow with the accounts, and it is a command."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.client
import pytest
import yaml
from jsonschema import Draft202012Validator

import config
from cli.output import ROOT
from operations import preflight
from operations.preflight.aws import READ_PREFIXES
from operations.preflight.result import Status
from operations.preflight.security_hub import MAX_LISTED
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, ROOT_ID, SECURITY, join_many
from sandbox.tests.resources import allow, policy, trusting
from tests.preflight.operators import Operator, clients_of

MINIMAL = Path(config.__file__).parent / "minimal.yaml"
SCHEMA: dict[str, Any] = json.loads(
    Path(preflight.__file__).with_name("check.schema.json").read_text("utf-8")
)
READER = "reader"
OTHER_READS = {"AssumeRole", "GetCallerIdentity"}
SERVICES = (
    *("cloudformation", "cloudtrail", "dynamodb", "events", "iam", "kms", "lambda", "logs"),
    *("organizations", "s3", "securityhub", "sns", "sqs"),
)
MANY_ACCOUNTS, MANY_UNITS = 400, 40


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that any client calls."""
    calls: list[str] = []
    make_call = botocore.client.BaseClient._make_api_call  # noqa: SLF001  of all operations

    def recorded(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        calls.append(operation)
        return make_call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", recorded)
    return calls


@pytest.fixture
def reader(sandbox: Sandbox) -> dict[str, str]:
    """Credentials with read permissions only, in all three accounts."""
    verbs = ("Describe", "Get", "List")
    reads = allow([f"{service}:{verb}*" for service in SERVICES for verb in verbs])
    for account in (LOG_ARCHIVE.id, SECURITY.id):
        iam = sandbox.client("iam", account)
        trust = trusting({"AWS": f"arn:aws:iam::{MANAGEMENT.id}:root"})
        iam.create_role(RoleName=READER, AssumeRolePolicyDocument=trust)
        iam.put_role_policy(RoleName=READER, PolicyName="reads", PolicyDocument=policy(reads))
    iam = sandbox.client("iam")
    iam.create_user(UserName=READER)
    assume = allow("sts:AssumeRole", f"arn:aws:iam::*:role/{READER}")
    iam.put_user_policy(UserName=READER, PolicyName="reads", PolicyDocument=policy(reads, assume))
    key = iam.create_access_key(UserName=READER)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def configurations(operator: Operator) -> list[Operator]:
    """Together, they run all checks."""
    existing = {"managed": False, "name": "main", "log_group": "main", "bucket": "main"}
    return [
        operator,
        operator.configured(trail=existing, security_hub={"managed": False}),
        operator.configured(
            organization={"excluded_accounts": (SECURITY.id,)}, name_prefix="another"
        ),
    ]


def create_conflicts(sandbox: Sandbox) -> None:
    """So that tags and policies are read, too."""
    sandbox.client("sqs", SECURITY.id).create_queue(QueueName="rootwatch-finding-importer")
    sandbox.client("sns", SECURITY.id).create_topic(Name="rootwatch-high-priority")
    iam = sandbox.client("iam", SECURITY.id)
    trust = trusting({"Service": "lambda.amazonaws.com"})
    iam.create_role(RoleName="rootwatch-finding-importer", AssumeRolePolicyDocument=trust)


def test_all_calls_are_read_only(operator: Operator, sandbox: Sandbox, called: list[str]) -> None:
    create_conflicts(sandbox)
    clients = [clients_of(sandbox.environment()) for _ in range(3)]
    del called[:]
    for one, own in zip(configurations(operator), clients, strict=True):
        one.report(own)

    assert {call for call in called if not call.startswith(READ_PREFIXES)} <= OTHER_READS
    assert len(called) > 100
    # Including GetCallerIdentity, which is called before the checks.
    assert sum(own.calls for own in clients) == len(called)


def test_read_permissions_are_sufficient(operator: Operator, reader: dict[str, str]) -> None:
    clients = clients_of(reader)
    for one in configurations(operator.configured(deployment_role=READER)):
        found = one.problems(clients)

        skipped = "trail main does not exist"  # independent of permissions
        errors = {id_ for id_, result in found.items() if result.status == Status.ERROR}
        assert {id_ for id_ in errors if skipped not in found[id_].detail} == set()


def test_the_number_of_calls_does_not_depend_on_the_number_of_accounts(
    operator: Operator, sandbox: Sandbox
) -> None:
    few = operator.report(clients_of(sandbox.environment())).calls
    organizations = sandbox.client("organizations")
    for number in range(MANY_UNITS):
        name = f"unit-{number}"
        organizations.create_organizational_unit(ParentId=ROOT_ID, Name=name)
        join_many(MANY_ACCOUNTS // MANY_UNITS, name)
    many = operator.report(clients_of(sandbox.environment())).calls

    pages = list(organizations.get_paginator("list_accounts").paginate())
    assert len(pages) * 20 >= MANY_ACCOUNTS
    # A few pages of ListAccounts, to find suspended accounts.
    assert many - few < MAX_LISTED / 20
    assert many < 80


def iam_key(sandbox: Sandbox, account: str) -> dict[str, str]:
    """Credentials of a user without permissions."""
    iam = sandbox.client("iam", account)
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


class TestCommand:
    def run(self, sandbox: Sandbox, *arguments: str, **more: str) -> Any:
        environment = {**os.environ, **sandbox.environment(), **more}
        environment.pop("AWS_PROFILE", None)
        return subprocess.run(  # noqa: S603  the tests' own arguments
            [sys.executable, "-m", "cli", "preflight", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_the_remedies_follow_the_table(self, sandbox: Sandbox) -> None:
        organizations, service = sandbox.client("organizations"), "cloudtrail.amazonaws.com"
        organizations.disable_aws_service_access(ServicePrincipal=service)
        run = self.run(sandbox, ROOTWATCH_CONFIG=str(MINIMAL))
        organizations.enable_aws_service_access(ServicePrincipal=service)

        assert (run.returncode, run.stderr) == (1, "")
        lines = [line.strip() for line in run.stdout.splitlines()]
        assert any(line.startswith("fail    trusted access for CloudTrail") for line in lines)
        start = lines.index("fail  trusted access for CloudTrail")
        assert lines[start + 1].startswith("expected: trusted access for CloudTrail enabled;")
        commands = lines.index("run these commands:", start)
        assert lines[commands + 1] == (
            f"aws organizations enable-aws-service-access --service-principal {service}"
        )
        assert "\x1b" not in run.stdout

    def test_the_json_conforms_to_the_schema(self, sandbox: Sandbox, tmp_path: Path) -> None:
        document = yaml.safe_load(MINIMAL.read_text("utf-8")) | {"name_prefix": "another"}
        path = tmp_path / "rootwatch.yaml"
        path.write_text(yaml.safe_dump(document), "utf-8")
        run = self.run(sandbox, "--output", "json", ROOTWATCH_CONFIG=str(path))

        assert (run.returncode, run.stderr) == (0, "")
        found = json.loads(run.stdout)
        Draft202012Validator(SCHEMA).validate(found)
        assert found["ok"] is True
        assert {check["status"] for check in found["checks"]} == {"pass"}

    def test_without_a_response_of_aws_there_is_no_traceback(self, sandbox: Sandbox) -> None:
        nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "ROOTWATCH_CONFIG": str(MINIMAL)}
        run = self.run(sandbox, **nowhere)

        assert (run.returncode, run.stdout) == (2, "")
        assert "Could not connect to the endpoint URL" in run.stderr
        assert "Traceback" not in run.stderr

    def test_with_credentials_of_another_account_one_check_runs(self, sandbox: Sandbox) -> None:
        key = iam_key(sandbox, SECURITY.id)
        run = self.run(sandbox, **key, ROOTWATCH_CONFIG=str(MINIMAL))

        assert (run.returncode, run.stderr) == (1, "")
        lines = [line.strip() for line in run.stdout.splitlines() if line]
        assert lines[0].split() == ["Status", "Check", "Found"]
        assert lines[1].startswith("fail    credentials")
        assert lines[lines.index("fail  credentials") + 1].startswith(
            "expected: credentials of an administrator"
        )
        assert lines[-1] == "1 fail; AWS calls: 1, all read-only"

    def test_invalid_credentials_are_reported(self, sandbox: Sandbox) -> None:
        unknown = {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN", "ROOTWATCH_CONFIG": str(MINIMAL)}
        run = self.run(sandbox, **unknown)

        assert (run.returncode, run.stdout) == (2, "")
        assert "InvalidClientTokenId" in run.stderr
