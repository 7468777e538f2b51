"""A detection's `samples.yml`: a base record and named cases that change it.

A case takes the base, or the record of the case above that `like` names, removes and sets fields,
or brings a whole record. docs/detections.md describes the format.
"""

import copy
import json
import re
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode

from compiler.errors import DetectionError

FILE = "samples.yml"
EXPECTATIONS = {"match": True, "no_match": False}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CASE_KEYS = ("expect", "why", "like", "set", "remove", "record")
_JSON_TYPES = ("null", "bool", "int", "float", "str", "seq", "map")
_LONGEST_QUOTE = 60  # characters of a value that a message repeats
_STEP = r'(?:"[^"]+"|[^."]+)'  # quoted where the field's name contains a dot
_PATH = re.compile(rf"{_STEP}(?:\.{_STEP})*")

type _Path = tuple[str, ...]
type _Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A CloudTrail record and whether the detection must match it."""

    name: str
    matches: bool
    why: str
    record: _Record


@dataclass(frozen=True, slots=True)
class _Key:
    """A place in the file, which errors name."""

    detection: str
    path: str = ""

    def child(self, name: str) -> "_Key":
        return _Key(self.detection, f"{self.path}.{name}" if self.path else name)

    def error(self, got: str, expected: str) -> DetectionError:
        where = f"{FILE}: {self.path}" if self.path else FILE
        return DetectionError(self.detection, where, f"got {got}, expected {expected}")

    def mapping(self, value: Any, keys: tuple[str, ...] = ()) -> _Record:
        """The value if it is a mapping, not empty, with no keys but these."""
        if not isinstance(value, dict) or not value:
            raise self.error(_shown(value), "a mapping with at least one key")
        unknown = [key for key in value if keys and key not in keys]
        if unknown:
            raise self.error(f"the key {_shown(unknown[0])}", f"one of {', '.join(keys)}")
        return value


def read_samples(folder: Path) -> tuple[Sample, ...]:
    """The cases of the detection in the folder, in the file's order. Raises DetectionError."""
    try:
        with (folder / FILE).open(encoding="utf-8") as file:
            document = yaml.load(file, _Loader)  # noqa: S506  a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DetectionError(folder.name, FILE, str(error)) from error
    return expand(folder.name, document)


def expand(detection: str, document: Any) -> tuple[Sample, ...]:
    root = _Key(detection)
    content = root.mapping(document, ("base", "cases"))
    base = root.child("base").mapping(content.get("base"))
    cases = root.child("cases").mapping(content.get("cases"))
    samples: dict[str, Sample] = {}
    for name, case in cases.items():
        samples[name] = _sample(root.child("cases").child(name), name, case, base, samples)
    return tuple(samples.values())


def _sample(key: _Key, name: str, case: Any, base: _Record, above: dict[str, Sample]) -> Sample:
    if not _NAME.fullmatch(name):
        raise key.error(_shown(name), "a name of a-z, 0-9 and _, a letter first")
    case = key.mapping(case, _CASE_KEYS)
    expect, why = case.get("expect"), case.get("why")
    if not isinstance(expect, str) or expect not in EXPECTATIONS:
        raise key.child("expect").error(_shown(expect), " or ".join(EXPECTATIONS))
    if not isinstance(why, str) or not why.strip():
        raise key.child("why").error(_shown(why), "a sentence that explains the expectation")
    record = _record(key, case, base, above)
    return Sample(name=name, matches=EXPECTATIONS[expect], why=why, record=record)


def _record(key: _Key, case: _Record, base: _Record, above: dict[str, Sample]) -> _Record:
    if "record" in case:
        if others := [name for name in ("like", "set", "remove") if name in case]:
            raise key.error(f"record and {others[0]}", "a whole record or overrides, not both")
        return copy.deepcopy(key.child("record").mapping(case["record"]))
    if "like" not in case:
        return _overridden(key, case, base)
    like = case["like"]
    if not isinstance(like, str) or like not in above:
        raise key.child("like").error(_shown(like), "the name of a case above this one")
    return _overridden(key, case, above[like].record)


def _overridden(key: _Key, case: _Record, original: _Record) -> _Record:
    record = copy.deepcopy(original)
    removed, values = _removed(key.child("remove"), case), _set(key.child("set"), case)
    _refuse_overlaps(key, [*removed, *(path for path, _ in values)])
    for path in removed:
        _remove(key.child("remove"), record, path)
    for path, value in values:
        _put(key.child("set"), record, path, value)
    return record


def _removed(key: _Key, case: _Record) -> list[_Path]:
    if "remove" not in case:
        return []
    paths = case["remove"]
    if not isinstance(paths, list) or not paths:
        raise key.error(_shown(paths), "a list of at least one path")
    return [_steps(key, path) for path in paths]


def _set(key: _Key, case: _Record) -> list[tuple[_Path, Any]]:
    if "set" not in case:
        return []
    return [(_steps(key, path), value) for path, value in key.mapping(case["set"]).items()]


def _remove(key: _Key, record: _Record, path: _Path) -> None:
    parent = _parent(key, record, path)
    if path[-1] not in parent:
        names = ", ".join(parent) or "none"
        raise key.error(f"{_written(path)}, which is absent", f"a field of the record: {names}")
    del parent[path[-1]]


def _put(key: _Key, record: _Record, path: _Path, value: Any) -> None:
    parent = _parent(key, record, path)
    if path[-1] in parent and _canonical(parent[path[-1]]) == _canonical(value):
        got = f"{_written(path)}: {_shown(value)}, which the record already holds"
        raise key.error(got, "another value")
    parent[path[-1]] = copy.deepcopy(value)


def _steps(key: _Key, path: Any) -> _Path:
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        expected = 'a path such as a.b, or a."b.c" for a field whose name contains a dot'
        raise key.error(_shown(path), expected)
    return tuple(step.strip('"') for step in re.findall(_STEP, path))


def _refuse_overlaps(key: _Key, paths: list[_Path]) -> None:
    """Overrides of separate fields: their order makes no difference."""
    for first, second in pairwise(sorted(paths)):
        if second[: len(first)] == first:
            got = f"two overrides of {_written(first)}"
            raise key.error(got, "each field to be set or removed once")


def _parent(key: _Key, record: _Record, path: _Path) -> _Record:
    """The object around the field. It must exist, so that a misspelled path is an error."""
    parent = record
    for depth, step in enumerate(path[:-1], start=1):
        inner = parent.get(step)
        if not isinstance(inner, dict):
            kind = _shortened(_canonical(inner)) if step in parent else "absent"
            expected = f"a field of an object, but {_written(path[:depth])} is {kind}"
            raise key.error(_written(path), expected)
        parent = inner
    return parent


def _written(path: _Path) -> str:
    return ".".join(f'"{step}"' if "." in step else step for step in path)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)  # true is not 1, and 1 is not 1.0


def _shown(value: Any) -> str:
    return "nothing" if value is None else _shortened(json.dumps(value, ensure_ascii=False))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"


class _Loader(yaml.CSafeLoader):
    """YAML with JSON's values: `Yes`, `1.2.0` and a time are text, and no key repeats."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's class attribute
    yaml_constructors = {  # noqa: RUF012  PyYAML's class attribute
        tag: constructor
        for tag, constructor in yaml.CSafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in _JSON_TYPES
    }

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"got the key {key!r}, expected text: put it in quotes"
                raise ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                problem = f"got the key {key!r} twice, expected it once"
                raise ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"null|", ["n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
    )
