"""The preflight: conflicts of each name, and their remedies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from operations.preflight.check import CheckContext
from operations.preflight.names import NamedResource, in_log_archive, in_management, in_security
from operations.preflight.result import Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, MEMBERS, SECURITY
from tests.preflight.operators import Operator, only
from tests.preflight.resources import (
    NAMES,
    OTHERS,
    OWN,
    Create,
    create_alias,
    create_bucket,
    create_bus,
    create_function,
    create_log_group,
    create_named_role,
    create_queue,
    create_rule,
    create_stack,
    create_stack_set,
    create_table,
    create_topic,
    create_trail,
)
from tests.unit.operations.fake_aws import config_of, lines, write_state

LISTS: dict[str, Callable[[CheckContext], Iterator[NamedResource]]] = {
    "management": in_management,
    "log_archive": in_log_archive,
    "security": in_security,
}
ACCOUNTS = {"management": MANAGEMENT, "log_archive": LOG_ARCHIVE, "security": SECURITY}


@dataclass(frozen=True, slots=True)
class Case:
    part: str
    shown: str  # in the detail of the check
    create: Create

    def resource(self, operator: Operator) -> NamedResource:
        listed = LISTS[self.part](operator.context())
        return next(one for one in listed if str(one) == self.shown)

    @property
    def account(self) -> str:
        return ACCOUNTS[self.part].id

    def __str__(self) -> str:
        return f"{self.part}: {self.shown}"


MEMBER_ACCESS = [
    Case(part, f"role {role}", create_named_role(role))
    for part in ("management", "security")
    for role in (NAMES.member_role, NAMES.event_role)
] + [
    Case(part, f"event rule {NAMES.event_rule}", create_rule) for part in ("management", "security")
]
IN_MANAGEMENT = [
    Case("management", f"trail {NAMES.trail}", create_trail),
    Case("management", f"stack {NAMES.member_stack_set}", create_stack),
    Case("management", f"stack set {NAMES.member_stack_set}", create_stack_set),
]
IN_LOG_ARCHIVE = [
    Case("log_archive", f"bucket {NAMES.trail_bucket}", create_bucket),
    Case("log_archive", f"key {NAMES.trail_key_alias}", create_alias(NAMES.trail_key_alias)),
]
IN_SECURITY = [
    *(
        Case("security", f"log group {name}", create_log_group(name))
        for name in (NAMES.trail_log_group, NAMES.importer_log_group)
    ),
    *(
        Case("security", f"role {name}", create_named_role(name))
        for name in (NAMES.trail_log_role, NAMES.importer_role)
    ),
    *(
        Case("security", f"queue {name}", create_queue(name))
        for name in (NAMES.importer_queue, NAMES.dead_letter_queue)
    ),
    *(
        Case("security", f"topic {NAMES.topic(priority)}", create_topic(NAMES.topic(priority)))
        for priority in ("high", "low")
    ),
    Case("security", f"function {NAMES.importer}", create_function),
    Case("security", f"table {NAMES.idempotency_table}", create_table),
    Case("security", f"event bus {NAMES.event_bus}", create_bus),
    Case("security", f"key {NAMES.alerts_key_alias}", create_alias(NAMES.alerts_key_alias)),
]
CASES = [*IN_MANAGEMENT, *IN_LOG_ARCHIVE, *IN_SECURITY, *MEMBER_ACCESS]


def test_every_name_has_a_case(operator: Operator) -> None:
    counted = [operator.check(f"names.{part}").detail for part in ("management", "security")]

    parts = [case.part for case in CASES]
    assert counted == [f"{parts.count(part)} available" for part in ("management", "security")]
    assert operator.check("names.log_archive").detail == f"{parts.count('log_archive')} available"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_resource_of_others_is_a_conflict_until_it_is_deleted(
    case: Case, operator: Operator, sandbox: Sandbox
) -> None:
    check = f"names.{case.part}"
    case.create(sandbox, case.account, OTHERS)
    conflict = operator.check(check)
    operator.follow(conflict)

    assert conflict.status == Status.FAIL
    assert conflict.detail == f"{case.shown} exists, not created by Rootwatch"
    assert config_of(conflict) == ("name_prefix: rootwatch-2",)
    assert operator.check(check).status == Status.PASS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_resource_of_rootwatch_passes_if_it_is_in_the_state_of_its_stack(
    case: Case, operator: Operator, sandbox: Sandbox
) -> None:
    check, resource = f"names.{case.part}", case.resource(operator)
    case.create(sandbox, case.account, OWN)
    lost = operator.check(check)
    write_state(operator.root, resource.stack, [resource.in_state])
    own = operator.check(check)
    write_state(operator.root, resource.stack, [(resource.in_state[0], "another")])
    orphaned = operator.check(check)
    operator.follow(orphaned)

    assert own.status == Status.PASS
    assert own.detail.endswith(", 1 created by this deployment")
    assert lost.status == orphaned.status == Status.FAIL
    detail = f"{case.shown} exists, tagged by Rootwatch, but in no Terraform state"
    assert lost.detail == orphaned.detail == detail
    assert lines(lost) == []  # it may be in use, and its state elsewhere
    assert operator.check(check).status == Status.PASS


def test_a_resource_without_tags_is_a_conflict(operator: Operator, sandbox: Sandbox) -> None:
    create_queue(NAMES.importer_queue)(sandbox, SECURITY.id, {})
    found = operator.check("names.security")
    operator.follow(found)

    assert found.status == Status.FAIL


def test_all_conflicts_are_reported_at_once_and_only_by_these_checks(
    operator: Operator, sandbox: Sandbox
) -> None:
    for case in CASES:
        case.create(sandbox, case.account, OTHERS)
    found = operator.problems()
    for result in found.values():
        operator.follow(result)

    assert {
        id_: result.detail.count("exists, not created by Rootwatch")
        for id_, result in found.items()
    } == {
        f"names.{part}": [case.part for case in CASES].count(part)
        for part in ("management", "log_archive", "security")
    }
    assert operator.problems() == {}


def test_a_bucket_in_another_account_requires_another_prefix(
    operator: Operator, sandbox: Sandbox
) -> None:
    create_bucket(sandbox, MEMBERS[0].id, OWN)
    found = only(operator.problems(), "names.log_archive")
    sandbox.client("s3", MEMBERS[0].id).delete_bucket(Bucket=NAMES.trail_bucket)

    assert found.detail == f"bucket {NAMES.trail_bucket} exists, in another account"
    assert lines(found) == []
    assert config_of(found) == ("name_prefix: rootwatch-2",)


def test_another_prefix_is_available(operator: Operator, sandbox: Sandbox) -> None:
    create_queue(NAMES.importer_queue)(sandbox, SECURITY.id, OTHERS)
    found = operator.check("names.security")
    other = operator.configured(name_prefix="rootwatch-2")

    assert other.check("names.security").status == Status.PASS
    operator.follow(found)


class TestDeployed:
    def test_the_member_access_is_known_by_the_state_of_the_stack_set(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        held = [("aws_cloudformation_stack_set", NAMES.member_stack_set)]
        write_state(operator.root, "organization", held)
        create_named_role(NAMES.member_role)(sandbox, SECURITY.id, {})
        found = operator.check("names.security")
        write_state(operator.root, "organization", [])
        conflict = operator.check("names.security")
        operator.follow(conflict)

        assert found.status == Status.PASS
        assert conflict.status == Status.FAIL

    def test_a_deployment_without_its_state_fails(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        create_stack_set(sandbox, MANAGEMENT.id, OWN)
        found = operator.problems()
        held = [("aws_cloudformation_stack_set", NAMES.member_stack_set)]
        write_state(operator.root, "organization", held)
        after = operator.problems()
        sandbox.client("cloudformation").delete_stack_set(StackSetName=NAMES.member_stack_set)

        assert set(found) == {"deployment.state", "names.management"}
        assert found["deployment.state"].detail.startswith(
            "organization: deployed, but without a state"
        )
        assert after == {}
