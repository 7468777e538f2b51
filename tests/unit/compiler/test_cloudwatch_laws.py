"""Filter patterns of random conditions and records, as the sandbox evaluates them."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import assume, example, given, reject, settings

from compiler.cloudwatch.expression import (
    MAX_REGEXES,
    PatternExpression,
    PatternTerm,
    conjunction,
    disjunction,
    format_pattern,
    regex_terms,
)
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
    leaves,
)
from compiler.errors import DetectionError
from sandbox.cloudtrail.sign_ins import Record
from tests.unit.compiler.evaluation import (
    ABSENT,
    OPERATORS,
    condition_matches,
    equals,
    metric,
    pattern_matches,
    subscription,
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
    assume(len(regex_terms(expression)) <= MAX_REGEXES)
    pattern = format_pattern(expression, compact=False)
    simplified = format_pattern(simplify(expression), compact=False)

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
