"""The index of detections, which never changes what matches."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.matching.index import RequiredText, needs
from functions.finding_importer.matching.rules import Ruleset
from tests.unit.importer.builders import detection, record

# Some names are prefixes of others.
PATHS = (
    *("event", "eventName", "eventSource", "userIdentity.type", "userIdentity.types"),
    *("requestParameters.role.name", "requestParameters.role.names"),
)
WORDS = ("Root", "root", "ROOT", "ConsoleLogin", "\N{KELVIN SIGN}ms", "kms", "")
LOWERCASE = tuple(sorted({word.lower() for word in WORDS if word.isascii()}))


def some(words: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3)


OPERATORS = st.one_of(
    some(WORDS).map(lambda words: {"equals": words}),
    some(LOWERCASE).map(lambda words: {"equals_ignore_case": words}),
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
WORDS_OR_VALUES = st.sampled_from(WORDS) | VALUES
NAMED = VALUES | st.fixed_dictionaries(
    {}, optional={"name": WORDS_OR_VALUES, "names": WORDS_OR_VALUES}
)
TYPED = VALUES | st.fixed_dictionaries(
    {}, optional={"type": WORDS_OR_VALUES, "types": WORDS_OR_VALUES}
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "event": WORDS_OR_VALUES,
        "eventName": WORDS_OR_VALUES,
        "eventSource": WORDS_OR_VALUES,
        "userIdentity": TYPED,
        "requestParameters": VALUES | st.fixed_dictionaries({}, optional={"role": NAMED}),
    },
)


@given(st.lists(PREDICATES, max_size=6), st.lists(RECORDS, min_size=1, max_size=8))
def test_matching_with_and_without_the_index_agrees(
    predicates: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    ruleset = Ruleset.of(
        [detection(name=f"n{i}", predicate=predicate) for i, predicate in enumerate(predicates)]
    )

    for one in records:
        expected = tuple(each for each in ruleset.detections if each.matches(one))
        assert ruleset.matching(one) == expected


def equal(path: str, *texts: str) -> dict[str, Any]:
    return {"field": path, "equals": list(texts)}


def exactly(path: str, *texts: str) -> frozenset[RequiredText]:
    return frozenset(RequiredText(path, text, ignore_case=False) for text in texts)


IS_LOGIN = equal("eventName", "ConsoleLogin")
IS_ROOT = equal("userIdentity.type", "Root")
IS_IN_EITHER_REGION = equal("awsRegion", "us-east-1", "us-west-2")
IS_IAM = equal("eventSource", "iam.amazonaws.com")
IS_FAILED = {"field": "errorCode", "exists": True}


def test_a_predicate_needs_the_strings_without_which_it_cannot_match() -> None:
    for node, expected in (
        (IS_LOGIN, exactly("eventName", "ConsoleLogin")),
        (
            {"field": "a.b", "equals_ignore_case": ["x", "y"]},
            frozenset(RequiredText("a.b", text, ignore_case=True) for text in "xy"),
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
    ):
        assert needs(node) == expected


def test_all_needs_what_its_most_selective_child_needs() -> None:
    for children, most_selective in (
        ([IS_IAM, IS_ROOT, equal("eventName", *"abcdefgh")], 2),
        ([IS_IAM, IS_ROOT], 1),
        ([IS_IN_EITHER_REGION, IS_IAM], 1),
        ([IS_IAM, equal("recipientAccountId", "111111111111")], 0),
        ([{"any": [IS_LOGIN, IS_IAM]}, IS_ROOT], 1),
    ):
        assert needs({"all": children}) == needs(children[most_selective])


def test_a_detection_is_a_candidate_only_if_the_record_has_what_it_needs() -> None:
    predicates = [IS_LOGIN, {"all": [IS_ROOT, IS_FAILED]}, {"not": IS_LOGIN}]
    detections = [detection(name=f"n{i}", predicate=node) for i, node in enumerate(predicates)]
    index = Ruleset.of(detections).index

    assert index.candidates(record()) == {0, 1, 2}
    assert index.candidates(record(eventName="CheckMfa")) == {1, 2}
    assert index.candidates({}) == {2}


def test_a_detection_that_ignores_case_is_a_candidate_in_any_case() -> None:
    node = {"field": "eventName", "equals_ignore_case": ["consolelogin"]}
    index = Ruleset.of([detection(predicate=node)]).index

    assert index.candidates(record(eventName="CONSOLELogin")) == {0}
    assert index.candidates(record(eventName="CheckMfa")) == frozenset()
    assert index.candidates(record(eventName=["consolelogin"])) == frozenset()
