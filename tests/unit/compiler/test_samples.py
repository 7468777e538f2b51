"""The expansion of `samples.yml`: base and cases to whole records, and its errors."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from compiler.errors import DetectionError
from compiler.samples import expand, read_samples
from tests.unit.compiler.evaluation import SHIPPED

BASE: dict[str, Any] = {
    "eventName": "ConsoleLogin",
    "readOnly": True,
    "version": 1,
    "requestParameters": None,
    "userIdentity": {"type": "Root", "tags": {"a.b": "dotted", "c": "plain"}},
}
CASE: dict[str, Any] = {"expect": "match", "why": "Because."}


def case(**overrides: Any) -> dict[str, Any]:
    return CASE | overrides


def record(**overrides: Any) -> dict[str, Any]:
    """The base with the overrides of one case."""
    [sample] = expand("one", {"base": BASE, "cases": {"drawn": case(**overrides)}})
    return sample.record


def file(folder: Path, text: str) -> Path:
    (folder / "samples.yml").write_text(text, "utf-8")
    return folder


def test_a_case_without_overrides_is_the_base_record() -> None:
    assert record() == BASE


def test_expectation_reason_and_order_are_kept() -> None:
    cases = {"second": case(), "first": case(expect="no_match", why="Not this one.")}
    second, first = expand("one", {"base": BASE, "cases": cases})

    assert (second.name, second.matches, second.why) == ("second", True, "Because.")
    assert (first.name, first.matches, first.why) == ("first", False, "Not this one.")


def test_fields_are_set_and_removed_by_path() -> None:
    changed = record(
        set={"userIdentity.type": "IAMUser", "awsRegion": "us-east-1", "readOnly": None},
        remove=["eventName", "userIdentity.tags.c"],
    )

    assert changed == {
        "readOnly": None,
        "version": 1,
        "requestParameters": None,
        "userIdentity": {"type": "IAMUser", "tags": {"a.b": "dotted"}},
        "awsRegion": "us-east-1",
    }


def test_a_field_whose_name_contains_a_dot_is_quoted() -> None:
    tags = record(set={'userIdentity.tags."a.b"': "x", '"x.y"': 1})

    assert tags["userIdentity"]["tags"] == {"a.b": "x", "c": "plain"}
    assert tags["x.y"] == 1
    assert record(remove=['userIdentity.tags."a.b"'])["userIdentity"]["tags"] == {"c": "plain"}


def test_an_object_is_replaced_as_a_whole() -> None:
    assert record(set={"userIdentity": {"type": "AWSService"}})["userIdentity"] == {
        "type": "AWSService"
    }


def test_values_of_another_type_are_a_change() -> None:
    assert record(set={"readOnly": 1})["readOnly"] is not True
    assert isinstance(record(set={"version": 1.0})["version"], float)


def test_a_case_may_build_on_a_case_above() -> None:
    cases = {"first": case(set={"a": 1}), "second": case(like="first", set={"b": 2})}
    _, second = expand("one", {"base": BASE, "cases": cases})

    assert second.record == BASE | {"a": 1, "b": 2}


def test_a_case_may_bring_a_whole_record() -> None:
    assert record(record={"eventName": "DeleteTrail"}) == {"eventName": "DeleteTrail"}


def test_cases_share_no_objects() -> None:
    """Nor with the document: YAML's aliases share objects."""
    shared = {"type": "Root"}
    document = {
        "base": {"userIdentity": shared},
        "cases": {
            "base": case(),
            "like": case(like="base"),
            "set": case(set={"other": shared}),
            "record": case(record={"userIdentity": shared}),
        },
    }
    before = copy.deepcopy(document)
    samples = expand("one", document)
    for sample in samples:
        for value in sample.record.values():
            assert value == {"type": "Root"}, sample.name
            value["type"] = "changed"

    assert document == before


def test_values_are_read_as_in_json(tmp_path: Path) -> None:
    text = """
base: {time: 2026-03-14T15:09:26Z, day: 2026-03-14, mfa: Yes, off: off, version: 1.2.0,
  account: 0123, number: 12, float: 1e3, "true": true, none: null, empty: }
cases: {one: {expect: match, why: It is read.}}
"""
    [sample] = read_samples(file(tmp_path, text))

    assert sample.record == {
        "time": "2026-03-14T15:09:26Z",
        "day": "2026-03-14",
        "mfa": "Yes",
        "off": "off",
        "version": "1.2.0",
        "account": "0123",
        "number": 12,
        "float": 1000.0,
        "true": True,
        "none": None,
        "empty": None,
    }


@pytest.mark.parametrize("indent", [None, 4])
def test_a_record_may_be_pasted_as_json(tmp_path: Path, indent: int | None) -> None:
    """Without indentation: YAML ignores the indentation of braces."""
    pasted = {**BASE, "text": 'quotes " and \\ and / and é', "list": [1, 2.5, False, {}, []]}
    text = f"""
base: {{eventName: other}}
cases:
  pasted:
    expect: match
    why: It is pasted.
    record: {json.dumps(pasted, indent=indent)}
  next: {{expect: no_match, why: The base., set: {{a: b}}}}
"""
    first, second = read_samples(file(tmp_path, text))

    assert first.record == pasted
    assert second.record == {"eventName": "other", "a": "b"}


def cases(**content: Any) -> dict[str, Any]:
    return {"base": BASE, "cases": content}


def one_case(**overrides: Any) -> dict[str, Any]:
    return cases(one=case(**overrides))


REJECTED: dict[str, tuple[Any, str, str]] = {
    "no content": (None, "samples.yml", "got nothing, expected a mapping"),
    "a list": ([BASE], "samples.yml", "expected a mapping with at least one key"),
    "an unknown key": (
        {"base": BASE, "cases": {"one": case()}, "case": {}},
        "samples.yml",
        'got the key "case", expected one of base, cases',
    ),
    "no base": ({"cases": {"one": case()}}, "samples.yml: base", "got nothing"),
    "a base that is a list": (
        {"base": [], "cases": {"one": case()}},
        "samples.yml: base",
        "got [], expected a mapping",
    ),
    "no cases": ({"base": BASE}, "samples.yml: cases", "got nothing"),
    "a case without content": (cases(one=None), "samples.yml: cases.one", "got nothing"),
    "a name in capitals": (
        {"base": BASE, "cases": {"One": case()}},
        "samples.yml: cases.One",
        'got "One", expected a name of a-z, 0-9 and _',
    ),
    "a name with a hyphen": (
        {"base": BASE, "cases": {"a-b": case()}},
        "samples.yml: cases.a-b",
        'got "a-b", expected a name of a-z, 0-9 and _',
    ),
    "an unknown key of a case": (
        one_case(expected="match"),
        "samples.yml: cases.one",
        'got the key "expected", expected one of expect, why, like, set, remove, record',
    ),
    "no expectation": (
        cases(one={"why": "Because."}),
        "samples.yml: cases.one.expect",
        "got nothing, expected match or no_match",
    ),
    "a wrong expectation": (
        one_case(expect="no-match"),
        "samples.yml: cases.one.expect",
        'got "no-match", expected match or no_match',
    ),
    "an expectation that is a list": (
        one_case(expect=["match"]),
        "samples.yml: cases.one.expect",
        'got ["match"], expected match or no_match',
    ),
    "no reason": (
        cases(one={"expect": "match"}),
        "samples.yml: cases.one.why",
        "got nothing, expected a sentence",
    ),
    "a blank reason": (one_case(why=" "), "samples.yml: cases.one.why", 'got " "'),
    "a reason that is a number": (one_case(why=5), "samples.yml: cases.one.why", "got 5"),
    "an unknown case to build on": (
        one_case(like="two"),
        "samples.yml: cases.one.like",
        'got "two", expected the name of a case above this one',
    ),
    "a case below": (
        cases(one=case(like="two"), two=case()),
        "samples.yml: cases.one.like",
        'got "two"',
    ),
    "itself": (one_case(like="one"), "samples.yml: cases.one.like", 'got "one"'),
    "several cases to build on": (
        one_case(like=["one"]),
        "samples.yml: cases.one.like",
        'got ["one"]',
    ),
    "a record and overrides": (
        one_case(record=BASE, set={"a": 1}),
        "samples.yml: cases.one",
        "got record and set, expected a whole record or overrides, not both",
    ),
    "a record and another case": (
        cases(one=case(), two=case(record=BASE, like="one")),
        "samples.yml: cases.two",
        "got record and like",
    ),
    "a record that is text": (one_case(record="{}"), "samples.yml: cases.one.record", 'got "{}"'),
    "a record without fields": (one_case(record={}), "samples.yml: cases.one.record", "got {}"),
    "fields to remove that are no list": (
        one_case(remove="eventName"),
        "samples.yml: cases.one.remove",
        'got "eventName", expected a list of at least one path',
    ),
    "no field to remove": (one_case(remove=[]), "samples.yml: cases.one.remove", "got []"),
    "no field to set": (one_case(set={}), "samples.yml: cases.one.set", "got {}"),
    "an unknown field to remove": (
        one_case(remove=["eventname"]),
        "samples.yml: cases.one.remove",
        "got eventname, which is absent, expected a field of the record: eventName, readOnly",
    ),
    "an unknown inner field to remove": (
        one_case(remove=["userIdentity.arn"]),
        "samples.yml: cases.one.remove",
        "got userIdentity.arn, which is absent, expected a field of the record: type, tags",
    ),
    "a field of an unknown object": (
        one_case(set={"userIdentiy.type": "Root"}),
        "samples.yml: cases.one.set",
        "got userIdentiy.type, expected a field of an object, but userIdentiy is absent",
    ),
    "a field of null": (
        one_case(set={"requestParameters.name": "x"}),
        "samples.yml: cases.one.set",
        "got requestParameters.name, expected a field of an object, but requestParameters is null",
    ),
    "a field of text": (
        one_case(remove=["userIdentity.type.x"]),
        "samples.yml: cases.one.remove",
        'expected a field of an object, but userIdentity.type is "Root"',
    ),
    "a value that the base has": (
        one_case(set={"readOnly": True}),
        "samples.yml: cases.one.set",
        "got readOnly: true, which the record already holds, expected another value",
    ),
    "an object that the base has, in another order": (
        one_case(set={"userIdentity.tags": {"c": "plain", "a.b": "dotted"}}),
        "samples.yml: cases.one.set",
        "which the record already holds",
    ),
    "a field set twice": (
        one_case(set={"userIdentity": {}, "userIdentity.type": "x"}),
        "samples.yml: cases.one",
        "got two overrides of userIdentity, expected each field to be set or removed once",
    ),
    "a field and then its object": (
        one_case(set={"userIdentity.type": "x", "version": 2, "userIdentity": {}}),
        "samples.yml: cases.one",
        "got two overrides of userIdentity",
    ),
    "a field set and removed": (
        one_case(set={"readOnly": False}, remove=["readOnly"]),
        "samples.yml: cases.one",
        "got two overrides of readOnly",
    ),
    "a field removed in two spellings": (
        one_case(remove=["readOnly", '"readOnly"']),
        "samples.yml: cases.one",
        "got two overrides of readOnly",
    ),
    "an empty step": (
        one_case(set={"userIdentity..type": 1}),
        "samples.yml: cases.one.set",
        'expected a path such as a.b, or a."b.c" for a field whose name contains a dot',
    ),
    "a path that is a number": (
        one_case(remove=[5]),
        "samples.yml: cases.one.remove",
        "got 5, expected a path",
    ),
}


@pytest.mark.parametrize(("document", "where", "reason"), REJECTED.values(), ids=REJECTED)
def test_an_error_names_place_value_and_expectation(document: Any, where: str, reason: str) -> None:
    with pytest.raises(DetectionError) as rejected:
        expand("rejected", document)

    assert (rejected.value.detection, rejected.value.where) == ("rejected", where)
    assert reason in rejected.value.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("base: {a: 1}\nbase: {a: 2}", "got the key 'base' twice, expected it once"),
        ("cases:\n  one: {}\n  two: {}\n  one: {}", "got the key 'one' twice"),
        ("base: {1: a}", "got the key 1, expected text"),
        ("base: {a: 1}\ncases: {one: }}", "line 2, column 15"),
        ("base: !!binary aGk=", "could not determine a constructor"),
        ("base: !!timestamp 2026-03-14", "could not determine a constructor"),
        ("base: !!python/object:os.system x", "could not determine a constructor"),
    ],
)
def test_a_file_that_cannot_be_read_is_rejected_with_its_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(DetectionError, match=r"samples\.yml") as rejected:
        read_samples(file(tmp_path, text))

    assert reason in rejected.value.reason


def test_a_missing_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(DetectionError, match=r"samples\.yml: .*No such file"):
        read_samples(tmp_path)


def test_shipped_files_read_the_same_with_every_yaml_loader() -> None:
    """What YAML 1.1 takes for a boolean, a number or a date is quoted."""
    for one in SHIPPED:
        document = yaml.safe_load((one.folder / "samples.yml").read_text("utf-8"))
        assert expand(one.name, document) == read_samples(one.folder), one.name


def test_the_examples_in_the_documentation_are_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "detections.md").read_text("utf-8")
    _, _, section = page.partition("## Samples\n")
    whole, pasted, *_ = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    samples = read_samples(file(tmp_path, whole + pasted))

    assert [(one.name, one.matches) for one in samples] == [
        ("mfa_no", True),
        ("mfa_yes", False),
        ("mfa_absent", True),
        ("sign_in_of_an_iam_user", False),
    ]
    assert samples[-1].record["userIdentity"] == {"type": "IAMUser", "accountId": "444444444444"}


SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.text(max_size=3)
FIELDS = st.sampled_from(["a", "b", "ab", "a.b", "A", ".", "a b", "ä"])
RECORDS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    FIELDS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS, inner, max_size=3),
        max_leaves=6,
    ),
    min_size=1,
    max_size=4,
)


@given(RECORDS, RECORDS)
def test_overrides_lead_from_any_record_to_any_other(
    original: dict[str, Any], wanted: dict[str, Any]
) -> None:
    values, removed = overrides(original, wanted)
    changes = {
        **({"set": {written(path): value for path, value in values}} if values else {}),
        **({"remove": [written(path) for path in removed]} if removed else {}),
    }
    [sample] = expand("one", {"base": original, "cases": {"one": case(**changes)}})

    assert exactly(sample.record) == exactly(wanted)


@given(RECORDS, FIELDS, SCALARS)
def test_setting_a_new_field_and_removing_it_gives_the_base(
    original: dict[str, Any], name: str, value: Any
) -> None:
    base = {key: inner for key, inner in original.items() if key != name} | {"kept": 1}
    path = written((name,))
    drawn = {"one": case(set={path: value}), "two": case(like="one", remove=[path])}
    one, two = expand("one", {"base": base, "cases": drawn})

    assert exactly(one.record) == exactly(base | {name: value})
    assert exactly(two.record) == exactly(base)


@given(RECORDS, RECORDS, st.randoms())
def test_the_order_of_overrides_makes_no_difference(
    original: dict[str, Any], wanted: dict[str, Any], random: Any
) -> None:
    values, removed = overrides(original, wanted)
    random.shuffle(values)
    random.shuffle(removed)
    changes = {
        **({"set": {written(path): value for path, value in values}} if values else {}),
        **({"remove": [written(path) for path in removed]} if removed else {}),
    }
    [sample] = expand("one", {"base": original, "cases": {"one": case(**changes)}})

    assert exactly(sample.record) == exactly(wanted)


type Path_ = tuple[str, ...]


def overrides(
    original: dict[str, Any], wanted: dict[str, Any]
) -> tuple[list[tuple[Path_, Any]], list[Path_]]:
    """The values to set and the fields to remove that make one record of the other."""
    changes = list(differences(original, wanted, ()))
    values = [(path, value) for path, value, kept in changes if kept]
    return values, [path for path, _, kept in changes if not kept]


def differences(
    original: dict[str, Any], wanted: dict[str, Any], path: Path_
) -> Iterator[tuple[Path_, Any, bool]]:
    for key in original.keys() - wanted.keys():
        yield (*path, key), None, False
    for key, value in wanted.items():
        inner = original.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            yield from differences(inner, value, (*path, key))
        elif key not in original or exactly(inner) != exactly(value):
            yield (*path, key), value, True


def written(path: Path_) -> str:
    return ".".join(f'"{step}"' for step in path)


def exactly(value: Any) -> str:
    """Distinguishes true, 1 and 1.0."""
    return json.dumps(value, sort_keys=True)
