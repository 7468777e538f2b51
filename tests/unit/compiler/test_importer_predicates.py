"""Renders conditions as importer predicates, and evaluates them with the importer."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import catalog
from compiler import predicate as importer
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
    Wildcard,
)
from compiler.samples import read_samples
from functions.finding_importer.matching.predicate import compile_predicate
from functions.finding_importer.matching.rules import Ruleset
from tests.unit.compiler.evaluation import SHIPPED

MANY, ONE = Wildcard.MANY, Wildcard.ONE


def is_text(*parts: str | Wildcard, cased: bool = True) -> FieldEquals:
    return FieldEquals("a", (StringPattern(parts, cased=cased),))


def holds(condition: ConditionTree, value: Any) -> bool:
    """Evaluate the rendered predicate with the importer."""
    node = json.loads(json.dumps(importer.predicate(condition)))
    return compile_predicate(node, "p")({"a": value})


def test_every_condition_has_a_node() -> None:
    cases: list[tuple[ConditionTree, dict[str, Any]]] = [
        (is_text("Root"), {"field": "a", "equals": ["Root"]}),
        (is_text("Root", cased=False), {"field": "a", "equals_ignore_case": ["root"]}),
        (is_text(MANY), {"field": "a", "regex": [r"(?s)\A.*\Z"]}),
        (is_text("a", MANY, "b."), {"field": "a", "regex": [r"(?s)\Aa.*b\.\Z"]}),
        (is_text(MANY, "a", MANY), {"field": "a", "regex": [r"(?s)\A(?>.*?a).*\Z"]}),
        (is_text("a", ONE, cased=False), {"field": "a", "regex": [r"(?is)\Aa.\Z"]}),
        (is_text("日A", cased=False), {"field": "a", "regex": [r"(?is)\A日A\Z"]}),
        (FieldMatchesRegex("a", "^x"), {"field": "a", "regex": ["^x"]}),
        (
            FieldMatchesRegex("a", "^x|y", frozenset("msi")),
            {"field": "a", "regex": ["(?ims)^x|y"]},
        ),
        (FieldCompares("a", "=", 5), {"field": "a", "eq": 5}),
        (FieldCompares("a", "<", 5.5), {"field": "a", "lt": 5.5}),
        (FieldCompares("a", "<=", 5), {"field": "a", "lte": 5}),
        (FieldCompares("a", ">", 5), {"field": "a", "gt": 5}),
        (FieldCompares("a", ">=", 5), {"field": "a", "gte": 5}),
        (FieldIsBoolean("a", value=False), {"field": "a", "is": False}),
        (FieldIsNull("a"), {"field": "a", "null": True}),
        (FieldExists("a"), {"field": "a", "exists": True}),
        (
            AllOf((FieldIsNull("a"), Not(AnyOf((FieldExists("b"), FieldIsNull("c")))))),
            {
                "all": [
                    {"field": "a", "null": True},
                    {
                        "not": {
                            "any": [{"field": "b", "exists": True}, {"field": "c", "null": True}]
                        }
                    },
                ]
            },
        ),
    ]
    for condition, expected in cases:
        assert importer.predicate(condition) == expected


def test_patterns_of_several_kinds_become_one_node_for_each_kind() -> None:
    texts = (
        StringPattern(("x", MANY)),
        StringPattern(("Y",)),
        StringPattern(("Z",), cased=False),
        StringPattern((MANY, "w"), cased=False),
        StringPattern(("V",)),
    )

    assert importer.predicate(FieldEquals("a", texts)) == {
        "any": [
            {"field": "a", "regex": [r"(?s)\Ax.*\Z", r"(?is)\A.*w\Z"]},
            {"field": "a", "equals": ["Y", "V"]},
            {"field": "a", "equals_ignore_case": ["z"]},
        ]
    }


def test_patterns_and_regexes_match_as_the_condition_does() -> None:
    cases: list[tuple[ConditionTree, Any, bool]] = [
        (is_text("a", MANY), "a", True),
        (is_text("a", MANY), "a\nb\n", True),
        (is_text("a", MANY), "ba", False),
        (is_text(MANY, "a"), "ba", True),
        (is_text(MANY, "a"), "ba\n", False),
        (is_text(MANY, "a", MANY, "a"), "a", False),
        (is_text(MANY, "a", MANY, "a"), "aa", True),
        (is_text("a", ONE, "b"), "a\nb", True),
        (is_text("a", ONE, "b"), "ab", False),
        (is_text("*"), "*", True),
        (is_text("*"), "x", False),
        (is_text("*", MANY), "*x", True),
        (is_text("*", MANY), "xx", False),
        (is_text("a.b", MANY), "aXb", False),
        (is_text(MANY), "", True),
        (is_text(MANY), None, False),
        (is_text("A", MANY, cased=False), "abc", True),
        (is_text("k", MANY, cased=False), "\N{KELVIN SIGN}", False),
        (is_text("日Ab", cased=False), "日aB", True),
        (is_text("K日", cased=False), "\N{KELVIN SIGN}日", False),
        (FieldMatchesRegex("a", "(?x) a b"), "xaby", True),
        (FieldMatchesRegex("a", "(?x) a b", frozenset("i")), "xABy", True),
        (FieldMatchesRegex("a", "^b$", frozenset("m")), "a\nb", True),
    ]
    for condition, value, expected in cases:
        assert holds(condition, value) is expected


@given(
    st.lists(st.sampled_from(["a", "b", "[", MANY, ONE]), max_size=7),
    st.text(alphabet="ab[\n", max_size=9),
)
def test_wildcards_match_as_those_of_a_shell(parts: list[str | Wildcard], value: str) -> None:
    symbols = {MANY: "*", ONE: "?", "[": "[[]"}
    pattern = "".join(symbols.get(part, part) for part in parts)  # type: ignore[arg-type]  # No wildcard remains.

    assert holds(is_text(*parts), value) is fnmatchcase(value, pattern)


@given(st.text(max_size=6), st.text(max_size=6))
def test_only_the_case_of_ascii_letters_is_ignored(text: str, value: str) -> None:
    condition = is_text(text, cased=False)

    assert holds(condition, text)
    assert holds(condition, value) is (lowercase_ascii(value) == lowercase_ascii(text))


def lowercase_ascii(text: str) -> str:
    return re.sub("[A-Z]", lambda match: match[0].lower(), text)


def test_the_importer_loads_the_catalog_and_matches_its_samples() -> None:
    detections = SHIPPED
    ruleset = Ruleset.load(importer.document(detections))

    assert [one.name for one in ruleset.detections] == [one.name for one in detections]
    for one in detections:
        for sample in read_samples(one.folder):
            names = [match.name for match in ruleset.matching(sample.record)]
            assert (one.name in names) is sample.matches, f"{one.name}: {sample.name}"


def test_the_document_has_priority_and_compliance() -> None:
    [entry] = [
        entry
        for entry in json.loads(importer.document(SHIPPED))
        if entry["name"] == "root_console_login_without_mfa"
    ]

    assert entry["priority"] == "high"
    assert {
        "framework": "CIS AWS Foundations Benchmark",
        "version": "5.0.0",
        "controls": ["1.4", "1.6"],
    } in entry["compliance"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (None, "detections"),
        ("https://git.example.com/detections", "https://git.example.com/detections"),
        ("https://git.example.com/detections/", "https://git.example.com/detections"),
    ],
)
def test_the_document_has_the_location_of_each_runbook(base: str | None, expected: str) -> None:
    detections = SHIPPED
    runbooks = {
        entry["name"]: entry["runbook"] for entry in json.loads(importer.document(detections, base))
    }

    assert runbooks["root_console_login_without_mfa"] == (
        f"{expected}/root_console_login_without_mfa/runbook.md"
    )
    assert runbooks["cis_root_usage"] == (
        f"{expected}/cis_aws_foundations/cis_root_usage/runbook.md"
    )
    root = catalog.CATALOG
    paths = (runbook.removeprefix(f"{expected}/") for runbook in runbooks.values())
    assert all((root / path).is_file() for path in paths)
