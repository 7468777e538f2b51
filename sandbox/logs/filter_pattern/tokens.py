"""The tokens of a filter pattern with their columns, and the error that names a column."""

import re
from dataclasses import dataclass
from enum import Enum


class FilterPatternError(ValueError):
    """PutMetricFilter and PutSubscriptionFilter reject the pattern, or AWS does not document it.

    `position` is a column counted from 1; at the end of the pattern it is one more.
    """

    def __init__(self, *, pattern: str, position: int, reason: str) -> None:
        self.pattern = pattern
        self.position = position
        self.reason = reason
        shown = "".join(char if char.isprintable() else " " for char in pattern)
        caret = " " * (position - 1) + "^"
        super().__init__(f"filter pattern, column {position}: {reason}\n  {shown}\n  {caret}")


class TokenKind(Enum):
    OPEN_BRACE = "'{'"
    CLOSE_BRACE = "'}'"
    OPEN_PARENTHESIS = "'('"
    CLOSE_PARENTHESIS = "')'"
    AND = "'&&'"
    OR = "'||'"
    OPERATOR = "an operator"
    SELECTOR = "a selector"
    QUOTED = "a quoted value"
    REGEX = "a regular expression"
    WORD = "a word"
    END = "the end of the pattern"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` includes quotes and percent signs; `position` is a column counted from 1."""

    kind: TokenKind
    text: str
    position: int

    def __str__(self) -> str:
        return self.kind.value if self.kind is TokenKind.END else f"'{self.text}'"


_SPACE = re.compile(" *")
_TOKEN = re.compile(
    r"""
      (?P<OPEN_BRACE>\{)
    | (?P<CLOSE_BRACE>\})
    | (?P<OPEN_PARENTHESIS>\()
    | (?P<CLOSE_PARENTHESIS>\))
    | (?P<AND>&&)
    | (?P<OR>\|\|)
    | (?P<OPERATOR>[<>!]=|[=<>])
    | (?P<SELECTOR>\$(?:\['[^'\x00-\x1f]*'\]|[^\s=!<>(){}&|"%$])*)
    | (?P<QUOTED>"[^"\\\x00-\x1f\x7f]*")
    | (?P<REGEX>%[^%]*%)
    | (?P<WORD>[A-Za-z0-9_.*+-]+)
    """,
    re.VERBOSE,
)
_REFUSED_IN_QUOTES = re.compile(r'"[^"\\\x00-\x1f\x7f]*(?=[\\\x00-\x1f\x7f])')
_TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb"
_REASONS = {
    '"': "this quoted value is not closed",
    "%": "this regular expression is not closed by a second '%'",
    "&": "got '&', expected '&&' for AND",
    "|": "got '|', expected '||' for OR",
    "!": "got '!', expected the operator '!='",
    "'": "values are quoted with double quotes",
} | dict.fromkeys(_TYPOGRAPHIC_QUOTES, 'a typographic quote: use the straight one, "')


def tokenize(pattern: str) -> tuple[Token, ...]:
    """Raises FilterPatternError at the first character that starts no token."""
    tokens = []
    offset = _skip_spaces(pattern, 0)
    while offset < len(pattern):
        match = _TOKEN.match(pattern, offset)
        if match is None or match.lastgroup is None:
            raise _unreadable(pattern, offset)
        tokens.append(Token(TokenKind[match.lastgroup], match[0], offset + 1))
        offset = _skip_spaces(pattern, match.end())
    return (*tokens, Token(TokenKind.END, "", len(pattern) + 1))


def _skip_spaces(pattern: str, offset: int) -> int:
    match = _SPACE.match(pattern, offset)
    return match.end() if match else offset


def _unreadable(pattern: str, offset: int) -> FilterPatternError:
    char = pattern[offset]
    refused = _refused_in_quotes(pattern, offset) if char == '"' else None
    if refused is not None:
        return FilterPatternError(
            pattern=pattern,
            position=refused + 1,
            reason=f"{pattern[refused]!r} in a quoted value: AWS does not document how it is read",
        )
    reason = _REASONS.get(char, f"a value that contains {char!r} must be in double quotes")
    if char.isspace():
        reason = "only spaces separate the parts of a pattern, on one line"
    return FilterPatternError(pattern=pattern, position=offset + 1, reason=reason)


def _refused_in_quotes(pattern: str, opening: int) -> int | None:
    match = _REFUSED_IN_QUOTES.match(pattern, opening)
    return match.end() if match else None
