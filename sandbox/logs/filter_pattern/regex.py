"""The subset of regular expressions that filter patterns support, translated to Python.

The source is "Supported regular expressions (regex) syntax" in the CloudWatch Logs guide. Syntax
that the page does not name is refused: other escapes, lazy and stacked quantifiers, an empty
alternative, `[` in a character class.
"""

import re
from functools import lru_cache


class UnsupportedRegexError(ValueError):
    """A `%regex%` outside the documented subset; `offset` counts from 0 after the first `%`."""

    def __init__(self, *, offset: int, reason: str) -> None:
        self.offset = offset
        self.reason = reason
        super().__init__(reason)


_ESCAPE = r"\\(?:[dDsSwW]|x[0-7][0-9A-F]|[][^$?{}|\\*+.])"
_LITERAL = r"[A-Za-z0-9:_\#=@/;, -]"
_TOKEN = re.compile(
    rf"""
      (?P<anchor>[\^$])
    | (?P<quantifier>[?*+]|\{{(?:[0-9]{{1,3}}(?:,[0-9]{{0,3}})?|,[0-9]{{1,3}})\}})
    | (?P<alternative>\|)
    | (?P<character_class>\[\^?(?:{_ESCAPE}|{_LITERAL}|[\^$?{{}}|*+.])+\])
    | (?P<atom>{_ESCAPE}|{_LITERAL}|\.)
    """,
    re.VERBOSE,
)
_REPEATABLE = {"character_class", "atom"}


@lru_cache
def compile_regex(source: str) -> re.Pattern[str]:
    """The expression between the percent signs, which is not anchored.

    Raises UnsupportedRegexError.
    """
    translated = _translate(source)
    try:
        return re.compile(translated, re.ASCII)
    except re.PatternError as error:
        raise UnsupportedRegexError(offset=0, reason=f"regular expression: {error.msg}") from error


def _translate(source: str) -> str:
    translated = []
    before = None
    offset = 0
    while offset < len(source):
        match = _match_part(source, offset, before)
        translated.append(_in_python(match))
        before = match.lastgroup
        offset = match.end()
    if before in (None, "alternative"):
        raise UnsupportedRegexError(offset=offset, reason="an empty regular expression")
    return "".join(translated)


def _match_part(source: str, offset: int, before: str | None) -> re.Match[str]:
    match = _TOKEN.match(source, offset)
    if match is None:
        reason = _unreadable(source[offset])
    elif match["quantifier"] and before not in _REPEATABLE:
        reason = f"'{match[0]}' has nothing to repeat"
    elif match["alternative"] and before in (None, "alternative"):
        reason = "an empty alternative before '|'"
    elif match["character_class"] and "--" in match[0]:
        reason = "'--' in a character class is ambiguous"
    else:
        return match
    raise UnsupportedRegexError(offset=offset, reason=reason)


def _unreadable(char: str) -> str:
    if char in "()":
        return "parentheses are not supported in a regular expression"
    if not char.isascii():
        return "multi-byte characters are not supported in a regular expression"
    if char in "[]{}\\":
        return f"'{char}' starts no syntax that filter patterns support in a regular expression"
    return f"{char!r} is not supported in a regular expression: write \\x{ord(char):02X}"


def _in_python(match: re.Match[str]) -> str:
    if match[0] == "$":
        return r"\Z"  # In Python, $ also matches before a final line break.
    if match["character_class"]:
        return re.sub(r"(?<!\\)\|", r"\|", match[0])  # Python warns of || in a class.
    return match[0]
