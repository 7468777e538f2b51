"""Policies of AWS Organizations that deny what Rootwatch needs in the accounts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from operations.preflight.organization_policies import (
    Denial,
    RequiredAction,
    allows,
    denial,
    required_actions,
)
from operations.preflight.result import CheckResult, Status
from tests.unit.operations.fake_aws import ErrorResponse, FakeAws, FakeCall, context_of, run_one

ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ROLE = "arn:aws:iam::000000000000:role"
CREATE_ROLE = RequiredAction(
    action="iam:CreateRole",
    principal=f"{ROLE}/stacksets-exec-{'0' * 32}",
    resource=f"{ROLE}/rootwatch-member",
    region="us-east-1",
)
DENY_IAM = {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}
OTHERS = {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}
EXEMPT = {"aws:PrincipalArn": ["arn:aws:iam::*:role/admin", "arn:aws:iam::*:role/stacksets-exec-*"]}


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


class TestDenial:
    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ({}, Denial.YES),
            ({"Effect": "Allow"}, Denial.NO),
            ({"Action": ["s3:*", "IAM:createrole"]}, Denial.YES),
            ({"Action": "iam:Create?ole"}, Denial.YES),
            ({"Action": ["s3:*", "iam:CreateUser"]}, Denial.NO),
            ({"Action": "*"}, Denial.YES),
            ({"Resource": f"{ROLE}/rootwatch-*"}, Denial.YES),
            ({"Resource": f"{ROLE}/other-*"}, Denial.NO),
            ({"Resource": "arn:aws:iam::444444444444:role/rootwatch-member"}, Denial.YES),
            ({"Resource": "arn:aws:iam::*:role/[r]ootwatch-member"}, Denial.NO),
            ({"Condition": {"ArnNotLike": OTHERS}}, Denial.YES),
            ({"Condition": {"ArnNotLike": EXEMPT}}, Denial.NO),
            ({"Condition": {"StringNotLike": EXEMPT}}, Denial.NO),
            ({"Condition": {"ArnLikeIfExists": EXEMPT}}, Denial.YES),
            ({"Condition": {"StringNotEquals": {"aws:requestedregion": "us-east-1"}}}, Denial.NO),
            ({"Condition": {"StringNotEquals": {"aws:RequestedRegion": "US-EAST-1"}}}, Denial.YES),
            (
                {"Condition": {"StringNotEqualsIgnoreCase": {"aws:RequestedRegion": "US-EAST-1"}}},
                Denial.NO,
            ),
            ({"Condition": {"StringEquals": {"aws:PrincipalTag/team": "x"}}}, Denial.MAYBE),
            ({"Condition": {"ForAnyValue:StringLike": EXEMPT}}, Denial.MAYBE),
            (
                {"Condition": {"ArnNotLike": EXEMPT, "Bool": {"aws:ViaAWSService": "false"}}},
                Denial.NO,
            ),
            (
                {"Condition": {"ArnNotLike": OTHERS, "Bool": {"aws:ViaAWSService": "false"}}},
                Denial.MAYBE,
            ),
        ],
    )
    def test_by_action_resource_and_condition(
        self, statement: dict[str, Any], expected: Denial
    ) -> None:
        assert denial(policy(ALLOW_ALL, DENY_IAM | statement), CREATE_ROLE) is expected

    @pytest.mark.parametrize(
        ("negated", "expected"),
        [
            ({"NotAction": ["sts:*", "iam:*"], "Resource": "*"}, Denial.NO),
            ({"NotAction": "sts:*", "Resource": "*"}, Denial.YES),
            ({"Action": "*", "NotResource": f"{ROLE}/rootwatch-*"}, Denial.NO),
            ({"Action": "*", "NotResource": f"{ROLE}/other"}, Denial.YES),
        ],
    )
    def test_by_what_a_statement_excepts(self, negated: dict[str, Any], expected: Denial) -> None:
        assert denial(policy({"Effect": "Deny", **negated}), CREATE_ROLE) is expected

    def test_the_worst_statement_decides(self) -> None:
        maybe = DENY_IAM | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}

        assert denial(policy(maybe, DENY_IAM, ALLOW_ALL), CREATE_ROLE) is Denial.YES
        assert denial({"Statement": DENY_IAM}, CREATE_ROLE) is Denial.YES
        assert denial(policy(), CREATE_ROLE) is Denial.NO

    def test_an_allow_list_has_to_include_the_action(self) -> None:
        assert allows(policy(ALLOW_ALL), CREATE_ROLE)
        assert allows(policy(ALLOW_ALL | {"Action": ["iam:*"]}), CREATE_ROLE)
        assert not allows(policy(ALLOW_ALL | {"Action": ["s3:*"]}), CREATE_ROLE)
        assert not allows(policy(DENY_IAM), CREATE_ROLE)


class Organization:
    """One policy beside FullAWSAccess: its statements, and what it is attached to."""

    def __init__(
        self, *statements: Mapping[str, Any], targets: tuple[str, ...] = ("r-exam",)
    ) -> None:
        self.contents = {"p-full": policy(ALLOW_ALL), "p-1": policy(*statements)}
        self.targets = {"p-full": ("r-exam",), "p-1": targets}
        types = [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]
        self.responses: dict[str, Any] = {
            "organizations:ListRoots": {"Roots": [{"Id": "r-exam", "PolicyTypes": types}]},
            "organizations:ListPolicies": {
                "Policies": [{"Id": "p-full", "Name": "full"}, {"Id": "p-1", "Name": "deny-iam"}]
            },
            "organizations:DescribePolicy": self._describe,
            "organizations:ListTargetsForPolicy": self._list_targets,
            "organizations:ListPoliciesForTarget": self._list_policies,
        }

    def check(self, root: Path) -> CheckResult:
        return run_one(context_of(root, self.responses), "policies.service_control")

    def _describe(self, call: FakeCall) -> dict[str, Any]:
        return {"Policy": {"Content": json.dumps(self.contents[call.parameters["PolicyId"]])}}

    def _list_targets(self, call: FakeCall) -> dict[str, Any]:
        targets = self.targets[call.parameters["PolicyId"]]
        return {"Targets": [{"TargetId": one} for one in targets]}

    def _list_policies(self, call: FakeCall) -> dict[str, Any]:
        target = call.parameters["TargetId"]
        attached = [id_ for id_, targets in self.targets.items() if target in targets]
        return {"Policies": [{"Id": id_} for id_ in attached]}


class TestServiceControl:
    def test_policies_that_are_not_enabled_are_not_read(self, tmp_path: Path) -> None:
        aws = FakeAws()
        found = run_one(context_of(tmp_path, aws=aws), "policies.service_control")

        assert found.status is Status.PASS
        assert "organizations:ListPolicies" not in aws.names

    def test_a_policy_on_a_target_fails(self, tmp_path: Path) -> None:
        found = Organization(DENY_IAM).check(tmp_path)

        assert found.status is Status.FAIL
        assert found.detail == (
            "deny-iam on r-exam: iam:CreateRole, iam:PassRole, iam:PutRolePolicy"
        )

    def test_a_policy_on_an_account_below_a_target_is_a_warning(self, tmp_path: Path) -> None:
        found = Organization(DENY_IAM, targets=("444444444444",)).check(tmp_path)

        assert found.status is Status.WARN
        assert found.detail.startswith("may deny: deny-iam on 444444444444: iam:CreateRole")

    def test_a_policy_elsewhere_has_no_effect(self, tmp_path: Path) -> None:
        organization = Organization(DENY_IAM, targets=("ou-exam-others00",))
        organization.responses["organizations:ListParents"] = ErrorResponse(
            "ChildNotFoundException"
        )

        assert organization.check(tmp_path).status is Status.PASS

    def test_a_condition_that_cannot_be_evaluated_is_a_warning(self, tmp_path: Path) -> None:
        condition = {"StringNotEquals": {"aws:PrincipalTag/team": "security"}}
        found = Organization(DENY_IAM | {"Condition": condition}).check(tmp_path)

        assert found.status is Status.WARN

    def test_an_exemption_of_the_roles_passes(self, tmp_path: Path) -> None:
        found = Organization(DENY_IAM | {"Condition": {"ArnNotLike": EXEMPT}}).check(tmp_path)

        assert found.status is Status.PASS
        assert found.detail == "none denies what the accounts need"

    def test_an_allow_list_without_the_actions_fails(self, tmp_path: Path) -> None:
        organization = Organization(ALLOW_ALL | {"Action": ["s3:*", "iam:*", "events:*"]})
        organization.targets["p-full"] = ()
        found = organization.check(tmp_path)

        assert found.status is Status.FAIL
        assert found.detail == (
            "no policy on r-exam allows securityhub:BatchImportFindings,"
            " securityhub:EnableSecurityHub"
        )

    def test_a_policy_that_denies_one_of_two_roles_fails(self, tmp_path: Path) -> None:
        for role in ("rootwatch-member", "rootwatch-sign-ins"):
            one = DENY_IAM | {"Action": "iam:CreateRole", "Resource": f"arn:aws:iam::*:role/{role}"}
            found = Organization(one).check(tmp_path)

            assert found.status is Status.FAIL, role
            assert found.detail == "deny-iam on r-exam: iam:CreateRole"

    def test_an_allow_list_with_a_policy_that_was_not_read_passes(self, tmp_path: Path) -> None:
        organization = Organization(ALLOW_ALL | {"Action": "s3:*"})
        organization.responses["organizations:ListPolicies"] = {
            "Policies": [{"Id": "p-1", "Name": "s3"}]
        }

        assert organization.check(tmp_path).status is Status.PASS

    def test_each_required_action_can_be_denied(self, tmp_path: Path) -> None:
        for one in required_actions(context_of(tmp_path)):
            found = Organization(DENY_IAM | {"Action": one.action}).check(tmp_path)

            assert found.status is Status.FAIL
            assert found.detail == f"deny-iam on r-exam: {one.action}"


def test_the_required_actions_are_those_of_the_member_template(tmp_path: Path) -> None:
    actions = {one.action for one in required_actions(context_of(tmp_path))}

    assert actions == {
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:PassRole",
        "events:PutRule",
        "events:PutTargets",
        "events:PutEvents",
        "securityhub:BatchImportFindings",
        "securityhub:EnableSecurityHub",
    }
