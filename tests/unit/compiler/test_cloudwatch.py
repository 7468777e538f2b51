"""Filter patterns of detections, as the sandbox reads the language, strictly."""

import json
import re
from dataclasses import replace
from string import ascii_uppercase
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, reject, settings

from compiler.cloudwatch import check_log_group, metric_pattern, subscription_pattern
from compiler.cloudwatch.regex import translate_regex
from compiler.conditions import (
    AllOf,
    AnyOf,
    ConditionTree,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldIsBoolean,
    FieldIsNull,
    FieldMatchesRegex,
    Not,
    StringPattern,
    leaves,
)
from compiler.errors import DetectionError, UnsupportedConditionError
from sandbox.logs.filter_pattern import parse
from tests.unit.compiler.catalogs import SHIPPED, detection
from tests.unit.compiler.condition_meaning import ABSENT, ORDERS, finds, holds, is_

MISSING: list[dict[str, Any]] = [{}, {"a": None}, {"a": {}}, {"a": {"b": None}}]
STRINGS = [
    *("Root", "root", "ROOT", "Ro", "ot", "Root\n", "\nRoot", "R\not", "R*t", "x", "", "*", "**"),
    *("a*", "*a", 'a"b', "a\\b", "100%", "100", "a\nb", "ab", "aab", "aba", "Ünï", "7-7", "a|b"),
]
NUMBERS = [-1, 0, 1, 1.5, 2, 1e20]
EVENTS = tuple(f"AnEventWithARatherLongName{number:02}" for number in range(60))


def metric(condition: ConditionTree) -> str:
    return metric_pattern(detection(condition))


def subscription(*conditions: ConditionTree) -> str:
    return subscription_pattern([detection(condition) for condition in conditions])


def matches(pattern: str, record: dict[str, Any]) -> bool:
    return pattern == "" or parse(pattern).matches(json.dumps(record))


def record_of(field: str, value: Any) -> dict[str, Any]:
    record: Any = value
    for step in reversed(field.split(".")):
        record = {step: record}
    return dict(record)


def values_for(condition: ConditionTree) -> list[Any]:
    """Every value of the types that the condition compares with; all scalars where with none."""
    kinds = {type(leaf) for leaf in leaves(condition)}
    values: list[Any] = []
    if kinds & {FieldEquals, FieldMatchesRegex} or kinds <= {FieldIsNull, FieldExists}:
        values += STRINGS
    if FieldCompares in kinds or kinds <= {FieldIsNull, FieldExists}:
        values += NUMBERS
    if FieldIsBoolean in kinds or kinds <= {FieldIsNull, FieldExists}:
        values += [True, False]
    return values


LEAVES: dict[str, ConditionTree] = {
    "a string": is_("Root"),
    "strings": is_("Root", "x", "a*b"),
    "a beginning": is_("Ro*"),
    "an end": is_("*ot"),
    "a part": is_("*oo*"),
    "any string": is_("*"),
    "any string beside another": is_("*", "Root"),
    "no text": FieldEquals("a.b", (StringPattern(()),)),
    "a beginning and an end": is_("R*t"),
    "a beginning and an end that may overlap": is_("a*a"),
    "a beginning and an end among others": is_("R*t", "x"),
    "three parts": is_("a*a*"),
    "one character": is_("R?ot"),
    "one or more characters": is_("?*"),
    "an asterisk": is_("\\*"),
    "an asterisk at the beginning": is_("\\*a"),
    "an asterisk at the end": is_("a\\*"),
    "an asterisk before a wildcard": is_("a\\**"),
    "an asterisk within": is_("R\\*t"),
    "a quote": is_('a"b'),
    "a backslash": is_("a\\\\b"),
    "a percent sign": is_("100%"),
    "a line break": is_("a\nb"),
    "an operator of regular expressions, with a wildcard": is_("a|?"),
    "letters beyond ASCII": is_("Ünï"),
    "a string without case": is_("root", cased=False),
    "strings without case": is_("root", "x", "7-7", "*00", "a?b", cased=False),
    "no letters, without case": is_("7-7", "*00", cased=False),
    "with and without case": AnyOf((is_("x"), is_("root", cased=False), is_("R*o?"))),
    "a regular expression": FieldMatchesRegex("a.b", "^R[no]+t$"),
    "two regular expressions": AnyOf(
        (FieldMatchesRegex("a.b", "^R"), FieldMatchesRegex("a.b", "b$"))
    ),
    "no regular expression of two": Not(
        AnyOf((FieldMatchesRegex("a.b", "^R"), FieldMatchesRegex("a.b", "b$")))
    ),
    "a number": FieldCompares("a.b", "=", 1),
    "a broken number": FieldCompares("a.b", "=", 1.5),
    "a large number": FieldCompares("a.b", "=", 1e20),
    "less": FieldCompares("a.b", "<", 1),
    "less or the same": FieldCompares("a.b", "<=", 1.5),
    "more": FieldCompares("a.b", ">", -1),
    "more or the same": FieldCompares("a.b", ">=", 1),
    "true": FieldIsBoolean("a.b", value=True),
    "false": FieldIsBoolean("a.b", value=False),
    "either boolean": AnyOf((FieldIsBoolean("a.b", True), FieldIsBoolean("a.b", False))),  # noqa: FBT003  as a rule has it
    "null": FieldIsNull("a.b"),
    "existence": FieldExists("a.b"),
    "existence, but not null": AllOf((FieldExists("a.b"), Not(FieldIsNull("a.b")))),
    "a string or a number": AnyOf((is_("Root"), FieldCompares("a.b", ">", 1))),
    "a string or a boolean": AnyOf((is_("Root"), FieldIsBoolean("a.b", value=True))),
    "a number or a boolean": AnyOf(
        (FieldCompares("a.b", "=", 1), FieldIsBoolean("a.b", value=False))
    ),
    "any type": AnyOf(
        (is_("Root"), FieldCompares("a.b", "=", 1), FieldIsBoolean("a.b", value=False))
    ),
    "a number, but not that string": AllOf((FieldCompares("a.b", ">", 0), Not(is_("Root")))),
    "not null, not that string": AllOf((Not(FieldIsNull("a.b")), Not(is_("Root")))),
    "null or that string": AnyOf((FieldIsNull("a.b"), is_("Root"))),
    "absent or that number": AnyOf((Not(FieldExists("a.b")), FieldCompares("a.b", "=", 0))),
}


@pytest.mark.parametrize("negated", [False, True], ids=["itself", "negated"])
@pytest.mark.parametrize("condition", LEAVES.values(), ids=LEAVES)
def test_a_metric_pattern_counts_exactly(condition: ConditionTree, *, negated: bool) -> None:
    condition = Not(condition) if negated else condition
    pattern = metric(condition)
    records = MISSING + [record_of("a.b", value) for value in values_for(condition)]

    counted = [record for record in records if matches(pattern, record)]

    assert counted == [record for record in records if holds(condition, record)]


SIGN_IN = AllOf((is_("ConsoleLogin", field="eventName"), is_("Root", field="user.type")))
ABSENCES = "$.a.b NOT EXISTS || $.a.b IS NULL || $.a NOT EXISTS || $.a IS NULL"
PATTERNS: dict[str, tuple[ConditionTree, str]] = {
    "conjuncts": (SIGN_IN, '$.eventName = "ConsoleLogin" && $.user.type = "Root"'),
    "alternatives of conjuncts stand without parentheses": (
        AnyOf((SIGN_IN, is_("x", field="c"))),
        '$.eventName = "ConsoleLogin" && $.user.type = "Root" || $.c = "x"',
    ),
    "alternatives among conjuncts stand in parentheses": (
        AllOf((is_("x", "y", field="c"), is_("z"))),
        '($.c = "x" || $.c = "y") && $.a.b = "z"',
    ),
    "a negation names absence and null at each step": (
        Not(is_("x", "y*")),
        f'{ABSENCES} || $.a.b != "x" && $.a.b != "y*"',
    ),
    "a negation of alternatives": (
        Not(AnyOf((is_("x", field="c"), Not(FieldIsBoolean("d", value=True))))),
        '($.c NOT EXISTS || $.c IS NULL || $.c != "x") && $.d IS TRUE',
    ),
    "a number in a field that also holds strings": (
        AnyOf((Not(is_("x", field="c")), FieldCompares("c", "=", 5))),
        '$.c NOT EXISTS || $.c IS NULL || $.c >= 0 || $.c < 0 || $.c != "x" || $.c = 5',
    ),
    "presence": (
        AllOf((Not(FieldIsNull("c")), is_("x"))),
        '($.c = * || $.c IS TRUE || $.c IS FALSE) && $.a.b = "x"',
    ),
    "one regular expression for a list": (
        is_("Root", "a-7", cased=False),
        "$.a.b = %^[rR][oO][oO][tT]$|^[aA]-7$%",
    ),
    "no regular expression where quotes do": (
        is_("7-7", "root", cased=False),
        '$.a.b = "7-7" || $.a.b = %^[rR][oO][oO][tT]$%',
    ),
    "a beginning and an end": (is_("arn:*/x"), '$.a.b = "arn:*" && $.a.b = "*/x"'),
    "a beginning and an end that may overlap": (
        is_("arn:*:root"),
        r"$.a.b = %^arn:[\s\S]*:root$%",
    ),
    "what a step says is not said again": (
        AllOf((is_("x", field="a.c"), Not(is_("y")))),
        '$.a.c = "x" && ($.a.b NOT EXISTS || $.a.b IS NULL || $.a.b != "y")',
    ),
    "an alternative that holds another": (
        AnyOf((AllOf((is_("x"), is_("y", field="c"))), is_("x"))),
        '$.a.b = "x"',
    ),
    "a beginning that holds a text": (is_("Put*", "PutKeyPolicy"), '$.a.b = "Put*"'),
    "a shared conjunct": (
        AnyOf(
            (
                AllOf((is_("x"), is_("y", field="c"))),
                AllOf((is_("x"), is_("z", field="d"))),
            )
        ),
        '$.a.b = "x" && ($.c = "y" || $.d = "z")',
    ),
    "a field with a dash": (is_("x", field="a.x-amz-acl"), '$.a.x-amz-acl = "x"'),
    "a field with a colon": (is_("x", field="a.aws:tag.b"), "$.a.['aws:tag'].b = \"x\""),
}


@pytest.mark.parametrize(("condition", "expected"), PATTERNS.values(), ids=PATTERNS)
def test_a_metric_pattern_is_short_and_readable(condition: ConditionTree, expected: str) -> None:
    pattern = metric(condition)

    assert pattern == f"{{ {expected} }}"
    assert str(parse(pattern)) == pattern


def test_a_prescribed_pattern_is_taken_word_for_word() -> None:
    one = replace(detection(is_("x")), metric_filter_pattern='{ ($.a = "*") }')

    assert metric_pattern(one) == '{ ($.a = "*") }'


REFUSED: dict[str, tuple[ConditionTree, str, str]] = {
    "a foreign letter with a wildcard within": (is_("Ü?"), "a.b", "only ASCII characters"),
    "a field name with an asterisk": (is_("x", field="a.*"), "a.*", "the field name '*'"),
    "a field name with a quote": (FieldIsNull("a.b'c"), "a.b'c", 'the field name "b\'c"'),
    "an empty step": (Not(FieldExists("a..b")), "a..b", "the field name ''"),
    "infinity": (
        FieldCompares("a.b", ">", float("inf")),
        "a.b",
        "got inf, expected a finite number",
    ),
    "a group": (FieldMatchesRegex("a.b", "(a|b)c"), "a.b", "parentheses"),
    "an inline flag": (FieldMatchesRegex("a.b", "(?i)a"), "a.b", "flags as `|re|i`"),
    "a word boundary": (FieldMatchesRegex("a.b", r"\ba"), "a.b", r"the escape \b"),
    "a possessive quantifier": (FieldMatchesRegex("a.b", "a++b"), "a.b", "possessive"),
    "many repeats": (FieldMatchesRegex("a.b", "a{1000}"), "a.b", "more than 999 repetitions"),
    "an empty alternative": (FieldMatchesRegex("a.b", "a|"), "a.b", "an empty alternative"),
    "an empty alternative first": (FieldMatchesRegex("a.b", "|a"), "a.b", "an empty alternative"),
    "an end within": (FieldMatchesRegex("a.b", "a$\n"), "a.b", "$ before other characters"),
    "anchors at lines": (
        FieldMatchesRegex("a.b", "^a", frozenset("m")),
        "a.b",
        "^ and $ with the flag m",
    ),
    "a foreign letter": (FieldMatchesRegex("a.b", "ä"), "a.b", "only ASCII characters"),
    "no blank in a class": (FieldMatchesRegex("a.b", r"[\Sx]"), "a.b", r"\S with other members"),
    "three regular expressions": (
        AllOf(tuple(is_("root", cased=False, field=field) for field in "cde")),
        "detection.condition",
        "has 3 regular expressions (for c, d, e), expected at most 2: compare with |cased",
    ),
    "too many texts": (
        is_(*EVENTS),
        "detection.condition",
        "the filter pattern has 2280 characters, expected at most 1024",
    ),
}


@pytest.mark.parametrize(("condition", "where", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_metric_pattern_refuses(condition: ConditionTree, where: str, reason: str) -> None:
    with pytest.raises(DetectionError) as refused:
        metric(condition)

    assert (refused.value.detection, refused.value.where) == ("drawn", where)
    assert reason in refused.value.reason


def test_a_prescribed_pattern_that_no_filter_takes_is_refused() -> None:
    one = replace(detection(is_("x")), metric_filter_pattern="x" * 1025)

    with pytest.raises(DetectionError) as refused:
        metric_pattern(one)

    assert refused.value.where == "rootwatch.metric_filter_pattern"
    assert refused.value.reason == "the filter pattern has 1025 characters, expected at most 1024"


def test_a_pattern_is_written_tight_only_where_it_would_not_fit_otherwise() -> None:
    fitting = [is_("x" * 400), is_("y" * 400, field="c"), is_("é" * 186, field="d")]
    longer = [*fitting[:2], is_("é" * 187, field="d")]

    assert len(metric(AllOf(tuple(fitting)))) == 1024
    assert " = " in metric(AllOf(tuple(fitting)))
    assert len(metric(AllOf(tuple(longer)))) == 1025 - 3 * 2 - 2 * 2
    assert matches(
        metric(AllOf(tuple(longer))),
        {"a": {"b": "x" * 400}, "c": "y" * 400, "d": "é" * 187},
    )


def test_a_word_of_the_language_keeps_its_quotes_in_a_tight_pattern() -> None:
    pattern = metric(AllOf((is_("é" * 980), is_("NULL", "Null", field="c"))))

    assert pattern.endswith('&& ($.c="NULL" || $.c=Null) }')


def test_a_pattern_that_fits_not_even_tight_is_refused() -> None:
    def padded(length: int) -> ConditionTree:
        return AllOf((is_("x" * 500), is_("y" * length, field="c")))

    assert len(metric(padded(506))) == 1024

    with pytest.raises(DetectionError) as refused:
        metric(padded(507))

    assert refused.value.reason.startswith(
        "the filter pattern has 1025 characters, expected at most 1024: "
    )
    assert "split the rule" in refused.value.reason


def test_two_regular_expressions_fit_and_those_of_one_field_are_one() -> None:
    condition = AllOf(
        (
            AnyOf((FieldMatchesRegex("c", "a.c"), is_("root", cased=False, field="c"))),
            Not(AnyOf((FieldMatchesRegex("d", "x.z"), is_("r?t", field="d")))),
        )
    )

    assert metric(condition).count("%") == 4
    assert matches(metric(condition), {"c": "ROOT", "d": "y"})
    assert not matches(metric(condition), {"c": "abc", "d": "rot"})


# Expressions of which Python and the dialect must think alike, in pieces.
PIECES = st.sampled_from(
    [
        *("a", "B", "7", " ", "\n", "-", "%", "\\.", "\\n", "\\x41", "\\-", "\\\\", "\\|", '"'),
        *(".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "[ab]", "[^ab]", "[a-c]", "[A-C7-]"),
        *("[]a]", "[^]a]", "[\\s\\S]", "[\\s7]", "[\\w-]", "[\\d\\D]", "[.$|]", "[\\]\\-^]", "{}"),
        *("a*", "b+", ".?", "a{2}", "a{,2}", "b{1,}", ".*?", "a+?", "[ab]{1,2}?", "x{", "\\t", "}"),
    ]
)
REGEXES = st.lists(
    st.tuples(
        st.sampled_from(["", "", "^", "\\A"]),
        st.lists(PIECES, min_size=1, max_size=4).map("".join),
        st.sampled_from(["", "", "$", "\\Z"]),
    ).map("".join),
    min_size=1,
    max_size=2,
).map("|".join)


@given(
    regex=REGEXES,
    flags=st.frozensets(st.sampled_from("is")),
    values=st.lists(st.text('aAbBcC7 \n\r\t\v\x1c-%.\\"|^$]é{}x', max_size=6), min_size=20),
)
@example(regex="a$", flags=frozenset(), values=["a", "a\n", "a\n\n"])
@example(regex="^$", flags=frozenset(), values=["", "\n", "a"])
@example(regex="[^a-c]", flags=frozenset("i"), values=["A", "a", "d"])
def test_a_regular_expression_finds_what_python_finds(
    regex: str, flags: frozenset[str], values: list[str]
) -> None:
    pattern = metric(FieldMatchesRegex("a", regex, flags))

    for value in values:
        assert matches(pattern, {"a": value}) is finds(regex, flags, value), value


@pytest.mark.parametrize("regex", ["a.b", "\\s", "[\\s7]", "a$"])
def test_a_regular_expression_relies_on_nothing_that_the_dialect_leaves_open(regex: str) -> None:
    translated = translate_regex("a", regex, frozenset())

    assert re.search(r"(?<!\\)\.|\\s", translated) is None


def test_the_flag_m_changes_nothing_without_anchors() -> None:
    assert translate_regex("a", "ab", frozenset("m")) == "ab"

    with pytest.raises(UnsupportedConditionError):
        translate_regex("a", "ab$", frozenset("m"))


def test_a_subscription_says_what_no_negation_holds() -> None:
    condition = AllOf((SIGN_IN, Not(is_("Yes", field="mfa")), FieldIsNull("c"), FieldExists("d")))

    assert subscription(condition) == f"{{ {PATTERNS['conjuncts'][1]} }}"


def test_a_subscription_says_what_is_under_two_negations() -> None:
    condition = Not(AnyOf((Not(is_("x")), is_("y", field="c"))))

    assert subscription(condition) == '{ $.a.b = "x" }'


def test_a_subscription_joins_what_detections_share() -> None:
    without_mfa = AllOf((SIGN_IN, Not(is_("Yes", field="mfa"))))
    with_mfa = AllOf((SIGN_IN, is_("Yes", field="mfa")))
    other = AllOf((is_("Root", field="user.type"), is_("CreateUser", field="eventName")))

    assert subscription(without_mfa, with_mfa, other) == (
        '{ $.user.type = "Root" && ($.eventName = "ConsoleLogin" || $.eventName = "CreateUser") }'
    )


@pytest.mark.parametrize(
    "condition",
    [
        Not(is_("x")),
        AnyOf((is_("x"), Not(is_("y", field="c")))),
        AllOf((FieldIsNull("a.b"), FieldExists("c"))),
        is_('Ü"'),
        FieldMatchesRegex("a.b", "(x)"),
        is_(*(f"{letter}{'x' * 40}" for letter in "abcdefghijklmnopqrstuvwxyz")),
    ],
    ids=["negation", "half a negation", "presence", "text", "group", "too many texts"],
)
def test_a_subscription_without_a_part_to_say_delivers_everything(condition: ConditionTree) -> None:
    assert subscription(is_("y"), condition) == ""


def test_a_subscription_of_no_detection_delivers_nothing() -> None:
    pattern = subscription()

    assert not any(
        matches(pattern, record) for record in ({}, {"eventName": None}, {"eventName": "x"})
    )


def test_a_subscription_says_the_parts_of_a_text_without_a_regular_expression() -> None:
    assert (
        subscription(is_("arn:*:role?x*"))
        == '{ $.a.b = "arn:*" && $.a.b = "*:role*" && $.a.b = "*x*" }'
    )


def test_a_subscription_keeps_a_regular_expression_that_fits() -> None:
    assert subscription(is_("root", cased=False)) == "{ $.a.b = %^[rR][oO][oO][tT]$% }"


def test_a_subscription_says_no_more_than_two_regular_expressions() -> None:
    conditions = [
        AllOf(
            (
                is_(f"{service}.amazonaws.com", cased=False, field="eventSource"),
                is_(event, cased=False, field="eventName"),
            )
        )
        for service, event in [("s3", "DeleteBucket"), ("iam", "CreateUser"), ("sts", "Get")]
    ]
    pattern = subscription(*conditions)

    assert pattern.count("%") == 2
    assert matches(pattern, {"eventName": "createuser"})
    assert not matches(pattern, {"eventName": "CreateUsers", "eventSource": "iam.amazonaws.com"})


def test_a_subscription_leaves_out_the_least_selective_part_first() -> None:
    names = [f"{letter}{'x' * 20}" for letter in ascii_uppercase]
    region, event, source = (
        is_("us-east-1", field="awsRegion"),
        is_(*names, field="eventName"),
        is_("iam.amazonaws.com", field="eventSource"),
    )

    assert subscription(AllOf((region, event, source))) == subscription(AllOf((event, source)))
    assert subscription(AllOf((event, source))) == metric(AllOf((event, source)))


def test_a_subscription_says_texts_by_their_common_beginning_where_all_do_not_fit() -> None:
    condition = AllOf((is_(*EVENTS, "Other", field="eventName"), is_("Root", field="user.type")))
    pattern = subscription(condition)

    assert matches(pattern, {"eventName": EVENTS[0], "user": {"type": "Root"}})
    assert not matches(pattern, {"eventName": "GetObject", "user": {"type": "Root"}})
    assert not matches(pattern, {"eventName": EVENTS[0], "user": {"type": "Role"}})


def test_the_same_detections_give_the_same_subscription() -> None:
    conditions: list[ConditionTree] = [is_(*EVENTS, field="eventName"), SIGN_IN]

    assert subscription(*conditions) == subscription(*conditions)
    assert subscription(*conditions) == subscription(*conditions, SIGN_IN)


def test_a_log_group_takes_a_hundred_metric_filters() -> None:
    listed = [replace(detection(is_("x")), name=f"one_{number}") for number in range(101)]
    for_the_importer = replace(listed[100], evaluated_by=frozenset({"importer"}))

    check_log_group([*listed[:100], for_the_importer])

    with pytest.raises(DetectionError) as refused:
        check_log_group(listed)

    assert (refused.value.detection, refused.value.where) == ("one_100", "rootwatch.evaluated_by")
    assert refused.value.reason == "got 101 metric filters, a log group has at most 100"


def test_a_log_group_takes_five_patterns_with_regular_expressions() -> None:
    with_regex = replace(
        detection(is_("root", cased=False)), evaluated_by=frozenset({"metric_filter"})
    )
    prescribed = replace(with_regex, name="prescribed", metric_filter_pattern="{ $.a = %b% }")
    quoted = replace(with_regex, metric_filter_pattern='{ $.a = "%b%" }')
    imported = replace(with_regex, name="imported", evaluated_by=frozenset({"importer"}))
    listed = [*(replace(with_regex, name=f"one_{number}") for number in range(3)), prescribed]

    check_log_group([*listed, imported, quoted])

    with pytest.raises(DetectionError) as refused:
        check_log_group([*listed, replace(with_regex, name="fifth"), imported])

    assert refused.value.detection == "one_0, one_1, one_2, prescribed, fifth"
    assert refused.value.reason.startswith(
        "got 6 patterns with regular expressions, the subscription filter included; a log group has"
        " at most 5: compare with |cased"
    )


LONG = "AnEventWithAVeryLongNameThatLeavesLittleRoomFor"
WORDS = ("Root", "root", "R*t", "x", "", "*", *(f"{LONG}{end}" for end in ("", "A", "B", "aC")))
RULE_TEXTS = ("Root", "Ro*", "*t", "*oo*", "R*t", "Ro?t", "\\*", "*", *WORDS[-4:], f"{LONG}*")
TEXT_FIELDS = ("name", "identity.type", "mixed")
NUMBER_FIELDS = ("answer.code", "mixed")
TRUTH_FIELDS = ("answer.done", "answer.code")
FIELDS = (*TEXT_FIELDS, "answer.code", "answer.done")
LEAF = st.one_of(
    st.builds(
        lambda field, written, cased: is_(*written, cased=cased, field=field),
        st.sampled_from(TEXT_FIELDS),
        st.lists(st.sampled_from(RULE_TEXTS), min_size=1, max_size=6),
        st.sampled_from([True, True, True, False]),
    ),
    st.builds(
        FieldMatchesRegex,
        st.sampled_from(TEXT_FIELDS),
        st.sampled_from(["^Ro", "oo|x$", "R.+t"]),
        st.frozensets(st.just("i")),
    ),
    st.builds(
        FieldCompares, st.sampled_from(NUMBER_FIELDS), st.sampled_from([*ORDERS]), st.integers(0, 2)
    ),
    st.builds(FieldIsBoolean, st.sampled_from(TRUTH_FIELDS), st.booleans()),
    st.builds(FieldIsNull, st.sampled_from(FIELDS)),
    st.builds(FieldExists, st.sampled_from(FIELDS)),
)
CONDITION = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=8,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "code"]), inner, max_size=2)
    ),
    max_leaves=3,
)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields)


RECORD = objects(
    name=JSON,
    mixed=JSON,
    identity=objects(type=JSON) | JSON,
    answer=objects(code=JSON, done=JSON) | JSON,
)


def compared_values(condition: ConditionTree, field: str) -> st.SearchStrategy[Any]:
    values: list[Any] = [ABSENT, None]
    kinds = {type(leaf) for leaf in leaves(condition) if leaf.field == field}
    values += WORDS if kinds & {FieldEquals, FieldMatchesRegex} else ()
    values += (0, 1, 1.5, 2) if FieldCompares in kinds else ()
    values += (True, False) if FieldIsBoolean in kinds else ()
    return st.sampled_from(values)


@st.composite
def records_of_compared_types(draw: st.DrawFn, condition: ConditionTree) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for parent in ("identity", "answer"):
        record[parent] = draw(st.sampled_from([{}, {}, {}, None, ABSENT]))
    for field in FIELDS:
        holder: Any = record
        *parents, name = field.split(".")
        for parent in parents:
            holder = holder[parent]
        if isinstance(holder, dict):
            holder[name] = draw(compared_values(condition, field))
    return without_absent(record)


def without_absent(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: without_absent(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if value is not ABSENT
    }


@given(condition=CONDITION, data=st.data())
def test_a_metric_pattern_counts_what_any_condition_says(
    condition: ConditionTree, data: st.DataObject
) -> None:
    try:
        pattern = metric(condition)
    except DetectionError:  # too long, or with too many regular expressions
        reject()
    record = data.draw(records_of_compared_types(condition))

    assert matches(pattern, record) is holds(condition, record)


@given(conditions=st.lists(CONDITION, min_size=1, max_size=4), record=RECORD)
def test_a_subscription_delivers_whatever_any_condition_matches(
    conditions: list[ConditionTree], record: dict[str, Any]
) -> None:
    pattern = subscription(*conditions)

    assert matches(pattern, record) or not any(holds(one, record) for one in conditions)


LONG_LISTS = st.lists(
    st.builds(
        lambda field, written: is_(*written, field=field),
        st.sampled_from(["name", "identity.type", "identity.code"]),
        st.lists(
            st.sampled_from(
                [f"{start}{LONG}{end}" for start in "abcd" for end in ("A", "B", "C*")]
            ),
            min_size=4,
            max_size=8,
            unique=True,
        ),
    ),
    min_size=2,
    max_size=3,
).map(lambda parts: AllOf(tuple(parts)))
LONG_TEXTS = st.sampled_from(
    [f"{start}{LONG}{end}" for start in "abcd" for end in ("A", "B", "Cd")]
)


@settings(max_examples=25)  # each looks for the sharpest pattern that fits
@given(
    conditions=st.lists(LONG_LISTS, min_size=3, max_size=5),
    record=objects(name=LONG_TEXTS, identity=objects(type=LONG_TEXTS, code=LONG_TEXTS)),
)
def test_a_subscription_that_had_to_be_widened_delivers_whatever_any_condition_matches(
    conditions: list[ConditionTree], record: dict[str, Any]
) -> None:
    pattern = subscription(*conditions)

    assert len(pattern) <= 1024
    assert matches(pattern, record) or not any(holds(one, record) for one in conditions)


def test_the_shipped_detections_leave_the_log_group_room_for_others() -> None:
    imported = [one for one in SHIPPED if "importer" in one.evaluated_by]

    check_log_group(SHIPPED)
    assert not any("%" in metric_pattern(one) for one in SHIPPED)
    assert "%" not in subscription_pattern(imported)
    assert subscription_pattern(imported) != ""
