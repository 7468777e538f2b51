"""Actions, resources and policy variables match as AWS documents it."""

from typing import Any

import pytest

from sandbox.iam.policy import decide, parse_policy
from sandbox.tests.iam.policy_documents import (
    HOME,
    ORDINARY,
    OTHER,
    TOPIC,
    decided_by_identity,
    document,
    identity_statement,
    request,
)


@pytest.mark.parametrize(
    ("elements", "action", "allowed"),
    [
        ({"Action": "sns:Publish"}, "sns:Publish", True),
        ({"Action": "SNS:publish"}, "sns:Publish", True),
        ({"Action": ["sqs:*", "sns:Pub*"]}, "sns:Publish", True),
        ({"Action": "sns:Publis?"}, "sns:Publish", True),
        ({"Action": "sns:Publish?"}, "sns:Publish", False),
        ({"Action": "sns:*Batch"}, "sns:Publish", False),
        ({"NotAction": "sns:*"}, "sns:Publish", False),
        ({"NotAction": ["sns:*", "sqs:*"]}, "iam:GetRole", True),
    ],
)
def test_actions_match_without_regard_to_case(
    elements: dict[str, Any],
    action: str,
    *,
    allowed: bool,
) -> None:
    statement = {"Effect": "Allow", "Resource": "*"} | elements

    assert decided_by_identity(request(action=action), statement).allowed is allowed


@pytest.mark.parametrize(
    ("elements", "resource", "allowed"),
    [
        ({"Resource": "*"}, "*", True),
        ({"Resource": TOPIC}, "*", False),
        ({"Resource": TOPIC}, TOPIC, True),
        ({"Resource": TOPIC.replace("alarms", "Alarms")}, TOPIC, False),
        ({"Resource": "arn:aws:sns:*"}, TOPIC, True),
        ({"Resource": "arn:aws:sns:us-????-1:*:alarms"}, TOPIC, True),
        ({"Resource": "arn:aws:s3:::a.b/*"}, "arn:aws:s3:::a.b/x/y", True),
        ({"Resource": "arn:aws:s3:::a.b/*"}, "arn:aws:s3:::aXb/x", False),
        ({"Resource": "arn:aws:s3:::a+(b)[c]/*"}, "arn:aws:s3:::a+(b)[c]/x", True),
        ({"Resource": ["arn:aws:s3:::a", "arn:aws:s3:::b"]}, "arn:aws:s3:::b", True),
        ({"NotResource": "arn:aws:s3:::a"}, "arn:aws:s3:::b", True),
        ({"NotResource": ["arn:aws:s3:::*"]}, "arn:aws:s3:::b", False),
    ],
)
def test_resources_match_with_wildcards_and_nothing_else(
    elements: dict[str, Any],
    resource: str,
    *,
    allowed: bool,
) -> None:
    statement = {"Effect": "Allow", "Action": "*"} | elements

    assert decided_by_identity(request(resource=resource), statement).allowed is allowed


@pytest.mark.parametrize(
    ("name", "resource", "context", "allowed"),
    [
        ("${aws:PrincipalAccount}", HOME, {"aws:principalaccount": HOME}, True),
        ("${aws:PrincipalAccount}", OTHER, {"aws:PrincipalAccount": HOME}, False),
        ("${aws:username}", "ada", {}, False),
        ("${aws:username, 'guest'}", "guest", {}, True),
        ("${aws:username, 'guest'}", "ada", {"aws:username": "ada"}, True),
        ("${aws:TagKeys}", "a", {"aws:TagKeys": ("a", "b")}, False),
        ("${aws:TagKeys}", "a", {"aws:TagKeys": ("a",)}, True),
        ("${aws:username}", "ada", {"aws:username": "*"}, False),
        ("${*}${?}${$}", "*?$", {}, True),
        ("${*}", "anything", {}, False),
        ("cost$", "cost$", {}, True),
    ],
)
def test_policy_variables_stand_for_their_literal_value(
    name: str,
    resource: str,
    context: dict[str, Any],
    *,
    allowed: bool,
) -> None:
    asked = request(resource=f"arn:aws:s3:::{resource}", context=context)
    statement = identity_statement(Resource=f"arn:aws:s3:::{name}")

    assert decided_by_identity(asked, statement).allowed is allowed


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_policies_of_the_old_version_take_variables_as_text(version: str | None) -> None:
    policy = document(identity_statement(Resource="arn:aws:s3:::${aws:username}"))
    policy["Version"] = version
    if version is None:
        del policy["Version"]
    parsed = parse_policy(policy, "old", None)

    def allows(name: str) -> bool:
        asked = request(resource=f"arn:aws:s3:::{name}", context={"aws:username": "ada"})
        return decide(
            asked, identity_policies=[parsed], resource_policy=None, kind=ORDINARY
        ).allowed

    assert not allows("ada")
    assert allows("${aws:username}")
