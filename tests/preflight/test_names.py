"""`check --before`: each name that Rootwatch gives, taken by somebody else, and given up again."""

from dataclasses import dataclass

import pytest

from operations.preflight.name_list import Resource, in_log_archive, in_management, in_security
from operations.preflight.result import Status
from sandbox.local import Sandbox
from sandbox.organizations.organization import LOG_ARCHIVE, MANAGEMENT, MEMBERS, SECURITY
from tests.preflight.operator import Operator, config_of, lines, only
from tests.preflight.resources import (
    NAMES,
    OTHERS,
    OWN,
    Make,
    make_alias,
    make_bucket,
    make_bus,
    make_function,
    make_log_group,
    make_queue,
    make_role,
    make_rule,
    make_stack,
    make_stack_set,
    make_table,
    make_topic,
    make_trail,
)
from tests.unit.operations.answers import write_state


@dataclass(frozen=True, slots=True)
class Case:
    part: str
    told: str  # as the check tells it
    make: Make

    def resource(self, operator: Operator) -> Resource:
        lists = {
            "management": in_management,
            "log_archive": in_log_archive,
            "security": in_security,
        }
        return next(one for one in lists[self.part](operator.facts()) if str(one) == self.told)

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
    Case("security", f"table {NAMES.idempotency_table}", make_table),
    Case("security", f"event bus {NAMES.event_bus}", make_bus),
    Case("security", f"key {NAMES.alerts_key_alias}", make_alias(NAMES.alerts_key_alias)),
]
CASES = [*IN_MANAGEMENT, *IN_LOG_ARCHIVE, *IN_SECURITY, *MEMBER_ACCESS]


def test_every_name_that_is_looked_at_has_a_case(operator: Operator) -> None:
    counted = [operator.look(f"names.{part}").detail for part in ("management", "security")]

    parts = [case.part for case in CASES]
    assert counted == [f"{parts.count(part)} free" for part in ("management", "security")]
    assert operator.look("names.log_archive").detail == f"{parts.count('log_archive')} free"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_name_of_others_is_taken_until_it_is_given_up(
    case: Case, operator: Operator, sandbox: Sandbox
) -> None:
    check = f"names.{case.part}"
    case.make(sandbox, case.account, OTHERS)
    taken = operator.look(check)
    operator.do(taken)

    assert taken.status == Status.MISSING
    assert taken.detail == f"{case.told} exists, not Rootwatch's"
    assert config_of(taken) == ("name_prefix: rootwatch-2",)
    assert operator.look(check).status == Status.OK


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_name_of_rootwatchs_is_its_own_if_its_stacks_state_holds_it(
    case: Case, operator: Operator, sandbox: Sandbox
) -> None:
    check, resource = f"names.{case.part}", case.resource(operator)
    case.make(sandbox, case.account, OWN)
    lost = operator.look(check)
    write_state(operator.root, resource.stack, [resource.held_as])
    own = operator.look(check)
    write_state(operator.root, resource.stack, [(resource.held_as[0], "another")])
    left_over = operator.look(check)
    operator.do(left_over)

    assert own.status == Status.OK
    assert own.detail.endswith(", 1 Rootwatch's already")
    assert lost.status == left_over.status == Status.MISSING
    told = f"{case.told} exists, Rootwatch's by its tag, and in no state"
    assert lost.detail == left_over.detail == told
    assert lines(lost) == []  # it may be in use, with its state elsewhere
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
        held = [("aws_cloudformation_stack_set", NAMES.member_stack_set)]
        write_state(operator.root, "organization", held)
        make_role(NAMES.member_role)(sandbox, SECURITY.id, {})
        found = operator.look("names.security")
        write_state(operator.root, "organization", [])
        taken = operator.look("names.security")
        operator.do(taken)

        assert found.status == Status.OK
        assert taken.status == Status.MISSING

    def test_a_deployment_without_its_state_is_missing(
        self, operator: Operator, sandbox: Sandbox
    ) -> None:
        make_stack_set(sandbox, MANAGEMENT.id, OWN)
        found = operator.not_ok()
        held = [("aws_cloudformation_stack_set", NAMES.member_stack_set)]
        write_state(operator.root, "organization", held)
        mended = operator.not_ok()
        sandbox.client("cloudformation").delete_stack_set(StackSetName=NAMES.member_stack_set)

        assert set(found) == {"deployment.state", "names.management"}
        assert found["deployment.state"].detail.startswith("organization: Rootwatch is deployed")
        assert mended == {}
