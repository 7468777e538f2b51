"""Deployments: saved plans, retries, partial failures, and what keeps a deployment."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from operations.deployment import report
from operations.deployment.app import App, SynthesisError, UnknownStackError
from operations.deployment.deploy import (
    DELAYS,
    RETRY_SECONDS,
    Delay,
    Deployer,
    UnapprovedChangeError,
)
from operations.deployment.destroy import ProtectedError, check_protection, consequences
from operations.deployment.terraform import Applied, Diagnostic, Plan, Terraform
from operations.preflight.coverage import MEMBER_ACCESS, SECURITY_HUB, Coverage, Gap
from tests.unit.operations.fake_aws import MINIMAL

CONFIGURATION = "aws_securityhub_organization_configuration.configuration"
ASSOCIATION = "aws_securityhub_configuration_policy_association.association"
NOT_FOUND = Diagnostic(
    summary=(
        "updating Security Hub Organization Configuration (): operation error SecurityHub:"
        " UpdateOrganizationConfiguration, https response error StatusCode: 404,"
        " ResourceNotFoundException: organization data is still syncing"
    ),
    detail="",
    address=CONFIGURATION,
)
UNAVAILABLE = replace(
    NOT_FOUND, summary=NOT_FOUND.summary.replace("ResourceNotFound", "DataUnavailable")
)
DENIED = replace(NOT_FOUND, summary=NOT_FOUND.summary.replace("ResourceNotFound", "AccessDenied"))
OTHER_CALL = replace(
    NOT_FOUND, summary=NOT_FOUND.summary.replace("UpdateOrganization", "DeleteOrganization")
)
NO_TRAIL_YET = Diagnostic(
    summary=(
        "creating CloudTrail Trail (rootwatch-organization-trail): operation error CloudTrail:"
        " CreateTrail, https response error StatusCode: 400,"
        " InsufficientDependencyServiceAccessPermissionException: not yet"
    ),
    detail="",
    address="aws_cloudtrail.trail",
)
FAILED_ASSOCIATION = Diagnostic(
    summary=(
        "waiting for Security Hub Configuration Policy Association (r-exam) success: unexpected"
        " state 'FAILED', wanted target 'SUCCESS'"
    ),
    detail="",
    address=ASSOCIATION,
)
FAILED_START = replace(FAILED_ASSOCIATION, summary="starting Security Hub Configuration Policy")
CREATE = (CONFIGURATION, ("create",))


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeTerraform(Terraform):
    """Answers `apply` with these results in turn, the last one repeatedly."""

    results: Sequence[Applied] = (Applied(errors=()),)
    plans: Sequence[Plan] = ()
    document: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def init(self) -> None:
        self.calls.append(f"init {self.stack}")

    def plan(self, *options: str) -> Plan:
        count = sum(call.startswith("plan") for call in self.calls if call.endswith(self.stack))
        self.calls.append(" ".join(["plan", *options, self.stack]))
        if self.plans:
            return self.plans[min(count, len(self.plans) - 1)]
        return planned(self.stack, CREATE)

    def apply(self) -> Applied:
        count = self.calls.count(f"apply {self.stack}")
        self.calls.append(f"apply {self.stack}")
        return self.results[min(count, len(self.results) - 1)]

    def state(self) -> dict[str, Any]:
        return self.document

    def untaint(self, address: str) -> None:
        self.calls.append(f"untaint {address}")


def planned(stack: str, *changes: tuple[str, tuple[str, ...]]) -> Plan:
    return Plan(stack=stack, has_changes=bool(changes), changes=frozenset(changes))


def stack(name: str, calls: list[str], **more: Any) -> FakeTerraform:
    return FakeTerraform(
        stack=name, folder=Path(), environment={}, say=calls.append, calls=calls, **more
    )


def failing(*errors: Diagnostic) -> Applied:
    return Applied(errors=errors)


@dataclass(slots=True)
class Run:
    """A deployment of these stacks: what was said, called and waited for."""

    stacks: list[FakeTerraform]
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def deploy(self) -> Any:
        deployer = Deployer(self.said.append, self.slept.append)
        return deployer.apply(self.stacks, deployer.plan(self.stacks))


class TestPlans:
    def test_all_stacks_are_planned_before_the_first_is_applied(self) -> None:
        calls: list[str] = []
        Run([stack(name, calls) for name in ("trail", "detection")]).deploy()

        assert calls == [
            "init trail",
            "plan trail",
            "init detection",
            "plan detection",
            "apply trail",
            "apply detection",
        ]

    def test_a_stack_without_changes_is_not_applied(self) -> None:
        calls: list[str] = []
        unchanged = stack("trail", calls, plans=[planned("trail")])
        done = Run([unchanged, stack("detection", calls)]).deploy()

        assert "apply trail" not in calls
        assert set(done.outputs) == {"detection"}

    def test_an_error_stops_before_the_next_stack(self) -> None:
        calls: list[str] = []
        done = Run([stack("trail", calls, results=[failing(DENIED)]), stack("b", calls)]).deploy()

        assert done.is_failed
        assert done.errors == (DENIED,)
        assert "apply b" not in calls
        assert done.outputs == {}


class TestRetries:
    @pytest.mark.parametrize("error", [NOT_FOUND, UNAVAILABLE, NO_TRAIL_YET])
    def test_an_organization_that_is_not_ready_is_retried_until_it_is(
        self, error: Diagnostic
    ) -> None:
        calls: list[str] = []
        results = [failing(error), failing(error), Applied(errors=())]
        run = Run([stack("security_hub", calls, results=results)])
        done = run.deploy()

        assert not done.is_failed
        assert run.slept == [RETRY_SECONDS] * 2
        assert calls == ["init security_hub", *["plan security_hub", "apply security_hub"] * 3]

    @pytest.mark.parametrize(
        "errors",
        [
            (DENIED,),
            (OTHER_CALL,),
            (NOT_FOUND, DENIED),
            (NOT_FOUND, FAILED_START),
            (NOT_FOUND, NO_TRAIL_YET),
        ],
    )
    def test_no_other_error_is_retried(self, errors: tuple[Diagnostic, ...]) -> None:
        calls: list[str] = []
        run = Run([stack("security_hub", calls, results=[failing(*errors)])])
        done = run.deploy()

        assert done.is_failed
        assert (run.slept, calls.count("apply security_hub")) == ([], 1)

    @pytest.mark.parametrize(
        ("error", "delay"), [(NOT_FOUND, DELAYS[0]), (NO_TRAIL_YET, DELAYS[1])]
    )
    def test_the_retries_end(self, error: Diagnostic, delay: Delay) -> None:
        calls: list[str] = []
        run = Run([stack("security_hub", calls, results=[failing(error)])])
        done = run.deploy()

        assert done.errors == (error,)
        assert calls.count("apply security_hub") == delay.max_attempts
        assert any(text.startswith(f"{delay.service} is not ready yet") for text in run.said)

    def test_a_destruction_is_not_retried(self) -> None:
        calls: list[str] = []
        stacks = [stack("security_hub", calls, results=[failing(NOT_FOUND)])]
        deployer = Deployer(calls.append)
        done = deployer.apply(stacks, deployer.plan(stacks, "-destroy"), retries=False)

        assert done.errors == (NOT_FOUND,)
        assert calls.count("apply security_hub") == 1

    def test_a_retry_applies_only_approved_changes(self) -> None:
        plans = [
            planned("security_hub", CREATE),
            planned("security_hub", CREATE, ("aws_securityhub_account.hub", ("delete",))),
        ]
        calls: list[str] = []
        run = Run([stack("security_hub", calls, results=[failing(NOT_FOUND)], plans=plans)])

        with pytest.raises(UnapprovedChangeError, match=r"aws_securityhub_account\.hub"):
            run.deploy()
        assert calls.count("apply security_hub") == 1


TAINTED = {
    "resources": [
        {
            "type": address.partition(".")[0],
            "name": address.partition(".")[2],
            "instances": [{"status": "tainted", "attributes": {}}],
        }
        for address in (ASSOCIATION, CONFIGURATION)
    ]
}


class TestPartialFailures:
    def test_what_failed_for_some_accounts_is_not_replaced_by_the_next_deployment(self) -> None:
        calls: list[str] = []
        failed = failing(FAILED_ASSOCIATION)
        first = stack("security_hub", calls, results=[failed], document=TAINTED)
        done = Run([first, stack("next", calls)]).deploy()

        assert not done.is_failed
        assert done.errors == (FAILED_ASSOCIATION,)
        assert [call for call in calls if "untaint" in call] == [f"untaint {ASSOCIATION}"]
        assert calls[-1] == "apply next"

    def test_what_was_not_created_is_an_error(self) -> None:
        calls: list[str] = []
        done = Run([stack("security_hub", calls, results=[failing(FAILED_START)])]).deploy()

        assert done.is_failed

    def test_what_an_earlier_deployment_left_is_kept_before_the_plan(self) -> None:
        calls: list[str] = []
        deployer = Deployer(calls.append)
        deployer.plan([stack("security_hub", calls, document=TAINTED)], keeps_partial=True)

        assert calls[-2:] == [f"untaint {ASSOCIATION}", "plan security_hub"]

    def test_a_plan_alone_changes_no_state(self) -> None:
        calls: list[str] = []
        Deployer(calls.append).plan([stack("security_hub", calls, document=TAINTED)])

        assert not [call for call in calls if call.startswith("untaint")]


FAILED_GAP = Gap(
    target="666666666666",
    part=MEMBER_ACCESS,
    reason="OUTDATED: explicit deny in a service control policy",
    is_expected=False,
)
SUSPENDED_GAP = replace(FAILED_GAP, target="555555555555", reason="skipped", is_expected=True)
HUB_GAP = replace(FAILED_GAP, part=SECURITY_HUB, reason="FAILED: denied")


class TestReport:
    def test_accounts_that_are_not_covered_are_listed_with_reasons_and_a_command(self) -> None:
        lines = list(report.coverage(MINIMAL, Coverage(gaps=(FAILED_GAP, SUSPENDED_GAP))))

        assert lines == [
            "Not covered (1):",
            (
                "  666666666666  member role and event rule: OUTDATED: explicit deny in a service"
                " control policy"
            ),
            *report.CONSEQUENCE.splitlines(),
            "When the causes are fixed, run:",
            (
                "  aws cloudformation create-stack-instances --stack-set-name rootwatch-member"
                " --regions us-east-1 --deployment-targets"
                " OrganizationalUnitIds=r-exam,Accounts=666666666666,"
                "AccountFilterType=INTERSECTION --region us-east-1"
            ),
            "Suspended, and therefore skipped by AWS (1):",
            "  555555555555  member role and event rule: skipped",
        ]

    def test_suspended_accounts_are_no_failure(self) -> None:
        assert Coverage(gaps=(FAILED_GAP, SUSPENDED_GAP)).failures == (FAILED_GAP,)
        assert Coverage(gaps=(SUSPENDED_GAP,), pending=3).failures == ()

    def test_security_hub_is_associated_again_with_the_same_targets(self) -> None:
        lines = list(report.coverage(MINIMAL, Coverage(gaps=(HUB_GAP,), policy="p", pending=2)))

        assert "  666666666666  Security Hub: FAILED: denied" in lines
        assert [line for line in lines if line.startswith("  aws ")] == [
            (
                "  aws securityhub start-configuration-policy-association"
                " --configuration-policy-identifier p --target RootId=r-exam --region us-east-1"
                " --profile security"
            )
        ]
        assert lines[-1].startswith("Security Hub is still being configured in 2 ")

    def test_text_of_aws_cannot_forge_the_output(self) -> None:
        gap = replace(FAILED_GAP, reason="\x1b[2K\u202e")
        lines = list(report.coverage(MINIMAL, Coverage(gaps=(gap,))))

        assert lines[1].endswith(r": \x1b[2K\u202e")

    def test_full_coverage_has_nothing_to_report(self) -> None:
        assert list(report.coverage(MINIMAL, Coverage())) == []

    def test_the_outcome_of_each_stack_is_listed_with_its_outputs(self) -> None:
        plans = [planned("trail"), planned("detection", CREATE), planned("organization", CREATE)]

        assert list(report.outcome(plans, {"detection": {"event_bus_arn": "arn:bus"}})) == [
            "trail: no changes",
            "detection: applied",
            "  event_bus_arn = arn:bus",
            "organization: not applied",
        ]


PROTECTED_TABLE = {
    "resources": [
        {
            "type": "aws_dynamodb_table",
            "name": "idempotency",
            "instances": [{"attributes": {"deletion_protection_enabled": True}}],
        }
    ]
}
UNPROTECTED = replace(MINIMAL, protect=False)


class TestDestruction:
    def test_a_protected_deployment_is_not_destroyed(self) -> None:
        with pytest.raises(ProtectedError) as caught:
            check_protection(MINIMAL, [])

        assert "set `protect: false` in the configuration and run `make deploy`" in str(
            caught.value
        )

    def test_the_end_of_the_protection_has_to_be_deployed(self) -> None:
        calls: list[str] = []
        with pytest.raises(ProtectedError, match="not deployed"):
            check_protection(UNPROTECTED, [stack("detection", calls, document=PROTECTED_TABLE)])

        check_protection(UNPROTECTED, [stack("detection", calls)])

    def test_a_person_reads_what_stops_and_what_remains(self) -> None:
        text = "\n".join(consequences(MINIMAL, ["trail", "detection", "organization"]))

        assert text.startswith("This removes from o-exampleorgid/rootwatch: trail, detection, ")
        assert "No root sign-in is detected in any account" in text
        assert "The key of the log files is deleted after 30 days" in text
        assert "What remains:" in text

    def test_one_stack_has_its_own_consequences(self) -> None:
        text = "\n".join(consequences(MINIMAL, ["organization"]))

        assert "No root sign-in is detected in any account" not in text
        assert "sign-ins arrive by the trail" in text


class TestApp:
    def test_stacks_are_in_the_order_of_their_dependencies(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The manifest lists them by name."""
        monkeypatch.setenv("CDKTF_OUTDIR", str(tmp_path))
        needs = {"detection": ["trail"], "hub": ["organization"], "organization": ["detection"]}
        stacks = {name: {"dependencies": needs.get(name, [])} for name in (*needs, "trail")}
        (tmp_path / "manifest.json").write_text(json.dumps({"stacks": stacks}), "utf-8")
        app = App(tmp_path, print)

        assert [one.stack for one in app.stacks()] == ["trail", "detection", "organization", "hub"]
        assert [one.stack for one in app.stacks("hub")] == ["hub"]
        with pytest.raises(UnknownStackError, match="got the stack x, expected one of trail, "):
            app.stacks("x")

    def test_a_failed_synthesis_is_an_error_with_its_output(self, tmp_path: Path) -> None:
        (tmp_path / "rootwatch").write_text("#!/bin/sh\necho bad >&2; exit 2\n", "utf-8")
        (tmp_path / "rootwatch").chmod(0o755)

        with pytest.raises(SynthesisError, match=r"\Abad\Z"):
            App(tmp_path, print).synthesize()
