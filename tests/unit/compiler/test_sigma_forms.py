"""The syntax that public rules for CloudTrail use, and how each target evaluates it.

https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html
https://sigmahq.io/sigma-specification/specification/sigma-appendix-modifiers.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compiler import cloudwatch
from compiler.catalog import EXAMPLE_PLACEHOLDERS
from compiler.detection import Detection
from compiler.errors import DetectionError
from compiler.rule_file import read_rule
from sandbox.cloudtrail.sign_ins import Record
from tests.unit.compiler.evaluation import (
    detection,
    importer_matches,
    metric_filter_matches,
    subscription_matches,
)

HEAD = """\
title: A form
id: 0d5f3c52-7d67-4c7e-9a53-6d1c0f3b8a11
status: test
level: medium
logsource: {product: aws, service: cloudtrail}
detection:
"""


@dataclass(frozen=True, kw_only=True)
class Form:
    rule: str  # the YAML under `detection`
    matching: tuple[Record, ...]
    others: tuple[Record, ...]
    unsupported: str | None = None  # by filter patterns: part of the reason

    def records(self) -> list[tuple[Record, bool]]:
        """Each with whether it matches."""
        return [(one, True) for one in self.matching] + [(one, False) for one in self.others]


def who(**identity: Any) -> Record:
    return {"userIdentity": identity}


def asks(**parameters: Any) -> Record:
    return {"requestParameters": parameters}


def called(name: object, **fields: Any) -> Record:
    return {"eventName": name, **fields}


TEXTS = {
    "a string without `|cased` matches without case": Form(
        rule="s: {eventName: ConsoleLogin}\ncondition: s",
        matching=(called("ConsoleLogin"), called("consolelogin"), called("CONSOLELOGIN")),
        others=(called("ConsoleLogins"), called("aConsoleLogin"), called(None), {}),
    ),
    "a string with `|cased` matches with case": Form(
        rule="s: {eventName|cased: ConsoleLogin}\ncondition: s",
        matching=(called("ConsoleLogin"),),
        others=(called("consolelogin"), called("ConsoleLogin "), {}),
    ),
    "a list of values is a disjunction": Form(
        rule="s: {eventName: [StopLogging, DeleteTrail], awsRegion|cased: us-east-1}\ncondition: s",
        matching=(
            called("DELETETRAIL", awsRegion="us-east-1"),
            called("StopLogging", awsRegion="us-east-1"),
        ),
        others=(called("StopLogging"), called("StartLogging", awsRegion="us-east-1")),
    ),
    "`*` matches zero or more characters": Form(
        rule="s: {userIdentity.arn|cased: 'arn:*:user/ops'}\ncondition: s",
        matching=(who(arn="arn:aws:iam::111111111111:user/ops"), who(arn="arn::user/ops")),
        others=(who(arn="arn:user/ops"), who(arn="arn:aws:iam::1:user/opsy"), who()),
    ),
    "two `*` in the middle of a string": Form(
        rule="s: {userIdentity.arn|cased: 'arn:*:role/*-ops'}\ncondition: s",
        matching=(who(arn="arn:aws:iam::1:role/net-ops"), who(arn="arn::role/-ops")),
        others=(who(arn="arn:aws:iam::1:role/ops"),),
    ),
    "`*` in the middle of a string, without case": Form(
        rule="s: {userIdentity.arn: 'arn:*:user/ops'}\ncondition: s",
        matching=(who(arn="ARN:AWS:IAM::1:USER/OPS"),),
        others=(who(arn="arn:aws:iam::1:user/op"),),
    ),
    "`?` matches exactly one character": Form(
        rule="s: {requestParameters.size|cased: 't?.micro'}\ncondition: s",
        matching=(asks(size="t3.micro"), asks(size="t?.micro")),
        others=(asks(size="t.micro"), asks(size="t3a.micro")),
    ),
    "`*` alone matches any string": Form(
        rule="s: {errorCode: '*'}\ncondition: s",
        matching=({"errorCode": "AccessDenied"}, {"errorCode": ""}),
        others=({"errorCode": None}, {}),
    ),
    "not any string is absent or null": Form(
        rule="s: {eventName|cased: RunInstances}\nf: {errorCode|contains: '*'}\n"
        "condition: s and not f",
        matching=(called("RunInstances"), called("RunInstances", errorCode=None)),
        others=(called("RunInstances", errorCode="AccessDenied"), {}),
    ),
    "an escaped wildcard is literal": Form(
        rule=r"s: {requestParameters.action|cased: ['s3:\*', 'a\?b']}" + "\ncondition: s",
        matching=(asks(action="s3:*"), asks(action="a?b")),
        others=(asks(action="s3:Get"), asks(action="axb"), asks(action=r"s3:\*")),
    ),
    "a backslash before another character is literal, and so are two": Form(
        rule=r"s: {requestParameters.path|cased: ['C:\Temp\x', 'D:\\y']}" + "\ncondition: s",
        matching=(asks(path=r"C:\Temp\x"), asks(path=r"D:\y")),
        others=(asks(path="C:Tempx"), asks(path=r"D:\\y")),
    ),
    "a wildcard after an escaped backslash is a wildcard": Form(
        rule=r"s: {requestParameters.path|cased: 'C:\\*'}" + "\ncondition: s",
        matching=(asks(path="C:\\x"), asks(path="C:\\")),
        others=(asks(path="C:*"), asks(path="C:")),
    ),
    "the empty string is a string": Form(
        rule="s: {userIdentity.accessKeyId: ''}\ncondition: s",
        matching=(who(accessKeyId=""),),
        others=(who(accessKeyId=None), who(), who(accessKeyId=" ")),
    ),
    "quotes, percent signs and line breaks are literal": Form(
        rule='s: {requestParameters.policy|contains|cased: ["\\"Effect\\": \\"Allow\\"", "9%", '
        '"a\\nb"]}\ncondition: s',
        matching=(asks(policy='{"Effect": "Allow"}'), asks(policy="99%"), asks(policy="a\nb")),
        others=(asks(policy='{"Effect":"Allow"}'), asks(policy="a b")),
    ),
}

MODIFIERS = {
    "`|startswith` and `|endswith`": Form(
        rule="s: {userIdentity.accessKeyId|startswith: AKIA, userAgent|endswith|cased: CLI}\n"
        "condition: s",
        matching=({**who(accessKeyId="akia1"), "userAgent": "aws-CLI"},),
        others=(
            {**who(accessKeyId="ASIA1"), "userAgent": "aws-CLI"},
            {**who(accessKeyId="AKIA1"), "userAgent": "aws-cli"},
            who(accessKeyId="AKIA1"),
        ),
    ),
    "`|contains|all` requires all values, in any order; they may overlap": Form(
        rule="s: {requestParameters.name|contains|all|cased: [abc, cde]}\ncondition: s",
        matching=(asks(name="abcde"), asks(name="cde-abc"), asks(name="abc cde")),
        others=(asks(name="abc"), asks(name="abcd-e"), asks(name="ABCDE"), asks()),
    ),
    "not `|contains|all`: one value is absent": Form(
        rule="s: {requestParameters.name|contains|all|cased: [abc, cde]}\ncondition: not s",
        matching=(asks(name="abc"), asks(), asks(name=None), {}),
        others=(asks(name="abcde"),),
    ),
    "`|contains|all` without case exceeds the regular expressions of a metric filter": Form(
        rule="s: {requestParameters.name|contains|all: [ab, cd, ef]}\ncondition: s",
        matching=(asks(name="CDEFAB"),),
        others=(asks(name="cdab"),),
        unsupported="expected at most 2",
    ),
    "`|re` searches in the whole string": Form(
        rule="s: {userIdentity.arn|re: ':assumed-role/aws[a-z]+/i-[0-9a-f]{4,}$'}\ncondition: s",
        matching=(who(arn="arn:aws:sts::1:assumed-role/awsx/i-00ff"),),
        others=(who(arn="arn:aws:sts::1:assumed-role/AWSX/i-00ff"), who(arn="i-00ff"), who()),
    ),
    "`|re|i` ignores case, and with `|re|s` a dot matches a line break": Form(
        rule="s: {userAgent|re|i: '^boto.3$'}\nt: {userAgent|re|s: 'a.b'}\ncondition: s or t",
        matching=({"userAgent": "BOTO-3"}, {"userAgent": "xa\nby"}),
        others=({"userAgent": "boto\n3"}, {"userAgent": "boto-3x"}, {}),
    ),
    "`|re` with parentheses": Form(
        rule="s: {userAgent|re: '^(kali|parrot)-'}\ncondition: s",
        matching=({"userAgent": "kali-1"}, {"userAgent": "parrot-"}),
        others=({"userAgent": "xkali-1"},),
        unsupported="parentheses",
    ),
    "`|re|m` with ^ and $": Form(
        rule="s: {errorMessage|re|m: '^denied$'}\ncondition: s",
        matching=({"errorMessage": "was\ndenied\nthere"},),
        others=({"errorMessage": "was denied"},),
        unsupported="^ and $ with the flag m",
    ),
    "`|exists: true` matches any value, null included": Form(
        rule="s: {eventName|cased: GetUser, errorCode|exists: true}\ncondition: s",
        matching=(called("GetUser", errorCode="X"), called("GetUser", errorCode=None)),
        others=(called("GetUser"), called("ListUsers", errorCode="X")),
    ),
    "`|exists: false` matches an absent field or parent": Form(
        rule="s: {eventName|cased: GetUser, userIdentity.invokedBy|exists: false}\ncondition: s",
        matching=(called("GetUser"), called("GetUser", userIdentity={"type": "Root"})),
        others=(called("GetUser", userIdentity={"invokedBy": None}), {}),
    ),
    "`|neq` matches an absent field": Form(
        rule="s: {eventName|cased: GetUser, awsRegion|neq|cased: us-east-1}\ncondition: s",
        matching=(called("GetUser"), called("GetUser", awsRegion="eu-west-1")),
        others=(called("GetUser", awsRegion="us-east-1"), {"awsRegion": "eu-west-1"}),
    ),
    "`|base64offset|contains` matches at each of the three offsets": Form(
        rule="s: {requestParameters.userData|base64offset|contains|cased: curl}\ncondition: s",
        matching=(asks(userData="Y3VybCA="), asks(userData="IGN1cmwg"), asks(userData="ICBjdXJs")),
        others=(asks(userData="Y3VzbCA="), asks()),
    ),
    "`|windash` matches each kind of dash": Form(
        rule="s: {requestParameters.command|windash|contains|cased: ' -enc'}\ncondition: s",
        matching=(asks(command="x -enc"), asks(command="x /enc")),
        others=(asks(command="x enc"),),
    ),
    "`|expand` inserts the value of a placeholder": Form(
        rule="s: {recipientAccountId|expand|cased: '%management_account%'}\ncondition: s",
        matching=({"recipientAccountId": "111111111111"},),
        others=({"recipientAccountId": "%management_account%"},),
    ),
}

SCALARS = {
    "null matches an absent field or null": Form(
        rule="s: {eventName|cased: DeleteBucket}\nend_ok: {errorCode|cased: Success}\n"
        "end_none: {errorCode: null}\ncondition: s and 1 of end_*",
        matching=(
            called("DeleteBucket"),
            called("DeleteBucket", errorCode=None),
            called("DeleteBucket", errorCode="Success"),
        ),
        others=(called("DeleteBucket", errorCode="AccessDenied"), {}),
    ),
    "a number compares with numbers": Form(
        rule="s: {requestParameters.port: [22, 3389]}\ncondition: s",
        matching=(asks(port=22), asks(port=3389), asks(port=22.0)),
        others=(asks(port=23), asks(port=None), asks()),
    ),
    "comparisons of numbers": Form(
        rule="s: {requestParameters.days|gte: 1}\nt: {requestParameters.days|lt: 7.5}\n"
        "condition: s and t",
        matching=(asks(days=1), asks(days=7)),
        others=(asks(days=0), asks(days=7.5), asks(days=None), asks()),
    ),
    "the negation of a number matches an absent field": Form(
        rule="s: {eventName|cased: Put}\nf: {requestParameters.days|gt: 30}\n"
        "condition: s and not f",
        matching=(called("Put"), called("Put", **asks(days=30)), called("Put", **asks(days=None))),
        others=(called("Put", **asks(days=31)),),
    ),
    "digits in quotes are a string": Form(
        rule="s: {requestParameters.days: '7'}\ncondition: s",
        matching=(asks(days="7"),),
        others=(asks(days="07"), asks(days="77"), asks()),
    ),
    "a boolean": Form(
        rule="s: {readOnly: false}\ncondition: s",
        matching=({"readOnly": False},),
        others=({"readOnly": True}, {"readOnly": None}, {}),
    ),
    "a field compared with values of several types": Form(
        rule="s: {requestParameters.force: [true, 1, 'yes']}\ncondition: s",
        matching=(asks(force=True), asks(force=1), asks(force="YES")),
        others=(asks(force=False), asks(force=2), asks(force="no"), asks()),
    ),
}

CONDITIONS = {
    "a list of mappings is a disjunction": Form(
        rule="s:\n  - {eventName|cased: GetUser, awsRegion|cased: us-east-1}\n"
        "  - eventSource|cased: sts.amazonaws.com\ncondition: s",
        matching=(called("GetUser", awsRegion="us-east-1"), {"eventSource": "sts.amazonaws.com"}),
        others=(called("GetUser"), {"awsRegion": "us-east-1"}, {}),
    ),
    "`not 1 of` filters with absent fields": Form(
        rule="s: {eventName|cased: CreateUser}\n"
        "filter_main_service: {userIdentity.type|cased: AWSService}\n"
        "filter_main_tool: {userIdentity.arn|endswith|cased: [/ops, /pipeline]}\n"
        "filter_other: {awsRegion|cased: us-east-1}\n"
        "condition: s and not 1 of filter_main_*",
        matching=(
            called("CreateUser"),
            called("CreateUser", userIdentity=None, awsRegion="us-east-1"),
            called("CreateUser", **who(arn="arn:aws:iam::1:user/x", type="IAMUser")),
        ),
        others=(
            called("CreateUser", **who(type="AWSService")),
            called("CreateUser", **who(type="IAMUser", arn="arn:aws:iam::1:user/ops")),
            who(type="IAMUser"),
        ),
    ),
    "`not all of`: one filter does not match": Form(
        rule="s: {eventName|cased: Put}\nf_a: {awsRegion|cased: a}\nf_b: {readOnly: true}\n"
        "condition: s and not all of f_*",
        matching=(called("Put"), called("Put", awsRegion="a"), called("Put", readOnly=True)),
        others=(called("Put", awsRegion="a", readOnly=True),),
    ),
    "`1 of them` omits names that start with an underscore": Form(
        rule="s: {eventName|cased: Put}\n_t: {awsRegion|cased: a}\ncondition: 1 of them",
        matching=(called("Put"),),
        others=({"awsRegion": "a"},),
    ),
    "`not` binds tighter than `and`, and that tighter than `or`": Form(
        rule="a: {eventName|cased: a}\nb: {awsRegion|cased: b}\nc: {errorCode|cased: c}\n"
        "condition: a or b and not c",
        matching=(called("a", errorCode="c"), {"awsRegion": "b"}),
        others=({"awsRegion": "b", "errorCode": "c"}, {"errorCode": "c"}),
    ),
    "nested negations": Form(
        rule="a: {eventName|cased: a}\nb: {awsRegion|cased: b}\nc: {errorCode|cased: c}\n"
        "condition: not (a and not (b or not c))",
        matching=({}, called("b", errorCode="c"), called("a"), called("a", awsRegion="b")),
        others=(called("a", errorCode="c"), called("a", errorCode="c", awsRegion="a")),
    ),
    "a condition in a list": Form(
        rule="s: {eventName|cased: Put}\ncondition: [s]",
        matching=(called("Put"),),
        others=(called("Get"),),
    ),
    "keywords that the condition does not use": Form(
        rule="keywords: [a, b]\ns: {eventName|cased: Put}\ncondition: s",
        matching=(called("Put"),),
        others=(called("a"),),
    ),
    "a prefix and a suffix of one field": Form(
        rule="s: {eventName|startswith|cased: Put, eventName|endswith|cased: Policy}\ncondition: s",
        matching=(called("PutPolicy"), called("PutUserPolicy")),
        others=(called("PutUser"), called("Policy")),
    ),
    "a prefix without a suffix of one field": Form(
        rule="s: {eventName|startswith|cased: Put}\nf: {eventName|endswith|cased: Policy}\n"
        "condition: s and not f",
        matching=(called("PutUser"),),
        others=(called("PutPolicy"), called("GetUser"), {}),
    ),
    "three fields without case exceed the regular expressions of a metric filter": Form(
        rule="s: {eventSource: iam.amazonaws.com, eventName: CreateUser, errorCode: AccessDenied}\n"
        "condition: s",
        matching=(called("createuser", eventSource="IAM.amazonaws.com", errorCode="ACCESSDENIED"),),
        others=(called("CreateUser", eventSource="iam.amazonaws.com"),),
        unsupported="expected at most 2",
    ),
    "a list that exceeds the length of a metric filter": Form(
        rule=f"s: {{eventName|cased: [{', '.join(f'DescribeThing{n}' for n in range(90))}]}}\n"
        "condition: s",
        matching=(called("DescribeThing89"),),
        others=(called("DescribeThing90"),),
        unsupported="expected at most 1024",
    ),
    "three fields with case need no regular expression": Form(
        rule="s: {eventSource|cased: iam.amazonaws.com, eventName|cased: CreateUser, "
        "errorCode|cased: AccessDenied}\ncondition: s",
        matching=(called("CreateUser", eventSource="iam.amazonaws.com", errorCode="AccessDenied"),),
        others=(called("CreateUser", eventSource="iam.amazonaws.com", errorCode="accessdenied"),),
    ),
}
FORMS = TEXTS | MODIFIERS | SCALARS | CONDITIONS

REJECTED: dict[str, tuple[str, str, str]] = {
    "keywords": ("k: [mimikatz, pacu]\ncondition: k", "detection", "name the field"),
    "keywords with `|all`": (
        "k: {'|all': [a, b]}\ncondition: k",
        "detection",
        "name the field",
    ),
    "a keyword beside a field": (
        "s: [pacu, {eventName: a}]\ncondition: s",
        "detection",
        "pacu: keywords",
    ),
    "a network": (
        "s: {sourceIPAddress|cidr: [192.0.2.0/24, '2001:db8::/32']}\ncondition: s",
        "sourceIPAddress",
        "not supported",
    ),
    "another field": (
        "s: {userIdentity.arn|fieldref: requestParameters.userName}\ncondition: s",
        "userIdentity.arn",
        "not supported",
    ),
    "an unknown placeholder": (
        "s: {userIdentity.userName|expand: '%admins%'}\ncondition: s",
        "userIdentity.userName",
        "got placeholder %admins%, expected one of %partition%",
    ),
    "a letter beyond ASCII without case": (
        "s: {userIdentity.userName|contains: Jürgen}\ncondition: s",
        "userIdentity.userName",
        "`|cased`",
    ),
    "an aggregation": (
        "s: {eventName: a}\ncondition: s | count() by userIdentity.arn > 6",
        "detection.condition",
        "Sigma correlations",
    ),
    "several conditions": (
        "s: {eventName: a}\nt: {eventName: b}\ncondition: [s, t]",
        "detection.condition",
        "exactly one",
    ),
    "a wildcard that matches no selection": (
        "s: {eventName: a}\ncondition: s and not 1 of filter_*",
        "detection.condition",
        "filter_*",
    ),
    "an unfinished condition": (
        "s: {eventName: a}\ncondition: s and (s",
        "detection.condition",
        "parentheses",
    ),
    "no condition": ("s: {eventName: a}", "form.yml", "condition"),
    "an empty selection": ("s: {}\ncondition: s", "form.yml", "empty"),
    "an unknown modifier": ("s: {eventName|geo: a}\ncondition: s", "form.yml", "'geo'"),
    "a regex with too many repetitions": (
        f"s: {{userAgent|re: 'a{{{'9' * 20}}}'}}\ncondition: s",
        "userAgent",
        "expected a regular expression in Python's syntax: the repetition number is too large",
    ),
    "a regex with a number of repetitions that is too long for Python": (
        f"s: {{userAgent|re: 'a{{{'9' * 5000}}}'}}\ncondition: s",
        "userAgent",
        "expected a regular expression in Python's syntax: Exceeds the limit",
    ),
    "`|gt` with a string": ("s: {eventName|gt: '5'}\ncondition: s", "form.yml", "'5'"),
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Detection]:
    def read_form(rule: str) -> Detection:
        path = tmp_path / "form.yml"
        path.write_text(HEAD + "".join(f"  {line}\n" for line in rule.splitlines()), "utf-8")
        return detection(read_rule(path, EXAMPLE_PLACEHOLDERS))

    return read_form


def test_the_importer_matches_the_records_of_each_form(read: Callable[[str], Detection]) -> None:
    for name, form in FORMS.items():
        one = read(form.rule)
        for record, expected in form.records():
            assert importer_matches([one], record) is expected, (name, record)


def test_the_subscription_matches_at_least_the_records_of_each_form(
    read: Callable[[str], Detection],
) -> None:
    for name, form in FORMS.items():
        one = read(form.rule)
        for record in form.matching:
            assert subscription_matches([one], record), (name, record)


def test_a_metric_filter_matches_the_records_of_each_form_or_is_unsupported(
    read: Callable[[str], Detection],
) -> None:
    for name, form in FORMS.items():
        one = read(form.rule)
        if form.unsupported is None:
            for record, expected in form.records():
                assert metric_filter_matches(one, record) is expected, (name, record)
        else:
            with pytest.raises(DetectionError) as error:
                cloudwatch.metric_pattern(one)
            assert form.unsupported in error.value.reason, name
            assert error.value.where, name


def test_an_unsupported_rule_is_rejected_when_it_is_read(read: Callable[[str], Detection]) -> None:
    for name, (rule, where, reason) in REJECTED.items():
        with pytest.raises(DetectionError) as error:
            read(rule)
        assert error.value.where == where, name
        assert reason in error.value.reason, name
