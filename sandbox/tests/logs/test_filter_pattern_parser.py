"""The parser of filter patterns, and its errors with columns."""

import re
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sandbox.logs.filter_pattern import FilterPattern, FilterPatternError, parse
from sandbox.logs.filter_pattern.nodes import (
    And,
    AnyElement,
    AnyName,
    ArrayIndex,
    ComparisonOperator,
    Constant,
    Expression,
    IsConstant,
    Name,
    NotExists,
    NumberValue,
    NumberWildcard,
    Or,
    PropertySelector,
    RegexValue,
    StringValue,
    ValueComparison,
)

A, B, C = (
    ValueComparison(
        PropertySelector((Name(name),)), ComparisonOperator.EQUAL, NumberValue(Decimal(1))
    )
    for name in "abc"
)


def _comparison(pattern: str) -> ValueComparison:
    expression = parse(pattern).expression
    assert isinstance(expression, ValueComparison)
    return expression


def test_selector_has_steps() -> None:
    for selector, steps in [
        ("$.a", (Name("a"),)),
        ("$.a_b-c.D9", (Name("a_b-c"), Name("D9"))),
        ("$.a[0][12].b", (Name("a"), ArrayIndex(0), ArrayIndex(12), Name("b"))),
        ("$.['cluster.name']", (Name("cluster.name"),)),
        ("$.a.['b (c) && \"d\"'].e", (Name("a"), Name('b (c) && "d"'), Name("e"))),
        ("$.*", (AnyName(),)),
        ("$.a.*.b", (Name("a"), AnyName(), Name("b"))),
        ("$.a[*].b", (Name("a"), AnyElement(), Name("b"))),
    ]:
        comparison = _comparison(f"{{ {selector} = 1 }}")

        assert comparison.selector.steps == steps, (selector, steps)


def test_value_has_a_type() -> None:
    for written, value in [
        ('"UpdateTrail"', StringValue("UpdateTrail")),
        ('"a b (c) && {d} %e% $.f ü"', StringValue("a b (c) && {d} %e% $.f ü")),
        ('""', StringValue("")),
        ('"400"', StringValue("400")),
        ("UpdateTrail", StringValue("UpdateTrail")),
        ("kms.amazonaws.com", StringValue("kms.amazonaws.com")),
        ("*Trail", StringValue("*Trail")),
        ("123.123.*", StringValue("123.123.*")),
        ("111.111.111.111", StringValue("111.111.111.111")),
        ("TRUE", StringValue("TRUE")),
        ("400", NumberValue(Decimal(400))),
        ("+1000", NumberValue(Decimal(1000))),
        ("-55.5", NumberValue(Decimal("-55.5"))),
        ("10e3", NumberValue(Decimal(10000))),
        ("1e+3", NumberValue(Decimal(1000))),
        ("1.5e-3", NumberValue(Decimal("0.0015"))),
        (".5", StringValue(".5")),
        ("1E3", StringValue("1E3")),
        ("*", NumberWildcard("*")),
        ("4*", NumberWildcard("4*")),
        ("-1.*", NumberWildcard("-1.*")),
        ("*99", NumberWildcard("*99")),
        ("%Trail%", RegexValue("Trail")),
        (r"%111\.111\.111\.1[0-9]{1,2}%", RegexValue(r"111\.111\.111\.1[0-9]{1,2}")),
        (
            "%^starting|^initializing|^shutting down%",
            RegexValue("^starting|^initializing|^shutting down"),
        ),
    ]:
        comparison = _comparison(f"{{ $.a = {written} }}")

        assert comparison.value == value, (written, value)


def test_numbers_support_all_operators_with_or_without_spaces() -> None:
    for operator in list(ComparisonOperator):
        for template in ["{{ $.a {} 1 }}", "{{$.a{}1}}"]:
            comparison = _comparison(template.format(operator))

            assert comparison == ValueComparison(
                PropertySelector((Name("a"),)), operator, NumberValue(Decimal(1))
            ), (operator, template)


def test_is_supports_null_true_and_false() -> None:
    for constant in list(Constant):
        expression = parse(f"{{ $.a IS {constant} }}").expression

        assert expression == IsConstant(PropertySelector((Name("a"),)), constant), constant


def test_not_exists_is_parsed() -> None:
    expression = parse("{ $.a.b NOT EXISTS }").expression

    assert expression == NotExists(PropertySelector((Name("a"), Name("b"))))


def test_parentheses_precede_and_which_precedes_or() -> None:
    for pattern, expression in [
        ("{ $.a = 1 && $.b = 1 && $.c = 1 }", And((A, B, C))),
        ("{ $.a = 1 || $.b = 1 || $.c = 1 }", Or((A, B, C))),
        ("{ $.a = 1 || $.b = 1 && $.c = 1 }", Or((A, And((B, C))))),
        ("{ $.a = 1 && $.b = 1 || $.c = 1 }", Or((And((A, B)), C))),
        ("{ ($.a = 1 || $.b = 1) && $.c = 1 }", And((Or((A, B)), C))),
        ("{ ($.a = 1 && $.b = 1) && $.c = 1 }", And((And((A, B)), C))),
        ("{(($.a=1)&&(($.b=1)))}", And((A, B))),
        ("  { $.a = 1 }  ", A),
    ]:
        assert parse(pattern).expression == expression, (pattern, expression)


def test_invalid_pattern_is_refused_with_its_column() -> None:
    for pattern, position, reason in [
        ("", 1, "plain-text"),
        ("ERROR", 1, "plain-text"),
        ('"$.a = 1"', 1, "plain-text"),
        (" [ip, user]", 2, "space-delimited"),
        ("%ERROR%", 1, "plain-text"),
        ("{}", 2, "expected a selector"),
        ("{ ", 3, "expected a selector"),
        ("{ $.a = 1", 10, "expected '&&', '||' or '}' instead of the end"),
        ("{ $.a = 1 } x", 13, "the pattern ends at its '}'"),
        ("{ $.a = 1 }}", 12, "the pattern ends at its '}'"),
        ("{ ($.a = 1 }", 12, "the ')' for column 3"),
        ("{ $.a = 1) }", 10, "expected '&&', '||' or '}'"),
        ("{ () }", 4, "expected a selector"),
        ("{ $.a = 1 && }", 14, "expected a selector"),
        ("{ && $.a = 1 }", 3, "expected a selector"),
        ("{ $.a = 1 || || $.b = 1 }", 14, "expected a selector"),
        ("{ $.a = 1 $.b = 1 }", 11, "expected '&&', '||' or '}'"),
        ("{ $.a = 1 and $.b = 1 }", 11, "expected '&&', '||' or '}'"),
        ("{ $.a = 1 & $.b = 1 }", 11, "expected '&&' for AND"),
        ("{ $.a = 1 | $.b = 1 }", 11, "expected '||' for OR"),
        ("{ !($.a = 1) }", 3, "got '!', expected the operator '!='"),
        ("{ NOT ($.a = 1) }", 3, "expected a selector"),
        ("{ a = 1 }", 3, "expected a selector"),
        ("{ $.a }", 7, "expected =, !=, <"),
        ("{ $.a is NULL }", 7, "expected =, !=, <"),
        ("{ $.a IS NOT NULL }", 10, "IS NOT is not supported"),
        ("{ $.a IS null }", 10, "expected NULL, TRUE or FALSE"),
        ('{ $.a IS "NULL" }', 10, "expected NULL, TRUE or FALSE"),
        ("{ $.a IS }", 10, "expected NULL, TRUE or FALSE"),
        ("{ $.a EXISTS }", 7, "EXISTS is not supported"),
        ("{ $.a NOT }", 11, "expected EXISTS after NOT"),
        ("{ $.a NOT NULL }", 11, "expected EXISTS after NOT"),
        ("{ $.a = }", 9, "expected a value"),
        ("{ $.a = $.b }", 9, "expected a value"),
        ("{ $.a == 1 }", 8, "expected a value"),
        ('{ $.a < "5" }', 9, "compares numbers only"),
        ("{ $.a >= abc }", 10, "compares numbers only"),
        ("{ $.a > 4* }", 9, "compares numbers only"),
        ("{ $.a <= %4% }", 10, "compares numbers only"),
        ("{ $.a = us-east-1 }", 11, "must be in double quotes"),
        ("{ $.a = john@example }", 13, "must be in double quotes"),
        ("{ $.a = a:b }", 10, "must be in double quotes"),
        ("{ $.a = é }", 9, "must be in double quotes"),
        ("{ $.a = two words }", 13, "expected '&&', '||' or '}'"),
        ('{ $.a = "open }', 9, "not closed"),
        ('{ $.a = "a\\"b" }', 11, "does not document"),
        ('{ $.a = "a\nb" }', 11, "does not document"),
        ("{ $.a = \u201ca\u201d }", 9, "typographic"),
        ("{ $.a = 'a' }", 9, "double quotes"),
        ("{ $.a = 1\n}", 10, "on one line"),
        ("{\t$.a = 1 }", 2, "only spaces"),
        ("{ $.a = 1e9999999999999999999 }", 9, "exponent"),
        ("{ $ = 1 }", 4, "expected .name"),
        ("{ $a = 1 }", 4, "expected .name"),
        ("{ $[0] = 1 }", 4, "an index follows a property"),
        ("{ $[*].a = 1 }", 4, "an index follows a property"),
        ("{ $['a'] = 1 }", 4, "expected .name"),
        ("{ $.a..b = 1 }", 6, "expected .name"),
        ("{ $.a. = 1 }", 6, "expected .name"),
        ("{ $.a[01] = 1 }", 6, "expected .name"),
        ("{ $.a[-1] = 1 }", 6, "expected .name"),
        ("{ $.a[x] = 1 }", 6, "expected .name"),
        ("{ $.a* = 1 }", 6, "expected .name"),
        ("{ $.[''] = 1 }", 4, "expected .name"),
        ("{ $.['a] = 1 }", 4, "expected .name"),
        ("{ $.a[*].b[*] = 1 }", 11, "one wildcard"),
        ("{ $.*.* = 1 }", 6, "one wildcard"),
    ]:
        with pytest.raises(FilterPatternError) as caught:
            parse(pattern)

        assert reason in caught.value.reason, (pattern, position, reason)
        assert caught.value.position == position, (pattern, position, reason)
        assert caught.value.pattern == pattern, (pattern, position, reason)


def test_regex_outside_the_documented_subset_is_refused() -> None:
    for regex, offset, reason in [
        ("", 0, "empty"),
        ("(a)", 0, "parentheses"),
        ("something!", 9, "not supported"),
        ("a'b", 1, r"write \x27"),
        ("caf\u00e9", 3, "multi-byte"),
        ("*a", 0, "has nothing to repeat"),
        ("^*", 1, "has nothing to repeat"),
        ("a+?", 2, "has nothing to repeat"),
        ("a{,}", 1, "starts no syntax"),
        ("a{2, 3}", 1, "starts no syntax"),
        ("a{3,2}", 0, "min repeat greater"),
        ("a||b", 2, "empty alternative"),
        ("a|", 2, "empty"),
        ("a[bc", 1, "starts no syntax"),
        ("[[:alpha:]]", 0, "starts no syntax"),
        ("[a--z]", 0, "ambiguous"),
        ("[z-a]", 0, "bad character range"),
        (r"a\b", 1, "starts no syntax"),
        (r"a\xe9", 1, "starts no syntax"),
        (r"a\-", 1, "starts no syntax"),
    ]:
        with pytest.raises(FilterPatternError) as caught:
            parse(f"{{ $.a = %{regex}% }}")

        assert reason in caught.value.reason, (regex, offset, reason)
        assert caught.value.position == len("{ $.a = %") + 1 + offset, (regex, offset, reason)


def test_unclosed_regex_is_refused_at_its_start() -> None:
    with pytest.raises(FilterPatternError, match="not closed by a second '%'") as caught:
        parse("{ $.a = %Trail }")

    assert caught.value.position == 9


def test_error_shows_the_pattern_and_a_caret() -> None:
    with pytest.raises(FilterPatternError) as caught:
        parse("{ $.a IS NOT NULL }")

    assert str(caught.value) == (
        "filter pattern, column 10: IS NOT is not supported\n  { $.a IS NOT NULL }\n           ^"
    )


def _repeated(condition: str, times: int) -> str:
    return "{ " + " && ".join([condition] * times) + " }"


def test_limits_are_inclusive() -> None:
    for allowed, refused, reason in [
        (_repeated("$.a[*] = 1", 3), _repeated("$.a[*] = 1", 4), "3 wildcard selectors"),
        (_repeated("$.a = %b%", 2), _repeated("$.a = %b%", 3), "2 regular expressions"),
        (
            "{ " + "(" * 50 + "$.a = 1" + ")" * 50 + " }",
            "{ " + "(" * 51 + "$.a = 1" + ")" * 51 + " }",
            "nested more than 50",
        ),
        (
            '{ $.a = "' + "x" * 1012 + '" }',
            '{ $.a = "' + "x" * 1013 + '" }',
            "at most 1024",
        ),
    ]:
        parse(allowed)

        with pytest.raises(FilterPatternError, match=re.escape(reason)):
            parse(refused)


def test_adjacent_parentheses_are_not_nested() -> None:
    read = parse(_repeated("($.a = 1)", 51))

    assert read.expression == And((A,) * 51)


_steps = st.one_of(
    st.builds(Name, st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)),
    st.builds(Name, st.from_regex(r"[A-Z. $%&(){}\"ü]{1,6}", fullmatch=True)),
    st.builds(ArrayIndex, st.integers(min_value=0, max_value=99)),
    st.just(AnyName()),
    st.just(AnyElement()),
)
_selectors = st.builds(
    lambda steps: PropertySelector(tuple(steps)),
    st.lists(_steps, min_size=1, max_size=3).filter(
        lambda steps: (
            not isinstance(steps[0], ArrayIndex | AnyElement)
            and sum(isinstance(step, AnyName | AnyElement) for step in steps) <= 1
        )
    ),
)
_numbers = st.builds(
    NumberValue, st.decimals(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)
)
_strings = st.one_of(
    st.builds(
        StringValue, st.text(st.sampled_from("aZ_09 .*-+:$%&|=!<>(){}[]'\u201cü語"), max_size=12)
    ),
    st.builds(NumberWildcard, st.sampled_from(["*", "4*", "*9", "*0.5*", "-1.*"])),
    st.builds(RegexValue, st.sampled_from(["Trail", r"^10\.[0-9]{1,3}$", "a|[b-d]+", r"\d\x28"])),
)
_conditions = st.one_of(
    st.builds(ValueComparison, _selectors, st.sampled_from(list(ComparisonOperator)), _numbers),
    st.builds(
        ValueComparison,
        _selectors,
        st.sampled_from([ComparisonOperator.EQUAL, ComparisonOperator.NOT_EQUAL]),
        _strings,
    ),
    st.builds(IsConstant, _selectors, st.sampled_from(list(Constant))),
    st.builds(NotExists, _selectors),
)
_expressions: st.SearchStrategy[Expression] = st.recursive(
    _conditions,
    lambda inner: st.builds(
        lambda kind, operands: kind(tuple(operands)),
        st.sampled_from([And, Or]),
        st.lists(inner, min_size=2, max_size=3),
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(_expressions)
def test_parsing_a_rendered_pattern_returns_the_pattern(expression: Expression) -> None:
    rendered = str(FilterPattern(expression))
    within_limits = rendered.count("[*]") + rendered.count(".*") <= 3 and rendered.count("%") <= 4
    assume(within_limits and len(rendered) <= 1024)

    assert parse(rendered) == FilterPattern(expression)


def _column_of_refusal(pattern: str) -> int | None:
    try:
        parse(pattern)
    except FilterPatternError as error:
        return error.position
    return None


@settings(deadline=None)
@given(st.text(st.sampled_from("{}()$.a[*]'\"%=!<>&|0-e+\\ \nISNOT"), max_size=40))
def test_any_text_is_parsed_or_refused_with_a_valid_column(inside: str) -> None:
    pattern = "{ $.a" + inside
    column = _column_of_refusal(pattern)

    assert column is None or 1 <= column <= len(pattern) + 1
