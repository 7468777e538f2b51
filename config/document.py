"""A YAML file as data, with the line and the source text of each value."""

import json
import reprlib
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.errors import ConfigError, Problem

type KeyPath = tuple[str | int, ...]

_MAX_QUOTE = 60  # characters of a value in a message
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}
_COLLECTIONS = {f"tag:yaml.org,2002:{name}" for name in ("seq", "map")}


class _ConfigLoader(yaml.SafeLoader):
    """YAML with the types of JSON: keys and dates are text, and `<<` is an unknown key."""

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's class attribute
        first: [pair for pair in pairs if pair[0] in _TAGS]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {  # noqa: RUF012  PyYAML's class attribute
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag in _TAGS | _COLLECTIONS
    }

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        if not isinstance(node, MappingNode):
            raise ConstructorError(None, None, "expected a mapping", node.start_mark)
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise ConstructorError(None, None, "expected plain text as the key", key.start_mark)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_object(self, node: Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's signature
        try:
            return super().construct_object(node, deep=deep)
        except (LookupError, ValueError) as error:  # of `!!bool x` and `!!int x`
            problem = f"got {node.value!r}, expected {node.tag.rpartition(':')[2]}"
            raise ConstructorError(None, None, problem, node.start_mark) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    data: dict[str, Any]
    root: MappingNode
    text: str

    def line(self, path: KeyPath) -> int:
        """The line of the value, or of the innermost existing collection around it."""
        return _innermost(self.root, path).start_mark.line + 1

    def source(self, path: KeyPath) -> str:
        """The source text of the value, shortened."""
        return self._written(_innermost(self.root, path), self._value(path))

    def repeated_keys(self) -> tuple[Problem, ...]:
        return tuple(self._repeated(self.root, (), set()))

    def _value(self, path: KeyPath) -> Any:
        value: Any = self.data
        for part in path:
            value = value[part]
        return value

    def _written(self, node: Node, value: Any) -> str:
        if not isinstance(node, ScalarNode):
            return _shortened(reprlib.repr(value))
        written = self.text[node.start_mark.index : node.end_mark.index]
        return _shortened(" ".join(written.split())) or "null"

    def _repeated(self, node: Node, path: KeyPath, seen: set[int]) -> Iterator[Problem]:
        if isinstance(node, ScalarNode) or id(node) in seen:  # `seen` contains aliases
            return
        seen.add(id(node))
        first: dict[str | int, int] = {}
        for part, line, child in _children(node):
            here = (*path, part)
            if part in first:
                expected = f"each key once; line {first[part]} has it, too"
                value = self._written(child, self._value(path)[part])
                yield Problem(key=key_text(here), line=line, value=value, expected=expected)
            first.setdefault(part, line)
            yield from self._repeated(child, here, seen)


def read(text: str, path: Path) -> Document:
    """Raises ConfigError if the text is not one YAML document with a mapping."""
    try:
        root, data = _composed(text)
    except yaml.YAMLError as error:
        raise ConfigError(path, f"is not valid YAML: {_syntax_problem(error, text)}") from error
    if data is None:
        raise ConfigError(
            path, "is empty, expected a mapping; start with a copy of config/minimal.yaml"
        )
    if not isinstance(root, MappingNode):
        kind = "a list" if isinstance(root, SequenceNode) else "a single value"
        reason = f"got {kind} at the top level, expected a mapping as in config/minimal.yaml"
        raise ConfigError(path, reason)
    return Document(data=data, root=root, text=text)


def key_text(path: KeyPath) -> str:
    """notifications.emails[0] for ('notifications', 'emails', 0)."""
    text = ""
    for part in path:
        plain = isinstance(part, str) and part.replace("-", "_").isidentifier()
        text += f".{part}" if plain else f"[{json.dumps(part)}]"
    return text.removeprefix(".")


def _composed(text: str) -> tuple[Node | None, Any]:
    loader = _ConfigLoader(text)
    try:
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _syntax_problem(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position].split("\n")
        return f"line {len(before)}, column {len(before[-1]) + 1}: {error.reason}"
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error)
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + ", ".join(part for part in (error.context, error.problem) if part)


def _children(node: Node) -> Iterator[tuple[str | int, int, Node]]:
    """Key or index, line and value of each entry."""
    if isinstance(node, MappingNode):
        yield from ((key.value, key.start_mark.line + 1, value) for key, value in node.value)
    elif isinstance(node, SequenceNode):
        yield from ((i, item.start_mark.line + 1, item) for i, item in enumerate(node.value))


def _innermost(node: Node, path: KeyPath) -> Node:
    for part in path:
        # The data has the last value of a repeated key.
        values = [value for key, _, value in _children(node) if key == part]
        if not values:
            break
        node = values[-1]
    return node


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_QUOTE else text[: _MAX_QUOTE - 1] + "…"
