r"""A rule's strings and regular expressions in the regex syntax of filter patterns.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html
That page does not state whether `.` matches a line break and which characters `\s` matches. The
output therefore uses character classes instead.
"""

import re
from collections.abc import Iterator
from string import ascii_letters

from compiler.conditions import StringPattern, Wildcard
from compiler.errors import UnsupportedConditionError

_ANY_CHARACTER = r"[\s\S]"
_ANY_CHARACTERS = f"{_ANY_CHARACTER}*"
_NO_LINE_BREAK = r"[^\x0A]"
_WHITESPACE = r" \x09-\x0D"  # Python's \s with ASCII classes
_CLASSES = {r"\d", r"\D", r"\w", r"\W"}  # the documentation defines them
_OPERATORS = frozenset("][^$?{}|\\*+.")
_LITERAL = re.compile(r"[A-Za-z0-9:_#=@/;, -]")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_MAX_REPEATS = 999
_TOKEN = re.compile(
    r"""
      (?P<quantifier> (?: [*+?] | \{(?!\})(?P<min>\d*)(?P<comma>,)?(?P<max>\d*)\} )
                      (?P<mode>[?+])? )
    | (?P<character_class> \[ (?P<negated>\^)? (?P<members> \]? (?:\\.|[^\]\\])* ) \] )
    | (?P<escape> \\ (?: x(?P<hex>[0-9A-Fa-f]{2}) | . ) )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_MEMBER = re.compile(r"\\x[0-9A-Fa-f]{2}|\\.|.", re.DOTALL)


def string_regex(field: str, pattern: StringPattern) -> str:
    """Matches the strings that the pattern matches. Raises UnsupportedConditionError."""
    parts = [_part(field, part, cased=pattern.cased) for part in pattern.parts]
    if parts[:1] == [_ANY_CHARACTERS]:
        parts[0] = ""
    else:
        parts.insert(0, "^")
    if parts[-1] == _ANY_CHARACTERS:
        parts[-1] = ""
    else:
        parts.append("$")
    return "".join(parts)


def translate_regex(field: str, source: str, flags: frozenset[str]) -> str:
    """Matches the strings in which Python's `re.search` with ASCII classes finds the source.

    Raises UnsupportedConditionError.
    """
    return "".join(_RegexTranslator(field, source, flags).tokens())


def _part(field: str, part: str | Wildcard, *, cased: bool) -> str:
    if isinstance(part, Wildcard):
        return _ANY_CHARACTERS if part is Wildcard.MANY else _ANY_CHARACTER
    return "".join(_character(field, character, cased=cased) for character in part)


def _character(field: str, character: str, *, cased: bool) -> str:
    if cased or character not in ascii_letters:
        return _literal(field, character)
    return f"[{character.lower()}{character.upper()}]"


def _literal(field: str, character: str) -> str:
    if character in _OPERATORS:
        return f"\\{character}"
    if _LITERAL.fullmatch(character):
        return character
    if character.isascii():
        return f"\\x{ord(character):02X}"
    raise _unsupported(field, f"{character!r}, only ASCII characters")


def _unsupported(field: str, what: str) -> UnsupportedConditionError:
    reason = f"the regular expressions of filter patterns do not support {what}"
    return UnsupportedConditionError(field, reason)


class _RegexTranslator:
    def __init__(self, field: str, source: str, flags: frozenset[str]) -> None:
        self._field = field
        self._source = source
        self._flags = flags

    def tokens(self) -> Iterator[str]:
        at_start = True  # of an alternative
        for match in _TOKEN.finditer(self._source):
            yield self._token(match, at_start=at_start)
            at_start = match[0] == "|"
        if at_start:
            raise self._unsupported("an empty alternative")

    def _token(self, match: re.Match[str], *, at_start: bool) -> str:
        if match["quantifier"]:
            return self._quantifier(match)
        if match["character_class"]:
            return self._character_class(match)
        if match["escape"]:
            return self._escape(match)
        if match[0] == "|" and at_start:
            raise self._unsupported("an empty alternative")
        return self._single(match)

    def _single(self, match: re.Match[str]) -> str:
        match match[0]:
            case "|":
                return "|"
            case "^" | "$":
                return self._anchor(match)
            case "(":
                raise self._unsupported(
                    "parentheses: write each alternative in full, and flags as `|re|i`"
                )
            case ".":
                return _ANY_CHARACTER if "s" in self._flags else _NO_LINE_BREAK
            case character:
                return self._character(character)

    def _anchor(self, match: re.Match[str]) -> str:
        if "m" in self._flags:
            raise self._unsupported("^ and $ with the flag m")
        if match[0] == "^":
            return "^"
        if self._source[match.end() : match.end() + 1] not in {"", "|"}:
            raise self._unsupported("$ before other characters")
        return r"\x0A?$"  # Python's $ also matches before a final line break

    def _quantifier(self, match: re.Match[str]) -> str:
        """A lazy quantifier becomes a greedy one: a search finds the same strings."""
        if match["mode"] == "+":
            raise self._unsupported("possessive quantifiers")
        if not match[0].startswith("{"):
            return match[0][0]
        low, high = match["min"] or "0", match["max"]
        if max(int(low), int(high or 0)) > _MAX_REPEATS:
            raise self._unsupported(f"more than {_MAX_REPEATS} repetitions")
        return f"{{{low},{high}}}" if match["comma"] else f"{{{low}}}"

    def _escape(self, match: re.Match[str]) -> str:
        escaped = match[0][1:]
        match escaped:
            case "A":
                return "^"
            case "Z":
                return "$"
            case "d" | "D" | "w" | "W":
                return match[0]
            case "s":
                return f"[{_WHITESPACE}]"
            case "S":
                return f"[^{_WHITESPACE}]"
        return self._character(self._escaped(match[0]))

    def _escaped(self, escape: str) -> str:
        """The character that an escape sequence denotes."""
        escaped = escape[1:]
        if len(escaped) > 1:  # xhh
            return chr(int(escaped[1:], 16))
        if escaped in _CONTROLS:
            return _CONTROLS[escaped]
        if escaped.isascii() and escaped.isalnum():
            raise self._unsupported(f"the escape {escape}")
        return escaped

    def _character(self, character: str) -> str:
        return _character(self._field, character, cased="i" not in self._flags)

    def _character_class(self, match: re.Match[str]) -> str:
        if match[0] == _ANY_CHARACTER:
            return match[0]
        members = _MEMBER.findall(match["members"])
        if r"\S" in members:
            raise self._unsupported(r"\S with other members in a character class")
        listed = []
        while members:
            is_range = len(members) > 2 and members[1] == "-"  # noqa: PLR2004  a, - and b
            listed.append(self._range(members) if is_range else self._member(members[0]))
            del members[: 3 if is_range else 1]
        return f"[{match['negated'] or ''}{''.join(listed)}]"

    def _range(self, members: list[str]) -> str:
        first, last = (self._plain(member) for member in (members[0], members[2]))
        spans = [(first, last), *self._other_case(first, last)]
        return "".join(f"{self._listed(one)}-{self._listed(other)}" for one, other in spans)

    def _other_case(self, first: str, last: str) -> Iterator[tuple[str, str]]:
        for a, z in ("az", "AZ") if "i" in self._flags else ():
            if first <= z and last >= a:
                yield max(first, a).swapcase(), min(last, z).swapcase()

    def _member(self, member: str) -> str:
        if member in _CLASSES:
            return member
        if member == r"\s":
            return _WHITESPACE
        character = self._plain(member)
        both = [*self._other_case(character, character)]
        return self._listed(character) + "".join(self._listed(one) for one, _ in both)

    def _plain(self, member: str) -> str:
        return self._escaped(member) if member.startswith("\\") else member

    def _listed(self, character: str) -> str:
        return r"\x2D" if character == "-" else _literal(self._field, character)

    def _unsupported(self, what: str) -> UnsupportedConditionError:
        return _unsupported(self._field, what)
