"""The index: it only ever saves work."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.matching.index import Text, needs
from functions.finding_importer.matching.rules import Ruleset
from tests.unit.importer.doubles import detection, record

PATHS = ("eventName", "userIdentity.type", "eventSource", "requestParameters.role.name")
WORDS = ("Root", "root", "ROOT", "ConsoleLogin", "\N{KELVIN SIGN}ms", "kms", "")
SMALL = tuple(sorted({word.lower() for word in WORDS if word.isascii()}))


def some(words: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3)


OPERATORS = st.one_of(
    some(WORDS).map(lambda words: {"equals": words}),
    some(SMALL).map(lambda words: {"equals_ignore_case": words}),
    st.sampled_from(
        [{"regex": ["oo"]}, {"regex": ["(?i)^k"]}, {"null": True}, {"exists": True}, {"eq": 1}]
    ),
)
LEAVES = st.builds(
    lambda path, operator: {"field": path, **operator}, st.sampled_from(PATHS), OPERATORS
)
PREDICATES = st.recursive(
    LEAVES,
    lambda nodes: st.one_of(
        st.lists(nodes, min_size=1, max_size=3).map(lambda children: {"all": children}),
        st.lists(nodes, min_size=1, max_size=3).map(lambda children: {"any": children}),
        nodes.map(lambda child: {"not": child}),
    ),
    max_leaves=8,
)
VALUES = st.sampled_from([*WORDS, None, True, 1, 1.5, [], ["Root"], {}, {"Root": "Root"}])
MOSTLY_WORDS = st.sampled_from(WORDS) | VALUES
NAMED = VALUES | st.fixed_dictionaries({}, optional={"name": MOSTLY_WORDS})
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "eventName": MOSTLY_WORDS,
        "eventSource": MOSTLY_WORDS,
        "userIdentity": VALUES | st.fixed_dictionaries({}, optional={"type": MOSTLY_WORDS}),
        "requestParameters": VALUES | st.fixed_dictionaries({}, optional={"role": NAMED}),
    },
)


@given(st.lists(PREDICATES, max_size=6), st.lists(RECORDS, min_size=1, max_size=8))
def test_the_index_changes_nothing_of_what_matches(
    predicates: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    ruleset = Ruleset.of(
        [detection(name=f"n{i}", predicate=predicate) for i, predicate in enumerate(predicates)]
    )

    for one in records:
        naive = tuple(each for each in ruleset.detections if each.matches(one))
        assert ruleset.matching(one) == naive


def equal(path: str, *texts: str) -> dict[str, Any]:
    return {"field": path, "equals": list(texts)}


def exactly(path: str, *texts: str) -> frozenset[Text]:
    return frozenset(Text(path, text, ignore_case=False) for text in texts)


IS_LOGIN = equal("eventName", "ConsoleLogin")
IS_ROOT = equal("userIdentity.type", "Root")
IS_IN_EITHER_REGION = equal("awsRegion", "us-east-1", "us-west-2")
IS_IAM = equal("eventSource", "iam.amazonaws.com")
IS_FAILED = {"field": "errorCode", "exists": True}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (IS_LOGIN, exactly("eventName", "ConsoleLogin")),
        (
            {"field": "a.b", "equals_ignore_case": ["x", "y"]},
            frozenset({Text("a.b", "x", ignore_case=True), Text("a.b", "y", ignore_case=True)}),
        ),
        (IS_FAILED, None),
        ({"field": "a", "regex": ["x"]}, None),
        ({"not": IS_LOGIN}, None),
        ({"all": [IS_FAILED, {"not": IS_LOGIN}]}, None),
        ({"all": [IS_FAILED, IS_ROOT]}, exactly("userIdentity.type", "Root")),
        (
            {"any": [IS_LOGIN, IS_ROOT]},
            exactly("eventName", "ConsoleLogin") | exactly("userIdentity.type", "Root"),
        ),
        ({"any": [IS_LOGIN, IS_FAILED]}, None),
        ({"all": [{"any": [IS_LOGIN, IS_FAILED]}, IS_IAM]}, needs(IS_IAM)),
    ],
)
def test_what_a_predicate_needs(node: Mapping[str, Any], expected: object) -> None:
    assert needs(node) == expected


@pytest.mark.parametrize(
    ("children", "chosen"),
    [
        ([IS_IAM, IS_ROOT, equal("eventName", *"abcdefgh")], 2),
        ([IS_IAM, IS_ROOT], 1),
        ([IS_IN_EITHER_REGION, IS_IAM], 1),
        ([IS_IAM, equal("recipientAccountId", "111111111111")], 0),
        ([{"any": [IS_LOGIN, IS_IAM]}, IS_ROOT], 1),
    ],
)
def test_all_takes_the_most_selective_of_its_children(
    children: list[dict[str, Any]], chosen: int
) -> None:
    assert needs({"all": children}) == needs(children[chosen])


def test_a_detection_is_looked_at_only_where_the_record_holds_what_it_needs() -> None:
    predicates = [IS_LOGIN, {"all": [IS_ROOT, IS_FAILED]}, {"not": IS_LOGIN}]
    listed = [detection(name=f"n{i}", predicate=node) for i, node in enumerate(predicates)]
    index = Ruleset.of(listed).index

    assert index.candidates(record()) == {0, 1, 2}
    assert index.candidates(record(eventName="CheckMfa")) == {1, 2}
    assert index.candidates({}) == {2}


def test_case_does_not_keep_a_record_from_what_ignores_it() -> None:
    node = {"field": "eventName", "equals_ignore_case": ["consolelogin"]}
    index = Ruleset.of([detection(predicate=node)]).index

    assert index.candidates(record(eventName="CONSOLELogin")) == {0}
    assert index.candidates(record(eventName="CheckMfa")) == frozenset()
    assert index.candidates(record(eventName=["consolelogin"])) == frozenset()
