"""Text with wildcards and policy variables."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

type Context = Mapping[str, tuple[str, ...]]
"""Condition keys in lower case with their values, without keys that have no value."""

_TOKEN = re.compile(r"\$\{(?P<variable>[^}]*)\}|(?P<wildcard>[*?])|(?P<text>[^*?$]+|\$)")
_VARIABLE = re.compile(r"(?P<key>[\w-]+:[^\s,'${}]+)(?:\s*,\s*'(?P<default>[^']*)')?")
_LITERAL_VARIABLES = ("*", "?", "$")
_COLONS_IN_ARN = 5  # arn:partition:service:region:account:resource; the resource may contain more


class PolicyWildcard(StrEnum):
    RUN = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    key: str  # in lower case
    default: str | None


type Part = str | PolicyWildcard | Variable


@dataclass(frozen=True, slots=True)
class Template:
    parts: tuple[Part, ...]

    def missing_variables(self, context: Context) -> Iterator[str]:
        """The keys of variables without a value. A multivalued key has none."""
        for part in self.parts:
            if isinstance(part, Variable) and _value(part, context) is None:
                yield part.key


def parse_template(text: str, *, variables: bool, wildcards: bool) -> Template:
    """`ValueError`: a variable is malformed."""
    if not variables:
        return Template(tuple(_wildcards_of(text)) if wildcards else (text,))
    if re.search(r"\$\{[^}]*$", text):
        raise ValueError(f"{text!r}: a policy variable has no closing brace")
    return Template(tuple(_part(token, wildcards=wildcards) for token in _TOKEN.finditer(text)))


def matches(template: Template, text: str, context: Context, *, ignore_case: bool = False) -> bool:
    """Whether the whole text matches, with the literal values of variables."""
    if ignore_case:
        return _fullmatch((_fold(part) for part in _render(template, context)), text.lower())
    return _fullmatch(_render(template, context), text)


def matches_arn(template: Template, text: str, context: Context) -> bool:
    """As `matches`, but a wildcard matches within one part of the ARN only."""
    colons = 0
    expression = ""
    for part in _render(template, context):
        expression += _expression(part, "." if colons >= _COLONS_IN_ARN else "[^:]")
        colons += part.count(":")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _wildcards_of(text: str) -> Iterator[Part]:
    for piece in re.split(r"([*?])", text):
        yield PolicyWildcard(piece) if piece in tuple(PolicyWildcard) else piece


def _part(token: re.Match[str], *, wildcards: bool) -> Part:
    if token["variable"] is not None:
        return _variable(token["variable"])
    return PolicyWildcard(token[0]) if token["wildcard"] and wildcards else token[0]


def _variable(body: str) -> Part:
    if body in _LITERAL_VARIABLES:
        return body
    found = _VARIABLE.fullmatch(body)
    if found is None:
        raise ValueError(f"${{{body}}} is not a policy variable")
    return Variable(found["key"].lower(), found["default"])


def _value(variable: Variable, context: Context) -> str | None:
    values = context.get(variable.key, ())
    return values[0] if len(values) == 1 else variable.default


def _render(template: Template, context: Context) -> Iterator[str | PolicyWildcard]:
    for part in template.parts:
        if not isinstance(part, Variable):
            yield part
            continue
        value = _value(part, context)
        if value is None:
            raise KeyError(part.key)
        yield value


def _fold(part: str | PolicyWildcard) -> str | PolicyWildcard:
    return part if isinstance(part, PolicyWildcard) else part.lower()


def _fullmatch(parts: Iterator[str | PolicyWildcard], text: str) -> bool:
    expression = "".join(_expression(part, ".") for part in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _expression(part: str | PolicyWildcard, one: str) -> str:
    if isinstance(part, PolicyWildcard):
        return f"{one}*" if part is PolicyWildcard.RUN else one
    return re.escape(part)
