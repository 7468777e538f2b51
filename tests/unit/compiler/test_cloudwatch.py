"""Filter patterns of conditions, as the sandbox's strict implementation evaluates them."""

import json
import re
from bisect import bisect
from dataclasses import replace
from itertools import pairwise
from string import ascii_uppercase
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, reject, settings

from compiler.cloudwatch import check_log_group, metric_pattern, subscription_pattern
from compiler.cloudwatch.expression import (
    PatternExpression,
    PatternTerm,
    conjunction,
    disjunction,
    format_expression,
    format_pattern,
)
from compiler.cloudwatch.regex import translate_regex
from compiler.cloudwatch.simplification import simplify
from compiler.cloudwatch.subscription import estimated_share
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
    Leaf,
    Not,
    StringPattern,
    leaves,
)
from compiler.errors import DetectionError, UnsupportedConditionError
from sandbox.logs.filter_pattern import parse
from tests.unit.compiler.catalogs import SHIPPED, detection
from tests.unit.compiler.evaluation import (
    ABSENT,
    OPERATORS,
    Record,
    condition_matches,
    equals,
    pattern_matches,
    regex_matches,
)

WITHOUT_VALUE: list[Record] = [{}, {"a": None}, {"a": {}}, {"a": {"b": None}}]
STRINGS = [
    *("Root", "root", "ROOT", "Ro", "ot", "Root\n", "\nRoot", "R\not", "R*t", "x", "", "*", "**"),
    *("a*", "*a", 'a"b', "a\\b", "100%", "100", "a\nb", "ab", "aab", "aba", "Ünï", "7-7", "a|b"),
    *("a", "aa", "b", "cba", "cbaba", "cbba", "a**", "**a", "k", "[k]", "@", "`", "{", "Z["),
]
NUMBERS = [-1, 0, 1, 1.5, 2, 1e20]
EVENTS = tuple(f"AnEventWithARatherLongName{number:02}" for number in range(60))


def metric(condition: ConditionTree) -> str:
    return metric_pattern(detection(condition))


def subscription(*conditions: ConditionTree) -> str:
    return subscription_pattern([detection(condition) for condition in conditions])


def rejected(condition: ConditionTree) -> DetectionError:
    with pytest.raises(DetectionError) as error:
        metric(condition)
    return error.value


def record_of(field: str, value: Any) -> Record:
    record: Any = value
    for step in reversed(field.split(".")):
        record = {step: record}
    return dict(record)


def values_for(condition: ConditionTree) -> list[Any]:
    """Values of the types that the condition compares with; of all types if it compares none."""
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
    "a string": equals("Root"),
    "strings": equals("Root", "x", "a*b"),
    "a prefix": equals("Ro*"),
    "a suffix": equals("*ot"),
    "a substring": equals("*oo*"),
    "any string": equals("*"),
    "any string and another": equals("*", "Root"),
    "no part": FieldEquals("a.b", (StringPattern(()),)),
    "a prefix and a suffix": equals("R*t"),
    "a prefix and a suffix that overlap in one character": equals("a*a"),
    "a prefix and a suffix that overlap in part": equals("ab*ba"),
    "a prefix that ends with the whole suffix": equals("cba*ba"),
    "a prefix that ends with the whole suffix, without case": equals("CBA*ba", cased=False),
    "a prefix and a suffix among other strings": equals("R*t", "x"),
    "three parts": equals("a*a*"),
    "one character": equals("R?ot"),
    "one or more characters": equals("?*"),
    "an asterisk": equals("\\*"),
    "an asterisk first": equals("\\*a"),
    "an asterisk last": equals("a\\*"),
    "an asterisk before a wildcard": equals("a\\**"),
    "an asterisk after a wildcard": equals("*\\*a"),
    "an asterisk in the middle": equals("R\\*t"),
    "a quotation mark": equals('a"b'),
    "a backslash": equals("a\\\\b"),
    "a percent sign": equals("100%"),
    "a line break": equals("a\nb"),
    "a regex operator and a wildcard": equals("a|?"),
    "letters beyond ASCII": equals("Ünï"),
    "a string without case": equals("root", cased=False),
    "strings without case": equals("root", "x", "7-7", "*00", "a?b", cased=False),
    "no letters, without case": equals("7-7", "*00", cased=False),
    "with and without case": AnyOf((equals("x"), equals("root", cased=False), equals("R*o?"))),
    "a regex": FieldMatchesRegex("a.b", "^R[no]+t$"),
    "two regexes": AnyOf((FieldMatchesRegex("a.b", "^R"), FieldMatchesRegex("a.b", "b$"))),
    "neither of two regexes": Not(
        AnyOf((FieldMatchesRegex("a.b", "^R"), FieldMatchesRegex("a.b", "b$")))
    ),
    "a number": FieldCompares("a.b", "=", 1),
    "a fraction": FieldCompares("a.b", "=", 1.5),
    "a large number": FieldCompares("a.b", "=", 1e20),
    "less": FieldCompares("a.b", "<", 1),
    "less or equal": FieldCompares("a.b", "<=", 1.5),
    "greater": FieldCompares("a.b", ">", -1),
    "greater or equal": FieldCompares("a.b", ">=", 1),
    "true": FieldIsBoolean("a.b", value=True),
    "false": FieldIsBoolean("a.b", value=False),
    "either boolean": AnyOf((FieldIsBoolean("a.b", True), FieldIsBoolean("a.b", False))),  # noqa: FBT003  as a rule has it
    "null": FieldIsNull("a.b"),
    "existence": FieldExists("a.b"),
    "existence, but not null": AllOf((FieldExists("a.b"), Not(FieldIsNull("a.b")))),
    "a string or a number": AnyOf((equals("Root"), FieldCompares("a.b", ">", 1))),
    "a string or a boolean": AnyOf((equals("Root"), FieldIsBoolean("a.b", value=True))),
    "a number or a boolean": AnyOf(
        (FieldCompares("a.b", "=", 1), FieldIsBoolean("a.b", value=False))
    ),
    "any type": AnyOf(
        (equals("Root"), FieldCompares("a.b", "=", 1), FieldIsBoolean("a.b", value=False))
    ),
    "a number, but not that string": AllOf((FieldCompares("a.b", ">", 0), Not(equals("Root")))),
    "not null, not that string": AllOf((Not(FieldIsNull("a.b")), Not(equals("Root")))),
    "null or that string": AnyOf((FieldIsNull("a.b"), equals("Root"))),
    "absent or that number": AnyOf((Not(FieldExists("a.b")), FieldCompares("a.b", "=", 0))),
}


def test_a_metric_pattern_matches_exactly_the_values_of_a_leaf_and_of_its_negation() -> None:
    for name, leaf in LEAVES.items():
        for condition in (leaf, Not(leaf)):
            pattern = metric(condition)
            for record in WITHOUT_VALUE + [record_of("a.b", one) for one in values_for(condition)]:
                expected = condition_matches(condition, record)
                assert pattern_matches(pattern, record) is expected, (name, pattern, record)


SIGN_IN = AllOf((equals("ConsoleLogin", field="eventName"), equals("Root", field="user.type")))
ABSENCE = "$.a.b NOT EXISTS || $.a.b IS NULL || $.a NOT EXISTS || $.a IS NULL"
PATTERNS: dict[str, tuple[ConditionTree, str]] = {
    "a conjunction": (SIGN_IN, '$.eventName = "ConsoleLogin" && $.user.type = "Root"'),
    "a conjunction in a disjunction has no parentheses": (
        AnyOf((SIGN_IN, equals("x", field="c"))),
        '$.eventName = "ConsoleLogin" && $.user.type = "Root" || $.c = "x"',
    ),
    "a disjunction in a conjunction has parentheses": (
        AllOf((equals("x", "y", field="c"), equals("z"))),
        '($.c = "x" || $.c = "y") && $.a.b = "z"',
    ),
    "a negation lists absence and null for each step of the path": (
        Not(equals("x", "y*")),
        f'{ABSENCE} || $.a.b != "x" && $.a.b != "y*"',
    ),
    "the negation of a disjunction": (
        Not(AnyOf((equals("x", field="c"), Not(FieldIsBoolean("d", value=True))))),
        '($.c NOT EXISTS || $.c IS NULL || $.c != "x") && $.d IS TRUE',
    ),
    "a negation in a field that also contains numbers": (
        AnyOf((Not(equals("x", field="c")), FieldCompares("c", "=", 5))),
        '$.c NOT EXISTS || $.c IS NULL || $.c >= 0 || $.c < 0 || $.c != "x" || $.c = 5',
    ),
    "presence": (
        AllOf((Not(FieldIsNull("c")), equals("x"))),
        '($.c = * || $.c IS TRUE || $.c IS FALSE) && $.a.b = "x"',
    ),
    "presence implied by a comparison": (
        AllOf((AnyOf((equals("x"), FieldExists("c"))), equals("x"))),
        '$.a.b = "x"',
    ),
    "presence implies nothing of a value": (
        AllOf((Not(FieldIsNull("c")), equals("x", field="c"), FieldCompares("c", ">", 1))),
        '$.c = "x" && $.c > 1',
    ),
    "one regex for a list": (
        equals("Root", "a-7", cased=False),
        "$.a.b = %^[rR][oO][oO][tT]$|^[aA]-7$%",
    ),
    "no regex where quotes are sufficient": (
        equals("7-7", "root", cased=False),
        '$.a.b = "7-7" || $.a.b = %^[rR][oO][oO][tT]$%',
    ),
    "a prefix and a suffix": (equals("arn:*/x"), '$.a.b = "arn:*" && $.a.b = "*/x"'),
    "a prefix and a suffix that overlap": (equals("arn:*:root"), r"$.a.b = %^arn:[\s\S]*:root$%"),
    "a wildcard at the start of a regex needs no anchor": (equals("*a?"), r"$.a.b = %a[\s\S]$%"),
    "a wildcard at the end of a regex needs no anchor": (equals("?a*"), r"$.a.b = %^[\s\S]a%"),
    "absence that a comparison below contradicts is omitted": (
        AllOf((equals("x", field="a.c"), Not(equals("y")))),
        '$.a.c = "x" && ($.a.b NOT EXISTS || $.a.b IS NULL || $.a.b != "y")',
    ),
    "absence that a comparison of the same field contradicts is omitted": (
        AllOf((equals("x*", field="c"), Not(equals("xy", field="c")))),
        '$.c = "x*" && $.c != "xy"',
    ),
    "a part without any possible value stays": (
        AllOf((equals("x", field="c"), FieldIsNull("c"))),
        '$.c = "x" && ($.c NOT EXISTS || $.c IS NULL)',
    ),
    "the same conjunct twice": (AllOf((equals("x"), equals("x"))), '$.a.b = "x"'),
    "a conjunct that contains another one in a disjunction": (
        AllOf((AnyOf((equals("x"), equals("y", field="c"))), equals("x"))),
        '$.a.b = "x"',
    ),
    "a disjunct that implies another one": (
        AnyOf((AllOf((equals("x"), equals("y", field="c"))), equals("x"))),
        '$.a.b = "x"',
    ),
    "a disjunct that a later one implies": (
        AnyOf((equals("x"), AllOf((equals("x"), equals("y", field="c"))))),
        '$.a.b = "x"',
    ),
    "a prefix that covers a string": (equals("Put*", "PutKeyPolicy"), '$.a.b = "Put*"'),
    "a prefix that covers a prefix": (equals("PutKey*", "Put*"), '$.a.b = "Put*"'),
    "a prefix does not cover a suffix": (
        equals("Put*", "*Put"),
        '$.a.b = "Put*" || $.a.b = "*Put"',
    ),
    "a suffix that covers a string and a suffix": (
        equals("KeyPolicy", "*Policy", "*yPolicy"),
        '$.a.b = "*Policy"',
    ),
    "a suffix does not cover a prefix or a substring": (
        equals("*ab", "ab*", "xab*", "*ab*c"),
        '$.a.b = "*ab" || $.a.b = "ab*" || $.a.b = "xab*" || $.a.b = %ab[\\s\\S]*c$%',
    ),
    "a substring that covers everything around it": (
        equals("xKeyx", "Key*", "*Key", "*xKeyx*", "*Key*"),
        '$.a.b = "*Key*"',
    ),
    "any string covers each string": (equals("x", "*y", "*"), '$.a.b = "*"'),
    "a substring covers nothing shorter": (
        equals("*aa*", "*a*a"),
        '$.a.b = "*aa*" || $.a.b = %a[\\s\\S]*a$%',
    ),
    "a covered string in a negation": (
        Not(equals("Put*", "PutKey")),
        f'{ABSENCE} || $.a.b != "Put*"',
    ),
    "different fields cover nothing": (
        AnyOf((equals("Put*", field="c"), equals("PutKey", field="d"))),
        '$.c = "Put*" || $.d = "PutKey"',
    ),
    "a shared conjunct": (
        AnyOf(
            (
                AllOf((equals("x"), equals("y", field="c"))),
                AllOf((equals("x"), equals("z", field="d"))),
            )
        ),
        '$.a.b = "x" && ($.c = "y" || $.d = "z")',
    ),
    "a shared disjunct": (
        AllOf(
            (
                AnyOf((equals("x"), equals("y", field="c"))),
                AnyOf((equals("x"), equals("z", field="d"))),
            )
        ),
        '$.a.b = "x" || $.c = "y" && $.d = "z"',
    ),
    "the shared conjunct that saves the most characters": (
        AnyOf(
            (
                AllOf((equals("x", field="c"), equals("y" * 50), equals("p", field="d"))),
                AllOf((equals("x", field="c"), equals("q", field="d"))),
                AllOf((equals("y" * 50), equals("r", field="d"))),
            )
        ),
        f'$.a.b = "{"y" * 50}" && ($.c = "x" && $.d = "p" || $.d = "r") || $.c = "x" && $.d = "q"',
    ),
    "a field name with a hyphen": (equals("x", field="a.x-amz-acl"), '$.a.x-amz-acl = "x"'),
    "a field name with a colon": (equals("x", field="a.aws:tag.b"), "$.a.['aws:tag'].b = \"x\""),
}


def test_a_metric_pattern_is_short_and_readable() -> None:
    for name, (condition, expected) in PATTERNS.items():
        pattern = metric(condition)
        assert pattern == f"{{ {expected} }}", name
        assert str(parse(pattern)) == pattern, name


def test_absence_is_not_contradicted_by_a_field_whose_name_starts_with_the_same_letters() -> None:
    conditions = [
        AllOf((equals("x", field="ab"), Not(equals("y", field="a")))),
        AllOf((equals("x", field="ab.c"), Not(equals("y", field="a")))),
        AllOf((equals("x", field="a.bc"), Not(equals("y", field="a.b")))),
        AllOf((equals("x", field="a.bc.d"), FieldIsNull("a.b"))),
    ]
    records: list[Record] = [
        {"ab": "x"},
        {"ab": "x", "a": None},
        {"ab": "x", "a": "z"},
        {"ab": "x", "a": "y"},
        {"ab": {"c": "x"}},
        {"ab": {"c": "x"}, "a": "y"},
        {"a": {"bc": "x"}},
        {"a": {"bc": "x", "b": "y"}},
        {"a": {"bc": {"d": "x"}}},
        {"a": {"bc": {"d": "x"}, "b": "y"}},
    ]

    for condition in conditions:
        matching = [one for one in records if condition_matches(condition, one)]
        assert matching
        assert [one for one in records if pattern_matches(metric(condition), one)] == matching


def test_a_prescribed_pattern_is_used_unchanged() -> None:
    one = replace(detection(equals("x")), metric_filter_pattern='{ ($.a = "*") }')

    assert metric_pattern(one) == '{ ($.a = "*") }'


REJECTED: dict[str, tuple[ConditionTree, str, str]] = {
    "a foreign letter with a wildcard": (equals("Ü?"), "a.b", "only ASCII characters"),
    "a field name with an asterisk": (equals("x", field="a.*"), "a.*", "the field name '*'"),
    "a field name with a quote": (FieldIsNull("a.b'c"), "a.b'c", 'the field name "b\'c"'),
    "an empty field name": (Not(FieldExists("a..b")), "a..b", "the field name ''"),
    "infinity": (FieldCompares("a.b", ">", float("inf")), "a.b", "got inf, expected a finite"),
    "a group": (FieldMatchesRegex("a.b", "(a|b)c"), "a.b", "parentheses"),
    "an inline flag": (FieldMatchesRegex("a.b", "(?i)a"), "a.b", "flags as `|re|i`"),
    "a word boundary": (FieldMatchesRegex("a.b", r"\ba"), "a.b", r"the escape \b"),
    "a possessive quantifier": (FieldMatchesRegex("a.b", "a++b"), "a.b", "possessive"),
    "many repetitions": (FieldMatchesRegex("a.b", "a{1000}"), "a.b", "more than 999 repetitions"),
    "many repetitions at most": (FieldMatchesRegex("a.b", "a{1,1000}"), "a.b", "more than 999"),
    "an empty alternative": (FieldMatchesRegex("a.b", "a|"), "a.b", "an empty alternative"),
    "an empty first alternative": (FieldMatchesRegex("a.b", "|a"), "a.b", "an empty alternative"),
    "an empty regex": (FieldMatchesRegex("a.b", ""), "a.b", "an empty alternative"),
    "$ in the middle": (FieldMatchesRegex("a.b", "a$\n"), "a.b", "$ before other characters"),
    "^ with flag m": (
        FieldMatchesRegex("a.b", "^a", frozenset("m")),
        "a.b",
        "^ and $ with the flag m",
    ),
    "$ with flag m": (
        FieldMatchesRegex("a.b", "a$", frozenset("m")),
        "a.b",
        "^ and $ with the flag m",
    ),
    "a foreign letter": (FieldMatchesRegex("a.b", "ä"), "a.b", "only ASCII characters"),
    "no whitespace in a class": (FieldMatchesRegex("a.b", r"[\Sx]"), "a.b", r"\S with other"),
    "three regexes": (
        AllOf(tuple(equals("root", cased=False, field=field) for field in "cde")),
        "detection.condition",
        "has 3 regular expressions (for c, d, e), expected at most 2: compare with |cased",
    ),
    "three regexes in two fields": (
        AllOf(
            (
                *(equals("root", "x", cased=False, field=field) for field in "cd"),
                Not(equals("r?", field="c")),
            )
        ),
        "detection.condition",
        "has 3 regular expressions (for c, d), expected at most 2",
    ),
    "too many strings": (
        equals(*EVENTS),
        "detection.condition",
        "the filter pattern has 2280 characters, expected at most 1024: split the rule",
    ),
}


def test_an_unsupported_condition_is_rejected_with_its_field_and_the_reason() -> None:
    for name, (condition, where, reason) in REJECTED.items():
        error = rejected(condition)
        assert (error.detection, error.where) == ("drawn", where), name
        assert reason in error.reason, name


def test_a_prescribed_pattern_has_at_most_1024_characters() -> None:
    one = detection(equals("x"))
    longest, too_long = (replace(one, metric_filter_pattern="x" * n) for n in (1024, 1025))

    assert metric_pattern(longest) == "x" * 1024

    with pytest.raises(DetectionError) as error:
        metric_pattern(too_long)

    assert error.value.where == "rootwatch.metric_filter_pattern"
    assert error.value.reason == "the filter pattern has 1025 characters, expected at most 1024"


def test_a_pattern_is_compact_only_if_it_exceeds_the_limit_otherwise() -> None:
    fitting = [equals("x" * 400), equals("y" * 400, field="c"), equals("é" * 186, field="d")]
    longer = [*fitting[:2], equals("é" * 187, field="d")]

    assert len(metric(AllOf(tuple(fitting)))) == 1024
    assert " = " in metric(AllOf(tuple(fitting)))
    assert len(metric(AllOf(tuple(longer)))) == 1025 - 3 * 2 - 2 * 2
    assert pattern_matches(
        metric(AllOf(tuple(longer))),
        {"a": {"b": "x" * 400}, "c": "y" * 400, "d": "é" * 187},
    )


def compact(condition: ConditionTree) -> str:
    """The condition in the longest pattern that contains it, which is a compact one."""
    for length in range(1024, 0, -1):
        try:
            return metric(AllOf((equals("é" * length), condition)))
        except DetectionError:
            continue
    raise AssertionError(condition)


def test_a_compact_pattern_keeps_the_quotes_and_spaces_that_the_syntax_requires() -> None:
    strings = equals("NULL", "Null", "7a", "a7", "x*", "a-b", field="c")
    negation = Not(FieldIsBoolean("d", value=True))
    pattern = compact(AllOf((strings, negation, FieldCompares("e", ">=", 5))))

    assert pattern.endswith(
        '" && ($.c="NULL" || $.c=Null || $.c="7a" || $.c=a7 || $.c="x*" || $.c="a-b")'
        " && ($.d NOT EXISTS || $.d IS NULL || $.d IS FALSE) && $.e>=5 }"
    )
    assert len(pattern) == 1024
    assert parse(pattern)


def test_every_keyword_is_quoted_in_a_compact_pattern() -> None:
    for keyword in ("NULL", "TRUE", "FALSE", "IS", "NOT", "EXISTS"):
        pattern = compact(equals(keyword, f"{keyword}x", field="c"))
        assert pattern.endswith(f'($.c="{keyword}" || $.c={keyword}x) }}'), keyword


def test_a_pattern_that_exceeds_the_limit_even_if_compact_is_rejected() -> None:
    def of_length(length: int) -> ConditionTree:
        return AllOf((equals("x" * 500), equals("y" * (length - 518), field="c")))

    assert len(metric(of_length(1024))) == 1024
    error = rejected(of_length(1025))
    assert error.reason.startswith(
        "the filter pattern has 1025 characters, expected at most 1024: split the rule"
    )


def test_a_pattern_with_two_regexes_that_is_too_long_is_rejected_for_its_length() -> None:
    regexes = [equals("root", cased=False, field=field) for field in "cd"]
    error = rejected(AllOf((*regexes, equals("x" * 1000))))

    assert "characters, expected at most 1024: split the rule" in error.reason


def test_two_regexes_are_allowed_and_those_of_one_field_are_one() -> None:
    condition = AllOf(
        (
            AnyOf((FieldMatchesRegex("c", "a.c"), equals("root", cased=False, field="c"))),
            Not(AnyOf((FieldMatchesRegex("d", "x.z"), equals("r?t", field="d")))),
        )
    )

    assert metric(condition).count("%") == 4
    assert pattern_matches(metric(condition), {"c": "ROOT", "d": "y"})
    assert not pattern_matches(metric(condition), {"c": "abc", "d": "rot"})


# Regular expressions in which both syntaxes must agree, in pieces.
PIECES = (
    *("a", "B", "7", " ", "\n", "-", "%", "\\.", "\\n", "\\x41", "\\-", "\\\\", "\\|", '"'),
    *(".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "[ab]", "[^ab]", "[a-c]", "[A-C7-]"),
    *("[]a]", "[^]a]", "[\\s\\S]", "[\\s7]", "[\\w-]", "[\\d\\D]", "[.$|]", "[\\]\\-^]", "{}"),
    *("a*", "b+", ".?", "a{2}", "a{,2}", "b{1,}", ".*?", "a+?", "[ab]{1,2}?", "x{", "\\t", "}"),
    *("\\r", "\\f", "\\v", "\\a", "[^\\s]", "[^\\d-]", "[\\x41-\\x43]", "[Z-a]", "[+-9]", "[X-z]"),
    *("\\\n", "\\_", "\\{", "[\\n-\\r]", "[a\\-c]", "[-a]", "[^-a]", "[a-cx-z]", "~", "!", "'"),
)
REGEXES = st.lists(
    st.tuples(
        st.sampled_from(["", "", "^", "\\A"]),
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join),
        st.sampled_from(["", "", "$", "\\Z"]),
    ).map("".join),
    min_size=1,
    max_size=2,
).map("|".join)


def test_each_piece_of_a_regex_matches_the_same_ascii_characters_as_in_python() -> None:
    characters = [chr(code) for code in range(128)]
    values = ["", *characters, "aa", "aaa", "bb", "{}", "x{", "aB", "a\n", "\na"]

    for piece in PIECES:
        for regex in (piece, f"^{piece}$", f"\\A{piece}\\Z"):
            for flags in (frozenset[str](), frozenset("i"), frozenset("s")):
                pattern = parse(metric(FieldMatchesRegex("a", regex, flags)))
                found = [one for one in values if pattern.matches(json.dumps({"a": one}))]
                expected = [one for one in values if regex_matches(regex, flags, one)]
                assert found == expected, (regex, flags)


@given(
    regex=REGEXES,
    flags=st.frozensets(st.sampled_from("is")),
    values=st.lists(st.text('aAbBcC7 \n\r\t\v\x1c-%.\\"|^$]é{}x', max_size=6), min_size=20),
)
@example(regex="a$", flags=frozenset(), values=["a", "a\n", "a\n\n"])
@example(regex="^$", flags=frozenset(), values=["", "\n", "a"])
@example(regex="[^a-c]", flags=frozenset("i"), values=["A", "a", "d"])
def test_a_regex_matches_the_same_strings_as_in_python(
    regex: str, flags: frozenset[str], values: list[str]
) -> None:
    pattern = metric(FieldMatchesRegex("a", regex, flags))

    for value in values:
        assert pattern_matches(pattern, {"a": value}) is regex_matches(regex, flags, value), value


def test_a_regex_uses_only_syntax_that_the_documentation_defines() -> None:
    for regex in ("a.b", "\\s", "[\\s7]", "a$"):
        translated = translate_regex("a", regex, frozenset())
        assert re.search(r"(?<!\\)\.|\\s", translated) is None, regex


def test_whitespace_is_tab_to_carriage_return_and_space() -> None:
    assert translate_regex("a", r"\s", frozenset()) == r"[ \x09-\x0D]"
    assert translate_regex("a", r"\S", frozenset()) == r"[^ \x09-\x0D]"
    assert translate_regex("a", r"[\s_]", frozenset()) == r"[ \x09-\x0D_]"


def test_999_repetitions_are_allowed() -> None:
    for regex in ("a{999}", "a{999,}", "a{0,999}"):
        assert translate_regex("a", regex, frozenset()) == regex


def test_the_flag_m_changes_nothing_without_anchors() -> None:
    assert translate_regex("a", "ab", frozenset("m")) == "ab"

    with pytest.raises(UnsupportedConditionError):
        translate_regex("a", "ab$", frozenset("m"))


def test_a_subscription_omits_negations_and_tests_for_presence() -> None:
    condition = AllOf(
        (SIGN_IN, Not(equals("Yes", field="mfa")), FieldIsNull("c"), FieldExists("d"))
    )

    assert subscription(condition) == f"{{ {PATTERNS['a conjunction'][1]} }}"


def test_a_subscription_keeps_a_double_negation() -> None:
    condition = Not(AnyOf((Not(equals("x")), equals("y", field="c"))))

    assert subscription(condition) == '{ $.a.b = "x" }'


def test_a_subscription_joins_the_shared_parts_of_detections() -> None:
    without_mfa = AllOf((SIGN_IN, Not(equals("Yes", field="mfa"))))
    with_mfa = AllOf((SIGN_IN, equals("Yes", field="mfa")))
    other = AllOf((equals("Root", field="user.type"), equals("CreateUser", field="eventName")))

    assert subscription(without_mfa, with_mfa, other) == (
        '{ $.user.type = "Root" && ($.eventName = "ConsoleLogin" || $.eventName = "CreateUser") }'
    )


def test_a_subscription_of_a_condition_without_a_supported_part_matches_everything() -> None:
    conditions: dict[str, ConditionTree] = {
        "a negation": Not(equals("x")),
        "a disjunction with a negation": AnyOf((equals("x"), Not(equals("y", field="c")))),
        "a negated conjunction": Not(AllOf((Not(equals("x")), equals("y", field="c")))),
        "presence": AllOf((FieldIsNull("a.b"), FieldExists("c"))),
        "no presence": Not(AnyOf((FieldIsNull("a.b"), FieldExists("c")))),
        "an unsupported string": equals('Ü"'),
        "an unsupported string among others": equals("x", 'Ü"'),
        "an unsupported field name": equals("x", field="a.*"),
        "an unsupported regex": FieldMatchesRegex("a.b", "(x)"),
        "an unsupported number": FieldCompares("a.b", "=", float("nan")),
        "too many strings": equals(*(f"{one}{'x' * 40}" for one in "abcdefghijklmnopqrstuvwxyz")),
    }

    for name, condition in conditions.items():
        assert subscription(equals("y"), condition) == "", name


def test_a_subscription_of_no_detection_matches_nothing() -> None:
    for record in ({}, {"eventName": None}, {"eventName": "x"}):
        assert not pattern_matches(subscription(), record), record


def test_a_subscription_compares_with_the_parts_of_a_string_instead_of_a_regex() -> None:
    assert (
        subscription(equals("arn:*:role?x*"))
        == '{ $.a.b = "arn:*" && $.a.b = "*:role*" && $.a.b = "*x*" }'
    )
    assert subscription(equals("*a?b")) == '{ $.a.b = "*a*" && $.a.b = "*b" }'
    assert subscription(equals('x*y"?')) == "{ $.a.b = %^x[\\s\\S]*y\\x22[\\s\\S]$% }"
    assert subscription(equals('x*Ü"')) == '{ $.a.b = "x*" }'


def test_a_subscription_keeps_a_regex_within_the_limits() -> None:
    assert subscription(equals("root", cased=False)) == "{ $.a.b = %^[rR][oO][oO][tT]$% }"


def test_a_subscription_has_at_most_two_regexes() -> None:
    conditions = [
        AllOf(
            (
                equals(f"{service}.amazonaws.com", cased=False, field="eventSource"),
                equals(event, cased=False, field="eventName"),
            )
        )
        for service, event in [("s3", "DeleteBucket"), ("iam", "CreateUser"), ("sts", "Get")]
    ]
    pattern = subscription(*conditions)

    assert pattern.count("%") == 2
    assert pattern_matches(pattern, {"eventName": "createuser"})
    assert not pattern_matches(
        pattern, {"eventName": "CreateUsers", "eventSource": "iam.amazonaws.com"}
    )


def test_a_subscription_removes_the_least_selective_regex_and_no_other_part() -> None:
    name, kind = (equals("x", cased=False, field=one) for one in ("eventName", "userIdentity.type"))
    region = equals("x", cased=False, field="awsRegion")
    literal = equals("y", field="awsRegion")

    assert subscription(AllOf((literal, region, name, kind))) == (
        '{ $.awsRegion = "y" && $.eventName = %^[xX]$% && $.userIdentity.type = %^[xX]$% }'
    )


def test_a_subscription_with_two_regexes_that_is_too_long_keeps_both() -> None:
    name, kind = (equals("x", cased=False, field=one) for one in ("eventName", "userIdentity.type"))
    region = equals("y" * 1000, field="awsRegion")

    assert subscription(AllOf((region, name, kind))) == subscription(AllOf((name, kind)))


def test_a_subscription_removes_the_least_selective_part_first() -> None:
    names = [f"{letter}{'x' * 20}" for letter in ascii_uppercase]
    region, event, source = (
        equals("us-east-1", field="awsRegion"),
        equals(*names, field="eventName"),
        equals("iam.amazonaws.com", field="eventSource"),
    )

    assert subscription(AllOf((region, event, source))) == subscription(AllOf((event, source)))
    assert subscription(AllOf((event, source))) == metric(AllOf((event, source)))


def widened(*parts: ConditionTree, filling: str = "eventName") -> str:
    """The subscription for the parts and a string with which one character is in excess."""

    def condition(length: int) -> ConditionTree:
        return AllOf((equals("x" * length, field=filling), *parts))

    def exceeds(length: int) -> bool:
        try:
            metric(condition(length))
        except DetectionError:
            return True
        return False

    return subscription(condition(bisect(range(1, 1025), 0, key=exceeds) + 1))


def removed_fields(*parts: ConditionTree) -> set[str]:
    return {leaf.field for part in parts for leaf in leaves(part)} - selected_fields(
        widened(*parts)
    )


def selected_fields(pattern: str) -> set[str]:
    return set(re.findall(r"\$\.([\w.]+)", pattern))


ESTIMATED_BITS: dict[PatternTerm, float] = {
    PatternTerm("eventName", "=", '"CreateUser"'): 10,
    PatternTerm("requestParameters.name", "=", '"x"'): 9,
    PatternTerm("userIdentity.type", "=", '"Root"'): 8,
    PatternTerm("eventSource", "=", '"iam.amazonaws.com"'): 6,
    **{
        PatternTerm("eventSource", "=", f'"{service}.amazonaws.com"'): 3
        for service in ("ec2", "kms", "s3", "ssm", "sts")
    },
    PatternTerm("sourceIPAddress", "=", '"x"'): 3,
    PatternTerm("recipientAccountId", "=", '"111111111111"'): 2,
    PatternTerm("awsRegion", "=", '"us-east-1"'): 0.5,
    PatternTerm("readOnly", "IS", "TRUE"): 1,
    PatternTerm("eventName", ">", "5"): 1,
    PatternTerm("eventName", "=", '"ab*"'): 1.6,
    PatternTerm("eventName", "=", '"*ab"'): 1.6,
    PatternTerm("eventName", "=", '"*ab*"'): 1.6,
    PatternTerm("eventName", "=", f'"{"x" * 13}*"'): 10,
    PatternTerm("eventName", "=", '"*"'): 0,
    PatternTerm("eventName", "=", "%^[xX]$%"): 10,
    PatternTerm("eventName", "=", "%^[xX]$|y%"): 9,
    PatternTerm("eventName", "=", "%^[xX]$|y|z|w%"): 8,
    PatternTerm("eventName", "=", '"a|b"'): 10,
}


def test_the_estimate_of_a_term_depends_on_its_field_and_its_value() -> None:
    for term, bits in ESTIMATED_BITS.items():
        assert estimated_share(term) == pytest.approx(2**-bits), term
        if "|" not in term.value:
            assert estimated_share(term, 0.5) == pytest.approx(2 ** (-bits / 2)), term


def test_the_estimate_multiplies_conjuncts_and_adds_disjuncts_up_to_one() -> None:
    region, name = PatternTerm("awsRegion", "=", '"x"'), PatternTerm("eventName", "=", '"x"')
    both, either = conjunction([region, name]), disjunction([region, name])
    regions = disjunction([region, PatternTerm("awsRegion", "=", '"y"')])

    assert estimated_share(both) == pytest.approx(2**-10.5)
    assert estimated_share(both, 0.5) == pytest.approx(2**-5.25)
    assert estimated_share(either) == pytest.approx(2**-0.5 + 2**-10)
    assert estimated_share(either, 2) == pytest.approx(2**-1 + 2**-20)
    assert estimated_share(regions) == 1
    assert estimated_share(PatternTerm("awsRegion", "=", "%x|y%")) == 1


# From the least to the most selective one, by estimate.
SELECTIVITY: list[Leaf] = [
    equals("us-east-1", field="awsRegion"),
    equals("a*", field="short.prefix"),
    FieldIsBoolean("readOnly", value=True),
    equals("*aa*", field="short.part"),
    equals("123456789012", field="recipientAccountId"),
    equals("s3.amazonaws.com", field="eventSource"),
    equals("Root", field="userIdentity.type"),
    equals("name", field="requestParameters.name"),
]


def test_a_subscription_removes_the_less_selective_of_two_parts() -> None:
    pairs = [
        *pairwise(SELECTIVITY),
        (equals("a*", field="c"), equals("ab", field="d")),
        (equals("ab", "cd", field="c"), equals("ab", field="d")),
    ]
    for less, more in pairs:
        assert removed_fields(less, more) == {less.field}, (less, more)
        assert removed_fields(more, less) == {less.field}, (less, more)


def test_a_subscription_takes_the_most_selective_result_of_its_searches() -> None:
    """The searches that take terms as less selective merge two names, and keep the region."""
    names = [f"{letter}{'x' * 18}" for letter in ascii_uppercase[:19]]
    pair = [f"{'Z' * 8}{letter * 18}" for letter in "ab"]
    region, events = (
        equals("us-east-1", field="awsRegion"),
        equals(*names, *pair, field="eventName"),
    )
    pattern = widened(region, events, filling="requestParameters.name")

    assert "awsRegion" not in selected_fields(pattern)
    assert all(name in pattern for name in [*names, *pair])


def pairs_of_names(count: int, *, prefix: int, length: int, field: str) -> ConditionTree:
    """Pairs of names that share a prefix of so many characters."""
    starts = [letter * prefix for letter in ascii_uppercase[:count]]
    return equals(*(f"{one:{end}<{length}}" for one in starts for end in "xy"), field=field)


def test_each_search_can_find_the_most_selective_result() -> None:
    """Greedy searches with one weight only would keep other fields."""
    cases: list[tuple[list[ConditionTree], set[str]]] = [
        (
            [  # weight 0.6; the other searches keep the names alone
                pairs_of_names(2, prefix=3, length=30, field="eventSource"),
                pairs_of_names(16, prefix=3, length=20, field="eventName"),
            ],
            {"eventSource"},
        ),
        (
            [  # weight 0.8; the other searches keep one of the fields
                pairs_of_names(2, prefix=10, length=20, field="errorCode"),
                pairs_of_names(12, prefix=4, length=30, field="eventName"),
            ],
            {"errorCode", "eventName"},
        ),
    ]

    for parts, fields in cases:
        assert selected_fields(subscription(AllOf(tuple(parts)))) == fields, fields


def test_the_cost_of_a_step_depends_on_the_conjuncts_around_it() -> None:
    pairs = {field: equals("ab1", "ab2", field=field) for field in "cd"}
    region, root = equals("x", field="awsRegion"), equals("Root", field="userIdentity.type")
    rare_first = AnyOf((AllOf((root, pairs["c"])), AllOf((region, pairs["d"]))))
    rare_last = AnyOf((AllOf((region, pairs["c"])), AllOf((root, pairs["d"]))))

    for condition, merged, kept in ((rare_first, "c", "d"), (rare_last, "d", "c")):
        pattern = re.sub('[ "]', "", widened(condition))  # compact or not
        assert f"$.{merged}=ab*" in pattern
        assert f"$.{kept}=ab1||$.{kept}=ab2" in pattern


def test_a_part_of_one_disjunct_is_removed_before_a_part_of_all_disjuncts() -> None:
    first, second = (
        AllOf((equals("1", field=one), equals("1", field=two))) for one, two in ("cd", "ef")
    )
    pattern = widened(AnyOf((first, second)))

    assert "eventName" in selected_fields(pattern)
    assert len(selected_fields(pattern)) == 4


def test_a_subscription_removes_the_regex_with_the_most_alternatives_first() -> None:
    one, two, three = (
        equals(*values, cased=False, field=field)
        for field, values in zip("cde", ("x", "yz", "w"), strict=True)
    )

    assert selected_fields(subscription(AllOf((one, two, three)))) == {"c", "e"}


def test_a_subscription_replaces_strings_by_a_common_prefix_if_not_all_fit() -> None:
    condition = AllOf(
        (equals(*EVENTS, "Other", field="eventName"), equals("Root", field="user.type"))
    )
    pattern = subscription(condition)

    assert pattern_matches(pattern, {"eventName": EVENTS[0], "user": {"type": "Root"}})
    assert not pattern_matches(pattern, {"eventName": "GetObject", "user": {"type": "Root"}})
    assert not pattern_matches(pattern, {"eventName": EVENTS[0], "user": {"type": "Role"}})


def test_the_same_detections_give_the_same_subscription() -> None:
    conditions: list[ConditionTree] = [equals(*EVENTS, field="eventName"), SIGN_IN]

    assert subscription(*conditions) == subscription(*conditions)
    assert subscription(*conditions) == subscription(*conditions, SIGN_IN)


def test_a_log_group_has_at_most_100_metric_filters() -> None:
    metrics = [replace(detection(equals("x")), name=f"one_{number}") for number in range(102)]
    for_the_importer = replace(metrics[100], evaluated_by=frozenset({"importer"}))

    check_log_group([*metrics[:100], for_the_importer])

    with pytest.raises(DetectionError) as error:
        check_log_group(metrics)

    assert (error.value.detection, error.value.where) == (
        "one_100, one_101",
        "rootwatch.evaluated_by",
    )
    assert error.value.reason == "got 102 metric filters, a log group has at most 100"


def test_a_log_group_has_at_most_five_patterns_with_regexes() -> None:
    with_regex = replace(
        detection(equals("root", cased=False)), evaluated_by=frozenset({"metric_filter"})
    )
    prescribed = replace(with_regex, name="prescribed", metric_filter_pattern="{ $.a = %b% }")
    quoted = replace(with_regex, metric_filter_pattern='{ $.a = "%b%" || $.a = "%" }')
    imported = replace(with_regex, name="imported", evaluated_by=frozenset({"importer"}))
    metrics = [*(replace(with_regex, name=f"one_{number}") for number in range(3)), prescribed]
    fifth = replace(with_regex, name="fifth")

    check_log_group([*metrics, imported, quoted])
    check_log_group([*metrics, fifth, quoted, replace(imported, condition=equals("x"))])

    with pytest.raises(DetectionError) as error:
        check_log_group([*metrics, fifth, imported])

    assert error.value.detection == "one_0, one_1, one_2, prescribed, fifth"
    assert error.value.where == "detection.condition"
    assert error.value.reason.startswith(
        "got 6 patterns with regular expressions, the subscription filter included; a log group has"
        " at most 5: compare with |cased"
    )


LONG = "AnEventWithAVeryLongNameThatLeavesLittleRoomFor"
WORDS = (
    *("Root", "root", "R*t", "x", "", "*", "a", "aa", "ab", "aba", "abba", "ba"),
    *(f"{LONG}{end}" for end in ("", "A", "B", "aC")),
)
RULE_STRINGS = (
    *("Root", "Ro*", "*t", "*oo*", "R*t", "Ro?t", "\\*", "*", "a*a", "ab*ba", "aba*ba", "ab*b"),
    *("a*", "*a", "*a*", "*ab*", "ab", "\\**", *WORDS[-4:], f"{LONG}*"),
)
# Names that share a prefix with another name, as fields and as objects on the path.
STRING_FIELDS = ("name", "names", "identity.type", "identity.types", "identities.type", "mixed")
NUMBER_FIELDS = ("answer.code", "mixed")
BOOLEAN_FIELDS = ("answer.done", "answer.code")
FIELDS = (*STRING_FIELDS, "answer.code", "answer.done")
OBJECTS = ("identity", "identities", "answer")
LEAF = st.one_of(
    st.builds(
        lambda field, written, cased: equals(*written, cased=cased, field=field),
        st.sampled_from(STRING_FIELDS),
        st.lists(st.sampled_from(RULE_STRINGS), min_size=1, max_size=6),
        st.sampled_from([True, True, True, False]),
    ),
    st.builds(
        FieldMatchesRegex,
        st.sampled_from(STRING_FIELDS),
        st.sampled_from(["^Ro", "oo|x$", "R.+t"]),
        st.frozensets(st.just("i")),
    ),
    st.builds(
        FieldCompares,
        st.sampled_from(NUMBER_FIELDS),
        st.sampled_from([*OPERATORS]),
        st.integers(0, 2),
    ),
    st.builds(FieldIsBoolean, st.sampled_from(BOOLEAN_FIELDS), st.booleans()),
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
        | st.dictionaries(st.sampled_from(["type", "types", "code"]), inner, max_size=2)
    ),
    max_leaves=3,
)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields)


RECORD = objects(
    name=JSON,
    names=JSON,
    mixed=JSON,
    identity=objects(type=JSON, types=JSON) | JSON,
    identities=objects(type=JSON) | JSON,
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
def records_of_compared_types(draw: st.DrawFn, condition: ConditionTree) -> Record:
    record: Record = {}
    for parent in OBJECTS:
        record[parent] = draw(st.sampled_from(["object", "object", "object", None, ABSENT]))
        if record[parent] == "object":
            record[parent] = {}
    for field in FIELDS:
        holder: Any = record
        *parents, name = field.split(".")
        for parent in parents:
            holder = holder[parent]
        if isinstance(holder, dict):
            holder[name] = draw(compared_values(condition, field))
    return without_absent(record)


def without_absent(record: Record) -> Record:
    return {
        name: without_absent(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if value is not ABSENT
    }


PATTERN_FIELD = st.sampled_from(["a", "ab", "a.b", "a.bc", "ab.c"])
TERM = st.one_of(
    st.builds(
        PatternTerm,
        PATTERN_FIELD,
        st.sampled_from(["=", "!="]),
        st.sampled_from(
            ['"x"', '"x*"', '"*x"', '"*x*"', '"xy"', '"*"', '"*xy"', '"xyx*"', "%x$%", "%^y%", "5"]
        ),
    ),
    st.builds(
        PatternTerm,
        PATTERN_FIELD,
        st.sampled_from(["<", "<=", ">", ">="]),
        st.sampled_from(["0", "5"]),
    ),
    st.builds(
        PatternTerm,
        PATTERN_FIELD,
        st.just("IS"),
        st.sampled_from(["NULL", "TRUE", "FALSE"]),
    ),
    st.builds(PatternTerm, PATTERN_FIELD, st.just("NOT EXISTS")),
    st.builds(PatternTerm, PATTERN_FIELD, st.just("="), st.just("*")),
)
EXPRESSION = st.recursive(
    TERM,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(conjunction)
        | st.lists(inner, min_size=1, max_size=3).map(disjunction)
    ),
    max_leaves=8,
)
VALUES: list[Any] = [None, True, False, 0, 5, 6, "x", "xy", "yx", "xyx", "y", "", []]
VALUE = st.sampled_from(VALUES)


X, ANY = '"x"', "*"
SIMPLIFIED: list[tuple[PatternExpression, str]] = [
    (
        conjunction(
            [
                PatternTerm("a", "IS", "NULL"),
                disjunction([PatternTerm("a", "NOT EXISTS"), PatternTerm("b", "=", X)]),
            ]
        ),
        '$.a IS NULL && $.b = "x"',
    ),
    (
        conjunction(
            [
                PatternTerm("a", "NOT EXISTS"),
                disjunction([PatternTerm("a", "IS", "NULL"), PatternTerm("b", "=", X)]),
            ]
        ),
        '$.a NOT EXISTS && ($.a IS NULL || $.b = "x")',
    ),
    (
        conjunction(
            [
                PatternTerm("a", "=", X),
                disjunction(
                    [
                        conjunction([PatternTerm("a", "IS", "NULL"), PatternTerm("b", "=", X)]),
                        PatternTerm("c", "=", X),
                    ]
                ),
            ]
        ),
        '$.a = "x" && $.c = "x"',
    ),
    (disjunction([PatternTerm("a", "<", "5"), PatternTerm("a", "=", ANY)]), "$.a = *"),
    (disjunction([PatternTerm("a", "!=", X), PatternTerm("a", "=", ANY)]), "$.a = *"),
    (disjunction([PatternTerm("a", "=", "%x%"), PatternTerm("a", "=", ANY)]), "$.a = *"),
    (conjunction([PatternTerm("a", "=", ANY), PatternTerm("a", ">=", "5")]), "$.a >= 5"),
    (
        disjunction([PatternTerm("a", "IS", "TRUE"), PatternTerm("a", "=", ANY)]),
        "$.a IS TRUE || $.a = *",
    ),
    (
        disjunction([PatternTerm("a", "<", "5"), PatternTerm("b", "=", ANY)]),
        "$.a < 5 || $.b = *",
    ),
    (
        conjunction([PatternTerm("a", "=", "%x%"), PatternTerm("a", "=", "%y%")]),
        "$.a = %x% && $.a = %y%",
    ),
    (
        conjunction(
            [
                PatternTerm("a", "!=", "%x%"),
                PatternTerm("b", "!=", "%x%"),
                PatternTerm("a", "!=", "%y%"),
            ]
        ),
        "$.a != %x|y% && $.b != %x%",
    ),
]


def test_a_pattern_is_simplified() -> None:
    for expression, expected in SIMPLIFIED:
        assert format_expression(simplify(expression)) == expected


@settings(max_examples=600)
@given(
    expression=EXPRESSION,
    records=st.lists(
        objects(a=VALUE | objects(b=VALUE, bc=VALUE), ab=VALUE | objects(c=VALUE)), min_size=8
    ),
)
@example(
    expression=conjunction(
        [
            PatternTerm("a", "IS", "NULL"),
            disjunction([PatternTerm("a", "NOT EXISTS"), PatternTerm("ab", "IS", "NULL")]),
        ]
    ),
    records=[{}, {"ab": None}, {"a": None}, {"a": None, "ab": None}],
)
def test_a_simplified_pattern_matches_the_same_records_whatever_their_types(
    expression: PatternExpression, records: list[Record]
) -> None:
    pattern, simplified = format_pattern(expression), format_pattern(simplify(expression))

    assert len(simplified) <= len(pattern)
    for record in records:
        assert pattern_matches(simplified, record) is pattern_matches(pattern, record), simplified


@settings(max_examples=400)
@given(condition=CONDITION, data=st.data())
def test_a_metric_pattern_matches_what_the_condition_matches(
    condition: ConditionTree, data: st.DataObject
) -> None:
    try:
        pattern = metric(condition)
    except DetectionError:  # it exceeds a limit
        reject()

    for _ in range(5):
        record = data.draw(records_of_compared_types(condition))
        assert pattern_matches(pattern, record) is condition_matches(condition, record)


@given(conditions=st.lists(CONDITION, min_size=1, max_size=4), record=RECORD)
def test_a_subscription_matches_what_any_condition_matches(
    conditions: list[ConditionTree], record: Record
) -> None:
    pattern = subscription(*conditions)

    assert pattern_matches(pattern, record) or not any(
        condition_matches(one, record) for one in conditions
    )


LONG_LISTS = st.lists(
    st.builds(
        lambda field, written: equals(*written, field=field),
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
LONG_STRINGS = st.sampled_from(
    [f"{start}{LONG}{end}" for start in "abcd" for end in ("A", "B", "Cd")]
)


@settings(max_examples=25)  # each searches for the most selective pattern within the limits
@given(
    conditions=st.lists(LONG_LISTS, min_size=3, max_size=5),
    record=objects(name=LONG_STRINGS, identity=objects(type=LONG_STRINGS, code=LONG_STRINGS)),
)
def test_a_widened_subscription_matches_what_any_condition_matches(
    conditions: list[ConditionTree], record: Record
) -> None:
    pattern = subscription(*conditions)

    assert len(pattern) <= 1024
    assert pattern_matches(pattern, record) or not any(
        condition_matches(one, record) for one in conditions
    )


def test_the_shipped_detections_use_no_regexes() -> None:
    imported = [one for one in SHIPPED if "importer" in one.evaluated_by]

    check_log_group(SHIPPED)
    assert not any("%" in metric_pattern(one) for one in SHIPPED)
    assert "%" not in subscription_pattern(imported)
    assert subscription_pattern(imported) != ""
