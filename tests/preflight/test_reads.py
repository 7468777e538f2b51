"""`check --before` only reads, with as few calls for thousands of accounts, and as a program."""

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
from operations import command
from operations.command import ROOT
from operations.preflight.cloud import READS, Cloud
from operations.preflight.result import Status
from operations.preflight.suspended import LISTED
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, ROOT_ID, SECURITY, join_many
from sandbox.tests.resources import allow, policy, trusting
from tests.preflight.operator import Operator, session_of

MINIMAL = Path(config.__file__).parent / "minimal.yaml"
SCHEMA: dict[str, Any] = json.loads(
    Path(command.__file__).with_name("check.schema.json").read_text("utf-8")
)
READER = "reader"
OTHER_READS = {"AssumeRole", "GetCallerIdentity"}
SERVICES = (
    *("cloudformation", "cloudtrail", "dynamodb", "events", "iam", "kms", "lambda", "logs"),
    *("organizations", "s3", "securityhub", "sns", "sqs"),
)
MANY_ACCOUNTS, MANY_UNITS = 400, 40


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call that any client makes."""
    calls: list[str] = []
    make = botocore.client.BaseClient._make_api_call  # noqa: SLF001  where all of them pass

    def recorded(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        calls.append(operation)
        return make(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", recorded)
    return calls


@pytest.fixture
def reader(sandbox: Sandbox) -> dict[str, str]:
    """Credentials that allow nothing but reads, in all three accounts."""
    verbs = ("Describe", "Get", "List")
    reads = allow([f"{service}:{verb}*" for service in SERVICES for verb in verbs])
    for account in (LOG_ARCHIVE.id, SECURITY.id):
        iam = sandbox.client("iam", account)
        trust = trusting({"AWS": f"arn:aws:iam::{MANAGEMENT.id}:root"})
        iam.create_role(RoleName=READER, AssumeRolePolicyDocument=trust)
        iam.put_role_policy(RoleName=READER, PolicyName="reads", PolicyDocument=policy(reads))
    iam = sandbox.client("iam")
    iam.create_user(UserName=READER)
    enter = allow("sts:AssumeRole", f"arn:aws:iam::*:role/{READER}")
    iam.put_user_policy(UserName=READER, PolicyName="reads", PolicyDocument=policy(reads, enter))
    key = iam.create_access_key(UserName=READER)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def configurations(operator: Operator) -> list[Operator]:
    """As different as they can be, so that all checks look."""
    existing = {"managed": False, "name": "main", "log_group": "main", "bucket": "main"}
    return [
        operator,
        operator.of(trail=existing, security_hub={"managed": False}),
        operator.of(organization={"excluded_accounts": (SECURITY.id,)}, name_prefix="another"),
    ]


def take_names(sandbox: Sandbox) -> None:
    """So that tags and policies are looked at, too."""
    sandbox.client("sqs", SECURITY.id).create_queue(QueueName="rootwatch-finding-importer")
    sandbox.client("sns", SECURITY.id).create_topic(Name="rootwatch-high-priority")
    iam = sandbox.client("iam", SECURITY.id)
    trust = trusting({"Service": "lambda.amazonaws.com"})
    iam.create_role(RoleName="rootwatch-finding-importer", AssumeRolePolicyDocument=trust)


def test_it_only_reads(operator: Operator, sandbox: Sandbox, asked: list[str]) -> None:
    take_names(sandbox)
    clouds = [Cloud(session_of(sandbox.environment())) for _ in range(3)]
    del asked[:]
    for one, cloud in zip(configurations(operator), clouds, strict=True):
        one.report(cloud)

    assert {call for call in asked if not call.startswith(READS)} <= OTHER_READS
    assert len(asked) > 100
    # The identity is asked for before anything is counted, and counted all the same.
    assert sum(cloud.calls for cloud in clouds) == len(asked)


def test_rights_to_read_are_enough(operator: Operator, reader: dict[str, str]) -> None:
    cloud = Cloud(session_of(reader))
    for one in configurations(operator.of(deployment_role=READER)):
        found = one.not_ok(cloud)

        lost = "there is no trail main"  # which is no matter of rights
        unknown = {id_ for id_, result in found.items() if result.status == Status.UNKNOWN}
        assert {id_ for id_ in unknown if lost not in found[id_].detail} == set()


def test_the_number_of_calls_is_not_that_of_the_accounts(
    operator: Operator, sandbox: Sandbox
) -> None:
    few = operator.report(Cloud(session_of(sandbox.environment()))).calls
    organizations = sandbox.client("organizations")
    for number in range(MANY_UNITS):
        name = f"unit-{number}"
        organizations.create_organizational_unit(ParentId=ROOT_ID, Name=name)
        join_many(MANY_ACCOUNTS // MANY_UNITS, name)
    many = operator.report(Cloud(session_of(sandbox.environment()))).calls

    pages = list(organizations.get_paginator("list_accounts").paginate())
    assert len(pages) * 20 >= MANY_ACCOUNTS
    # A few pages of accounts, for those that are suspended.
    assert many - few < LISTED / 20
    assert many < 80


def iam_key(sandbox: Sandbox, account: str) -> dict[str, str]:
    """Credentials of a user without any rights."""
    iam = sandbox.client("iam", account)
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


class TestProgram:
    def run(self, sandbox: Sandbox, *arguments: str, **more: str) -> Any:
        environment = {**os.environ, **sandbox.environment(), **more}
        environment.pop("AWS_PROFILE", None)
        return subprocess.run(  # noqa: S603  the tests' own arguments
            [sys.executable, "-m", "operations", "check", "--before", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_the_table_tells_what_is_missing_and_how_it_is_mended(self, sandbox: Sandbox) -> None:
        organizations, service = sandbox.client("organizations"), "cloudtrail.amazonaws.com"
        organizations.disable_aws_service_access(ServicePrincipal=service)
        run = self.run(sandbox, ROOTWATCH_CONFIG=str(MINIMAL))
        organizations.enable_aws_service_access(ServicePrincipal=service)

        assert (run.returncode, run.stderr) == (1, "")
        told = run.stdout.splitlines()
        start = next(i for i, line in enumerate(told) if line.startswith("missing  trusted access"))
        assert told[start + 2].strip() == "commands:"
        assert told[start + 3].strip() == (
            f"aws organizations enable-aws-service-access --service-principal {service}"
        )
        assert "\x1b" not in run.stdout

    def test_json_is_as_its_schema_says(self, sandbox: Sandbox, tmp_path: Path) -> None:
        document = yaml.safe_load(MINIMAL.read_text("utf-8")) | {"name_prefix": "another"}
        path = tmp_path / "rootwatch.yaml"
        path.write_text(yaml.safe_dump(document), "utf-8")
        run = self.run(sandbox, "--output", "json", ROOTWATCH_CONFIG=str(path))

        assert (run.returncode, run.stderr) == (0, "")
        found = json.loads(run.stdout)
        Draft202012Validator(SCHEMA).validate(found)
        assert found["ok"] is True
        assert {check["status"] for check in found["checks"]} == {"ok"}

    def test_who_does_not_answer_is_told_without_a_trace(self, sandbox: Sandbox) -> None:
        nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "ROOTWATCH_CONFIG": str(MINIMAL)}
        run = self.run(sandbox, **nowhere)

        assert (run.returncode, run.stdout) == (2, "")
        assert "Could not connect to the endpoint URL" in run.stderr
        assert "Traceback" not in run.stderr

    def test_credentials_of_another_account_are_told_alone(self, sandbox: Sandbox) -> None:
        key = iam_key(sandbox, SECURITY.id)
        run = self.run(sandbox, **key, ROOTWATCH_CONFIG=str(MINIMAL))

        assert (run.returncode, run.stderr) == (1, "")
        told = [line for line in run.stdout.splitlines() if line]
        assert told[0].startswith("missing  credentials")
        assert told[1].strip().startswith("right: credentials of an administrator")
        assert told[-1].startswith("1 missing; 1 calls")

    def test_credentials_that_nobody_knows_are_told(self, sandbox: Sandbox) -> None:
        unknown = {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN", "ROOTWATCH_CONFIG": str(MINIMAL)}
        run = self.run(sandbox, **unknown)

        assert (run.returncode, run.stdout) == (2, "")
        assert "InvalidClientTokenId" in run.stderr
