"""Terraform's states, commands for the AWS CLI, and the import of existing resources."""

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from config.settings import Accounts, S3State
from operations.preflight.aws import (
    AccountClient,
    AssumeRoleError,
    InvalidEndpointError,
    NotReadOnlyError,
    ReadError,
)
from operations.preflight.check import AwsCli, as_json
from operations.preflight.result import Status
from operations.preflight.terraform import STACKS, TerraformState, import_remedy, is_in_state
from tests.unit.operations.fake_aws import (
    LOG_ARCHIVE,
    MANAGEMENT,
    MINIMAL,
    REGION,
    SECURITY,
    ErrorResponse,
    FakeAws,
    context_of,
    run_one,
    session_of,
    write_state,
    write_synthesized,
)

SNAPSHOTS = Path(__file__).parents[2] / "synth" / "snapshots"
CLI = AwsCli(MINIMAL)


@dataclass(frozen=True, slots=True)
class StoredObject:
    text: str

    def read(self) -> bytes:
        return self.text.encode()


class TestAwsCli:
    def test_commands_for_other_accounts_name_their_profiles(self) -> None:
        for account, line in {
            MANAGEMENT: "aws sts get-caller-identity --region eu-west-1",
            SECURITY: "aws sts get-caller-identity --region eu-west-1 --profile security",
            LOG_ARCHIVE: "aws sts get-caller-identity --region eu-west-1 --profile log-archive",
            "999999999999": "aws sts get-caller-identity --region eu-west-1",
        }.items():
            command = CLI.command(account, "sts", "get-caller-identity", region="eu-west-1")

            assert (command.account, command.line) == (account, line)

    def test_the_management_account_needs_no_profile_in_any_role(self) -> None:
        alone = Accounts(management=MANAGEMENT, log_archive=MANAGEMENT, security=MANAGEMENT)
        cli = AwsCli(replace(MINIMAL, accounts=alone))

        assert "--profile" not in cli.command(MANAGEMENT, "sts", "get-caller-identity").line

    def test_json_is_quoted_for_the_shell(self) -> None:
        document = {"Condition": {"StringEquals": {"it's": '$HOME `id` \\ "x"'}}}
        line = CLI.command(MANAGEMENT, "iam", "create-role", "--policy", as_json(document)).line

        assert json.loads(shlex.split(line)[-1]) == document


class TestStates:
    DOCUMENT = json.dumps(
        {
            "resources": [
                {"mode": "managed", "type": "kind", "instances": [{"attributes": {"id": "one"}}]},
                {"mode": "data", "type": "read", "instances": [{"attributes": {"id": "two"}}]},
            ]
        }
    )

    def test_the_states_of_all_stacks_are_read_from_the_bucket(self, tmp_path: Path) -> None:
        state = S3State(bucket="states", region="eu-west-1", key_prefix="x", kms_key_id=None)
        aws = FakeAws({"s3:GetObject": {"Body": StoredObject(self.DOCUMENT)}})
        context = context_of(tmp_path, settings=replace(MINIMAL, state=state), aws=aws)

        assert is_in_state(context, "kind", "one")
        assert not is_in_state(context, "kind", "two")
        assert not is_in_state(context, "read", "two")
        calls = aws.named("s3:GetObject")
        assert {call.parameters["Bucket"] for call in calls} == {"states"}
        assert [call.parameters["Key"] for call in calls] == [
            f"x/o-exampleorgid/rootwatch/{stack}.tfstate" for stack in STACKS
        ]
        assert {(call.account, call.region) for call in calls} == {(MANAGEMENT, "eu-west-1")}

    def test_a_resource_is_known_by_each_of_its_names(self) -> None:
        attributes = {"id": "i", "arn": "a", "name": "n", "bucket": "b", "other": "o"}
        instance = {"attributes": attributes}
        resource = {"mode": "managed", "type": "kind", "instances": [instance]}
        state = TerraformState.parse(json.dumps({"resources": [resource]}))

        assert state
        assert {name for kind, name in state.resources} == {"i", "a", "n", "b"}

    def test_a_file_that_is_not_a_state_is_ignored(self) -> None:
        for text in (None, "", "[]", "no JSON", "null", '{"resources": null}'):
            assert TerraformState.parse(text) is None, text
        for resources in ("[{}]", "[1]", '[{"mode": "managed", "type": "a"}]'):
            assert TerraformState.parse(f'{{"resources": {resources}}}') is None, resources

    def test_an_empty_state_is_a_state(self) -> None:
        state = TerraformState.parse('{"resources": []}')

        assert state == TerraformState(frozenset())

    def test_any_stack_can_hold_a_resource(self, tmp_path: Path) -> None:
        for stack in STACKS:
            write_state(tmp_path, stack, [(f"kind_{stack}", "name")])
        context = context_of(tmp_path)

        assert all(is_in_state(context, f"kind_{stack}", "name") for stack in STACKS)
        assert not is_in_state(context, "kind_trail", "another")


class TestImport:
    TYPE = "aws_cloudtrail_organization_delegated_admin_account"

    def test_the_address_is_that_of_the_synthesized_stack(self, tmp_path: Path) -> None:
        for resource_type in (
            self.TYPE,
            "aws_securityhub_organization_admin_account",
            "aws_securityhub_account",
            "aws_securityhub_finding_aggregator",
        ):
            texts = {
                stack: (SNAPSHOTS / f"minimal-{stack}.json").read_text("utf-8") for stack in STACKS
            }
            (stack,) = (
                one for one, text in texts.items() if resource_type in json.loads(text)["resource"]
            )
            write_synthesized(tmp_path, stack, texts[stack])
            remedy = import_remedy(tmp_path, resource_type, SECURITY)

            (name,) = json.loads(texts[stack])["resource"][resource_type]
            assert remedy.expected == f"in the state of the stack {stack}"
            terraform = f"terraform -chdir=cdktf.out/stacks/{stack}"
            assert [one.line for one in remedy.commands] == [
                "make synth",
                f"{terraform} init",
                f"{terraform} import {resource_type}.{name} {SECURITY}",
            ]
            assert {one.account for one in remedy.commands} == {None}

    @pytest.mark.parametrize("text", ["", "{}", '{"resource": {"TYPE": {"a": {}, "b": {}}}}'])
    def test_without_a_synthesized_stack_the_remedy_is_to_synthesize(
        self, tmp_path: Path, text: str
    ) -> None:
        write_synthesized(tmp_path, "trail", text.replace("TYPE", self.TYPE))
        self.assert_synth(tmp_path)

    def test_a_folder_of_a_stack_that_is_not_in_the_manifest_is_ignored(
        self, tmp_path: Path
    ) -> None:
        self.assert_synth(tmp_path)
        write_synthesized(tmp_path, "former", f'{{"resource": {{"{self.TYPE}": {{"a": {{}}}}}}}}')
        self.assert_synth(tmp_path)

    def assert_synth(self, root: Path) -> None:
        remedy = import_remedy(root, self.TYPE, SECURITY)

        assert [one.line for one in remedy.commands] == ["make synth"]
        assert "after this command, the preflight prints how to import it" in remedy.expected


class TestVersion:
    @pytest.fixture(autouse=True)
    def _only_these_programs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.delenv("TERRAFORM_BINARY_NAME", raising=False)

    @pytest.mark.parametrize(
        ("programs", "status", "detail"),
        [
            (
                {"terraform": "1.11.4"},
                Status.PASS,
                "Terraform 1.11.4, OpenTofu not found; the deployment runs terraform",
            ),
            ({"terraform": "1.9.8"}, Status.FAIL, "Terraform 1.9.8, OpenTofu not found"),
            ({"terraform": "1.10.0-rc1", "tofu": "1.8.0"}, Status.PASS, None),
            ({"tofu": "1.10.0"}, Status.FAIL, "Terraform not found, OpenTofu 1.10.0"),
            ({"terraform": "x"}, Status.FAIL, "Terraform x, OpenTofu not found"),
            ({}, Status.FAIL, "Terraform not found, OpenTofu not found"),
        ],
    )
    def test_the_installed_programs(
        self, tmp_path: Path, programs: dict[str, str], status: Status, detail: str | None
    ) -> None:
        for name, version in programs.items():
            write_program(tmp_path / name, json.dumps({"terraform_version": version}))
        found = run_one(context_of(tmp_path), "deployment.terraform")

        assert found.status is status
        assert detail is None or found.detail == detail

    def test_the_program_of_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERRAFORM_BINARY_NAME", "tofu")
        write_program(tmp_path / "tofu", json.dumps({"terraform_version": "1.10.0"}))
        found = run_one(context_of(tmp_path), "deployment.terraform")

        assert found.status is Status.PASS
        assert found.detail == "OpenTofu 1.10.0, Terraform not found; the deployment runs tofu"

    def test_a_program_that_prints_something_else_is_not_found(self, tmp_path: Path) -> None:
        write_program(tmp_path / "terraform", "no JSON")
        found = run_one(context_of(tmp_path), "deployment.terraform")

        assert found.status is Status.FAIL
        assert found.remedy
        assert found.remedy.expected == "terraform 1.10 or later on the PATH"


def write_program(path: Path, output: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


ROLE = f"arn:aws:iam::{SECURITY}:role/deployer"


def account_of(aws: FakeAws) -> AccountClient:
    return AccountClient(id=MANAGEMENT, region=REGION, clients=aws.clients, credentials={})


def test_other_operations_than_reads_are_rejected() -> None:
    aws = FakeAws()
    account = account_of(aws)

    for service, operation in (
        ("cloudtrail", "RegisterOrganizationDelegatedAdmin"),
        ("s3", "CreateBucket"),
        ("iam", "DeleteRole"),
        ("sqs", "SendMessage"),
        ("securityhub", "BatchGetSecurityControls"),
    ):
        with pytest.raises(NotReadOnlyError, match=f"{service}:{operation}"):
            account.read(service, operation)
        with pytest.raises(NotReadOnlyError):
            list(account.paginate(service, operation, "Items"))
    assert aws.calls == []


def test_pages_are_counted_and_requested_when_needed() -> None:
    aws = FakeAws({"organizations:ListRoots": {"Roots": [{"Id": "r-exam"}], "NextToken": "more"}})
    account = account_of(aws)

    listed = account.paginate("organizations", "ListRoots", "Roots")
    assert account.clients.calls == 0
    assert next(listed) == {"Id": "r-exam"}
    assert account.clients.calls == 1
    next(listed)
    assert account.clients.calls == len(aws.calls) == 2


def test_a_client_is_created_once_for_service_region_and_credentials() -> None:
    clients = FakeAws().clients
    others = [
        clients.client("sts", "eu-west-1", {}),
        clients.client("sqs", REGION, {}),
        clients.client("sts", REGION, {"aws_access_key_id": "A", "aws_secret_access_key": "s"}),
    ]

    assert clients.client("sts", REGION, {}) is clients.client("sts", REGION, {})
    assert all(clients.client("sts", REGION, {}) is not other for other in others)


def test_an_invalid_endpoint_of_one_service_ends_the_preflight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "nonsense")

    with pytest.raises(InvalidEndpointError, match="sqs: Invalid endpoint: nonsense"):
        account_of(FakeAws()).read("sqs", "GetQueueUrl", QueueName="x")


def test_find_returns_none_only_for_the_given_codes() -> None:
    account = account_of(FakeAws({"iam:GetRole": ErrorResponse("NoSuchEntity", status=404)}))

    assert account.find("iam", "GetRole", absent={"NoSuchEntity"}, RoleName="x") is None
    with pytest.raises(ReadError):
        account.find("iam", "GetRole", absent={"NoSuchRole"}, RoleName="x")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "permission"),
    [
        ("iam", "GetRole", {"RoleName": "x"}, "iam:GetRole"),
        ("s3", "HeadBucket", {"Bucket": "xyz"}, "s3:ListBucket"),
        ("securityhub", "DescribeHub", {}, "securityhub:DescribeHub"),
        ("events", "DescribeRule", {"Name": "x"}, "events:DescribeRule"),
    ],
)
def test_an_error_names_permission_account_and_region(
    service: str, operation: str, parameters: dict[str, str], permission: str
) -> None:
    denied = ErrorResponse("AccessDenied", "No.", 403)
    account = account_of(FakeAws({f"{service}:{operation}": denied}))

    with pytest.raises(ReadError) as raised:
        account.read(service, operation, **parameters)
    assert raised.value.permission == permission
    assert str(raised.value).startswith(f"{permission} in {MANAGEMENT}, ")
    assert raised.value.is_denied


def test_only_denied_calls_are_denied() -> None:
    for code, is_denied in {
        "403": True,
        "AccessDenied": True,
        "AccessDeniedException": True,
        "UnauthorizedOperation": True,
        "Throttling": False,
        "404": False,
    }.items():
        error = ReadError(permission="p", account=MANAGEMENT, region=REGION, code=code, text="t")

        assert error.is_denied is is_denied, code


def test_a_long_error_is_shortened() -> None:
    long = ErrorResponse("InternalFailure", "word " * 200, 500)
    account = account_of(FakeAws({"iam:GetRole": long}))

    with pytest.raises(ReadError) as raised:
        account.read("iam", "GetRole", RoleName="x")
    assert raised.value.text == ("word " * 60)


def test_a_role_that_cannot_be_assumed_keeps_the_message_of_aws() -> None:
    denied = ErrorResponse("AccessDenied", "Not you.", 403)
    clients = FakeAws({"sts:AssumeRole": denied}).clients

    with pytest.raises(AssumeRoleError) as raised:
        clients.assume_role(ROLE, "preflight", REGION)
    assert raised.value.response == "Not you."
    assert raised.value.reason == f"the deployment role in account {SECURITY} cannot be assumed"


def test_calls_use_the_session_of_the_assumed_role() -> None:
    aws = FakeAws({"securityhub:DescribeHub": {}})
    account = aws.clients.assume_role(ROLE, "preflight", REGION)
    account.read("securityhub", "DescribeHub", region="eu-west-1")
    account.read("securityhub", "DescribeHub")

    session = session_of(SECURITY)
    keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    assert account.id == SECURITY
    assert list(account.credentials.values()) == [session[key] for key in keys]
    assume, elsewhere, default = aws.calls
    assert assume.parameters == {
        "RoleArn": ROLE,
        "RoleSessionName": "preflight",
        "DurationSeconds": 900,
    }
    assert (elsewhere.account, elsewhere.region) == (SECURITY, "eu-west-1")
    assert (default.account, default.region) == (SECURITY, REGION)
