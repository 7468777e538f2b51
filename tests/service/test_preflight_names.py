"""`check --before`: each name that Rootwatch gives, taken by somebody else, and given up again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from modules.naming import Names
from operations.preflight.result import Status
from sandbox.organization import LOG_ARCHIVE, MANAGEMENT, MEMBERS, SECURITY
from tests.service.preflight_operator import MINIMAL, Operator, config_of, lines, only
from tests.service.sandbox_resources import allow, policy, service, trusting, zipped
from tests.unit.operations_answers import write_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sandbox.local import Sandbox

NAMES = Names(MINIMAL)
OWN, OTHERS = {"project": "rootwatch"}, {"project": "another"}
TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
PATTERN = json.dumps({"source": ["aws.signin"]})

type Tags = Mapping[str, str]
type Make = Callable[[Sandbox, str, Tags], Any]


def listed(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def make_bucket(sandbox: Sandbox, account: str, tags: Tags) -> None:
    s3 = sandbox.client("s3", account)
    s3.create_bucket(Bucket=NAMES.trail_bucket)
    s3.put_bucket_tagging(Bucket=NAMES.trail_bucket, Tagging={"TagSet": listed(tags)})


def make_alias(name: str) -> Make:
    def make(sandbox: Sandbox, account: str, tags: Tags) -> None:
        kms = sandbox.client("kms", account)
        as_kms_has_them = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
        key = kms.create_key(Tags=as_kms_has_them)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=name, TargetKeyId=key)

    return make


def make_log_group(name: str) -> Make:
    def make(sandbox: Sandbox, account: str, tags: Tags) -> None:
        logs = sandbox.client("logs", account)
        logs.create_log_group(logGroupName=name, tags=dict(tags))

    return make


def make_role(name: str) -> Make:
    """With policies, which have to go before it."""

    def make(sandbox: Sandbox, account: str, tags: Tags) -> None:
        iam = sandbox.client("iam", account)
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=trusting(service("lambda")),
            Tags=listed(tags),
        )
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(allow("s3:*")))
        managed = f"{name}-policy"
        arn = f"arn:aws:iam::{account}:policy/{managed}"
        if not any(one["Arn"] == arn for one in iam.list_policies(Scope="Local")["Policies"]):
            iam.create_policy(PolicyName=managed, PolicyDocument=policy(allow("sqs:*")))
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    return make


def make_function(sandbox: Sandbox, account: str, tags: Tags) -> None:
    iam = sandbox.client("iam", account)
    if not any(role["RoleName"] == "of-function" for role in iam.list_roles()["Roles"]):
        trust = trusting(service("lambda"))
        iam.create_role(RoleName="of-function", AssumeRolePolicyDocument=trust)
    sandbox.client("lambda", account).create_function(
        FunctionName=NAMES.importer,
        Runtime="python3.13",
        Role=f"arn:aws:iam::{account}:role/of-function",
        Handler="function.handler",
        Code={"ZipFile": zipped("handler = print")},
        Tags=dict(tags),
    )


def make_queue(name: str) -> Make:
    def make(sandbox: Sandbox, account: str, tags: Tags) -> None:
        sandbox.client("sqs", account).create_queue(QueueName=name, tags=dict(tags))

    return make


def make_topic(name: str) -> Make:
    def make(sandbox: Sandbox, account: str, tags: Tags) -> None:
        sandbox.client("sns", account).create_topic(Name=name, Tags=listed(tags))

    return make


def make_table(sandbox: Sandbox, account: str, tags: Tags) -> None:
    sandbox.client("dynamodb", account).create_table(
        TableName=NAMES.told_table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=listed(tags),
    )


def make_bus(sandbox: Sandbox, account: str, tags: Tags) -> None:
    events = sandbox.client("events", account)
    events.create_event_bus(Name=NAMES.event_bus, Tags=listed(tags))


def make_rule(sandbox: Sandbox, account: str, tags: Tags) -> None:
    events = sandbox.client("events", account)
    events.put_rule(Name=NAMES.event_rule, EventPattern=PATTERN, Tags=listed(tags))


def make_trail(sandbox: Sandbox, account: str, tags: Tags) -> None:
    """One that is not the organization's, which is told of by another check."""
    s3, cloudtrail = sandbox.client("s3", account), {"Principal": service("cloudtrail")}
    s3.create_bucket(Bucket="of-trail")
    statements = [
        allow("s3:GetBucketAcl", "arn:aws:s3:::of-trail", **cloudtrail),
        allow("s3:PutObject", "arn:aws:s3:::of-trail/*", **cloudtrail),
    ]
    s3.put_bucket_policy(Bucket="of-trail", Policy=policy(*statements))
    sandbox.client("cloudtrail", account).create_trail(
        Name=NAMES.trail, S3BucketName="of-trail", TagsList=listed(tags)
    )


def make_stack(sandbox: Sandbox, account: str, tags: Tags) -> None:
    sandbox.client("cloudformation", account).create_stack(
        StackName=NAMES.member_stack_set, TemplateBody=TEMPLATE, Tags=listed(tags)
    )


def make_stack_set(sandbox: Sandbox, account: str, tags: Tags) -> None:
    sandbox.client("cloudformation", account).create_stack_set(
        StackSetName=NAMES.member_stack_set,
        TemplateBody=TEMPLATE,
        PermissionModel="SERVICE_MANAGED",
        AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": False},
        Tags=listed(tags),
    )


@dataclass(frozen=True, slots=True)
class Case:
    part: str
    told: str  # as the check tells it
    make: Make

    @property
    def account(self) -> str:
        accounts = {"management": MANAGEMENT, "log_archive": LOG_ARCHIVE, "security": SECURITY}
        return accounts[self.part].id

    def __str__(self) -> str:
        return f"{self.part}: {self.told}"


MEMBER_ACCESS = [
    Case(part, f"role {role}", make_role(role))
    for part in ("management", "security")
    for role in (NAMES.member_role, NAMES.event_role)
] + [Case(part, f"event rule {NAMES.event_rule}", make_rule) for part in ("management", "security")]
IN_MANAGEMENT = [
    Case("management", f"trail {NAMES.trail}", make_trail),
    Case("management", f"stack {NAMES.member_stack_set}", make_stack),
    Case("management", f"stack set {NAMES.member_stack_set}", make_stack_set),
]
IN_LOG_ARCHIVE = [
    Case("log_archive", f"bucket {NAMES.trail_bucket}", make_bucket),
    Case("log_archive", f"key {NAMES.trail_key_alias}", make_alias(NAMES.trail_key_alias)),
]
IN_SECURITY = [
    *(
        Case("security", f"log group {name}", make_log_group(name))
        for name in (NAMES.trail_log_group, NAMES.importer_log_group)
    ),
    *(
        Case("security", f"role {name}", make_role(name))
        for name in (NAMES.trail_log_role, NAMES.importer_role)
    ),
    *(
        Case("security", f"queue {name}", make_queue(name))
        for name in (NAMES.importer_queue, NAMES.dead_letter_queue)
    ),
    *(
        Case("security", f"topic {NAMES.topic(priority)}", make_topic(NAMES.topic(priority)))
        for priority in ("high", "low")
    ),
    Case("security", f"function {NAMES.importer}", make_function),
    Case("security", f"table {NAMES.told_table}", make_table),
    Case("security", f"event bus {NAMES.event_bus}", make_bus),
    Case("security", f"key {NAMES.alerts_key_alias}", make_alias(NAMES.alerts_key_alias)),
]
CASES = [*IN_MANAGEMENT, *IN_LOG_ARCHIVE, *IN_SECURITY, *MEMBER_ACCESS]


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    return Operator(sandbox, tmp_path)


def test_every_name_that_is_looked_at_has_a_case(operator: Operator) -> None:
    counted = [operator.look(f"names.{part}").detail for part in ("management", "security")]

    parts = [case.part for case in CASES]
    assert counted == [f"{parts.count(part)} free" for part in ("management", "security")]
    assert operator.look("names.log_archive").detail == f"{parts.count('log_archive')} free"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_name_is_taken_until_it_is_given_up_or_rootwatchs(
    case: Case, operator: Operator, sandbox: Sandbox
) -> None:
    check = f"names.{case.part}"
    case.make(sandbox, case.account, OTHERS)
    taken = operator.look(check)
    operator.do(taken)
    given_up = operator.look(check)
    case.make(sandbox, case.account, OWN)
    own = operator.look(check)
    operator.do(taken)

    assert taken.status == Status.MISSING
    assert taken.detail == f"{case.told} exists, not Rootwatch's"
    assert config_of(taken) == ("name_prefix: rootwatch-2",)
    assert given_up.status == Status.OK
    assert own.status == Status.OK
    assert own.detail.endswith(", 1 Rootwatch's already")
    assert operator.look(check).status == Status.OK


def test_untagged_is_taken(operator: Operator, sandbox: Sandbox) -> None:
    make_queue(NAMES.importer_queue)(sandbox, SECURITY.id, {})
    found = operator.look("names.security")
    operator.do(found)

    assert found.status == Status.MISSING


def test_all_that_is_taken_is_told_at_once_and_by_nothing_else(
    operator: Operator, sandbox: Sandbox
) -> None:
    for case in CASES:
        case.make(sandbox, case.account, OTHERS)
    found = operator.not_ok()
    for result in found.values():
        operator.do(result)

    assert {
        id_: result.detail.count("exists, not Rootwatch's") for id_, result in found.items()
    } == {
        f"names.{part}": [case.part for case in CASES].count(part)
        for part in ("management", "log_archive", "security")
    }
    assert operator.not_ok() == {}


def test_a_bucket_of_somebody_elses_leaves_no_choice_but_another_name(
    operator: Operator, sandbox: Sandbox
) -> None:
    make_bucket(sandbox, MEMBERS[0].id, OWN)
    found = only(operator.not_ok(), "names.log_archive")
    sandbox.client("s3", MEMBERS[0].id).delete_bucket(Bucket=NAMES.trail_bucket)

    assert found.detail == f"bucket {NAMES.trail_bucket} exists, of another account"
    assert lines(found) == []
    assert config_of(found) == ("name_prefix: rootwatch-2",)


def test_another_prefix_is_free(operator: Operator, sandbox: Sandbox) -> None:
    make_queue(NAMES.importer_queue)(sandbox, SECURITY.id, OTHERS)
    found = operator.look("names.security")
    other = operator.of(name_prefix="rootwatch-2")

    assert other.look("names.security").status == Status.OK
    operator.do(found)


class TestDeployed:
    def test_what_a_stack_of_rootwatchs_brought_is_its_own_without_a_tag(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        make_stack_set(sandbox, MANAGEMENT.id, OWN)
        make_role(NAMES.member_role)(sandbox, SECURITY.id, {})
        found = operator.look("names.security")
        sandbox.client("cloudformation").delete_stack_set(StackSetName=NAMES.member_stack_set)
        taken = operator.look("names.security")
        operator.do(taken)

        assert found.status == Status.OK
        assert taken.status == Status.MISSING

    def test_a_deployment_without_its_state_is_missing(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        make_stack_set(sandbox, MANAGEMENT.id, OWN)
        found = operator.not_ok()
        write_state(operator.root, "organization", [])
        mended = operator.not_ok()
        sandbox.client("cloudformation").delete_stack_set(StackSetName=NAMES.member_stack_set)

        only(found, "deployment.state")
        assert mended == {}
