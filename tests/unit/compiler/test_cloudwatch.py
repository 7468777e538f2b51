"""Metric patterns of conditions, as the sandbox's strict implementation evaluates them."""

import json
import re
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from compiler.cloudwatch import check_log_group, metric_pattern, subscription_pattern
from compiler.cloudwatch.expression import (
    PatternExpression,
    PatternTerm,
    conjunction,
    disjunction,
    format_expression,
)
from compiler.cloudwatch.regex import translate_regex
from compiler.cloudwatch.simplification import simplify
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
from sandbox.cloudtrail.sign_ins import Record
from sandbox.logs.filter_pattern import parse
from tests.unit.compiler.evaluation import (
    SHIPPED,
    condition_matches,
    detection,
    equals,
    metric,
    pattern_matches,
    regex_matches,
)

WITHOUT_VALUE: list[Record] = [{}, {"a": None}, {"a": {}}, {"a": {"b": None}}]
STRINGS = [
    *("Root", "root", "ROOT", "Ro", "ot", "Root\n", "\nRoot", "R\not", "R*t", "x", "", "*", "**"),
    *("a*", "*a", 'a"b', "a\\b", "100%", "100", "a\nb", "ab", "aab", "aba", "Ünï", "7-7", "a|b"),
    *(
        "a",
        "aa",
        "b",
        "cba",
        "cbaba",
        "cbba",
        'a"cb',
        'ac"b',
        "acb",
        "a**",
        "**a",
        "k",
        "[k]",
        "@",
        "`",
        "{",
        "Z[",
    ),
]
NUMBERS = [-1, 0, 1, 1.5, 2, 1e20]
EVENTS = tuple(f"AnEventWithARatherLongName{number:02}" for number in range(60))


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
    "a prefix that cannot be quoted and a suffix": equals('a"*b'),
    "a prefix and a suffix that cannot be quoted": equals('a*"b'),
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
    assert error.value.reason == "got 102 metric filters, expected at most 100 for a log group"


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
        "got 6 patterns with regular expressions, the subscription filter included;"
        " expected at most 5 for a log group: compare with |cased"
    )


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
                PatternTerm("a.b", "NOT EXISTS"),
                disjunction([PatternTerm("a", "IS", "NULL"), PatternTerm("c", "=", X)]),
            ]
        ),
        '$.a.b NOT EXISTS && ($.a IS NULL || $.c = "x")',
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


def test_the_shipped_detections_use_no_regexes() -> None:
    imported = [one for one in SHIPPED if "importer" in one.evaluated_by]

    check_log_group(SHIPPED)
    assert not any("%" in metric_pattern(one) for one in SHIPPED)
    assert "%" not in subscription_pattern(imported)
    assert subscription_pattern(imported) != ""
