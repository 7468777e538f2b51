"""Actions, resources and policy variables match as AWS documents it."""

from typing import Any

from sandbox.iam.policy import decide, parse_policy
from sandbox.tests.iam.policy_documents import (
    HOME,
    ORDINARY,
    OTHER,
    TOPIC,
    decided_by_identity,
    identity_statement,
    request,
)


def test_actions_match_case_insensitively() -> None:
    cases: list[tuple[dict[str, Any], str, bool]] = [
        ({"Action": "sns:Publish"}, "sns:Publish", True),
        ({"Action": "SNS:publish"}, "sns:Publish", True),
        ({"Action": ["sqs:*", "sns:Pub*"]}, "sns:Publish", True),
        ({"Action": "sns:Publis?"}, "sns:Publish", True),
        ({"Action": "sns:Publish?"}, "sns:Publish", False),
        ({"Action": "sns:*Batch"}, "sns:Publish", False),
        ({"NotAction": "sns:*"}, "sns:Publish", False),
        ({"NotAction": ["sns:*", "sqs:*"]}, "iam:GetRole", True),
    ]
    for elements, action, allowed in cases:
        statement = {"Effect": "Allow", "Resource": "*"} | elements

        assert decided_by_identity(request(action=action), statement).allowed is allowed, (
            elements,
            action,
            allowed,
        )


def test_resources_match_with_wildcards_only() -> None:
    cases: list[tuple[dict[str, Any], str, bool]] = [
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
    ]
    for elements, resource, allowed in cases:
        statement = {"Effect": "Allow", "Action": "*"} | elements

        assert decided_by_identity(request(resource=resource), statement).allowed is allowed, (
            elements,
            resource,
            allowed,
        )


def test_policy_variables_have_literal_values() -> None:
    cases: list[tuple[str, str, dict[str, Any], bool]] = [
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
    ]
    for name, resource, context, allowed in cases:
        asked = request(resource=f"arn:aws:s3:::{resource}", context=context)
        statement = identity_statement(Resource=f"arn:aws:s3:::{name}")

        assert decided_by_identity(asked, statement).allowed is allowed, (
            name,
            resource,
            context,
            allowed,
        )


def test_policies_of_version_2008_10_17_have_no_variables() -> None:
    statement = identity_statement(Resource="arn:aws:s3:::${aws:username}")
    for version in ({"Version": "2008-10-17"}, {}):
        parsed = parse_policy({"Statement": [statement], **version}, "old", None)
        for name, allowed in (("ada", False), ("${aws:username}", True)):
            asked = request(resource=f"arn:aws:s3:::{name}", context={"aws:username": "ada"})
            decision = decide(
                asked, identity_policies=[parsed], resource_policy=None, kind=ORDINARY
            )

            assert decision.allowed is allowed, (version, name)
