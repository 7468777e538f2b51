r"""A rule's texts and regular expressions in the dialect that filter patterns take between `%`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html
That page leaves open whether `.` fits a line break and which blanks `\s` fits, so that neither is
written here: character classes say it.
"""

import re
from collections.abc import Iterator
from string import ascii_letters

from compiler.cloudwatch.expression import UnsayableError
from compiler.conditions import Text, Wildcard

ANY_CHARACTER = r"[\s\S]"
_ANY_RUN = f"{ANY_CHARACTER}*"
_NO_LINE_BREAK = r"[^\x0A]"
_BLANKS = r" \x09-\x0D"  # what Python's \s fits
_CLASSES = {r"\d", r"\D", r"\w", r"\W"}  # what they fit is documented
_OPERATORS = frozenset("][^$?{}|\\*+.")
_LITERAL = re.compile(r"[A-Za-z0-9:_#=@/;, -]")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_MOST_REPEATS = 999
_TOKEN = re.compile(
    r"""
      (?P<quantifier> (?: [*+?] | \{(?!\})(?P<least>\d*)(?P<comma>,)?(?P<most>\d*)\} )
                      (?P<mode>[?+])? )
    | (?P<character_class> \[ (?P<negated>\^)? (?P<members> \]? (?:\\.|[^\]\\])* ) \] )
    | (?P<escape> \\ (?: x(?P<hex>[0-9A-Fa-f]{2}) | . ) )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_MEMBER = re.compile(r"\\x[0-9A-Fa-f]{2}|\\.|.", re.DOTALL)


def text_regex(field: str, text: Text) -> str:
    """Fits exactly the whole strings that the text fits. Raises UnsayableError."""
    body = [_part(field, part, cased=text.cased) for part in text.parts]
    if body[:1] == [_ANY_RUN]:
        body[0] = ""
    else:
        body.insert(0, "^")
    if body[-1] == _ANY_RUN:
        body[-1] = ""
    else:
        body.append("$")
    return "".join(body)


def python_regex(field: str, source: str, flags: frozenset[str]) -> str:
    """Found in exactly the strings in which Python finds the source, its classes ASCII.

    Raises UnsayableError.
    """
    return "".join(_Translation(field, source, flags).tokens())


def _part(field: str, part: str | Wildcard, *, cased: bool) -> str:
    if isinstance(part, Wildcard):
        return _ANY_RUN if part is Wildcard.MANY else ANY_CHARACTER
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
    reason = f"{character!r}: a filter pattern's regular expressions hold ASCII characters only"
    raise UnsayableError(field, reason)


class _Translation:
    def __init__(self, field: str, source: str, flags: frozenset[str]) -> None:
        self._field = field
        self._source = source
        self._flags = flags

    def tokens(self) -> Iterator[str]:
        begins = True  # an alternative
        for match in _TOKEN.finditer(self._source):
            yield self._token(match, begins=begins)
            begins = match[0] == "|"
        if begins:
            raise self._refusal("an empty alternative")

    def _token(self, match: re.Match[str], *, begins: bool) -> str:
        if match["quantifier"]:
            return self._quantifier(match)
        if match["character_class"]:
            return self._character_class(match)
        if match["escape"]:
            return self._escape(match)
        if match[0] == "|" and begins:
            raise self._refusal("an empty alternative")
        return self._single(match)

    def _single(self, match: re.Match[str]) -> str:
        match match[0]:
            case "|":
                return "|"
            case "^" | "$":
                return self._anchor(match)
            case "(":
                raise self._refusal("parentheses: write alternatives out, and flags as `|re|i`")
            case ".":
                return ANY_CHARACTER if "s" in self._flags else _NO_LINE_BREAK
            case character:
                return self._character(character)

    def _anchor(self, match: re.Match[str]) -> str:
        if "m" in self._flags:
            raise self._refusal("the flag m, with which ^ and $ stand at line breaks")
        if match[0] == "^":
            return "^"
        if self._source[match.end() : match.end() + 1] not in {"", "|"}:
            raise self._refusal("$ before something else")
        return r"\x0A?$"  # Python's also stands before a last line break

    def _quantifier(self, match: re.Match[str]) -> str:
        """A search finds the same with a lazy quantifier as with a greedy one."""
        if match["mode"] == "+":
            raise self._refusal("possessive quantifiers")
        if not match[0].startswith("{"):
            return match[0][0]
        least, most = match["least"] or "0", match["most"]
        if max(int(least), int(most or 0)) > _MOST_REPEATS:
            raise self._refusal(f"more than {_MOST_REPEATS} repeats")
        return f"{{{least},{most}}}" if match["comma"] else f"{{{least}}}"

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
                return f"[{_BLANKS}]"
            case "S":
                return f"[^{_BLANKS}]"
        return self._character(self._escaped(match[0]))

    def _escaped(self, escape: str) -> str:
        """The one character that a backslash and what follows stand for."""
        escaped = escape[1:]
        if len(escaped) > 1:  # xhh
            return chr(int(escaped[1:], 16))
        if escaped in _CONTROLS:
            return _CONTROLS[escaped]
        if escaped.isascii() and escaped.isalnum():
            raise self._refusal(f"the escape {escape}")
        return escaped

    def _character(self, character: str) -> str:
        return _character(self._field, character, cased="i" not in self._flags)

    def _character_class(self, match: re.Match[str]) -> str:
        if match[0] == ANY_CHARACTER:
            return match[0]
        members = _MEMBER.findall(match["members"])
        if r"\S" in members:
            raise self._refusal(r"\S beside others in a character class")
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
            return _BLANKS
        character = self._plain(member)
        both = [*self._other_case(character, character)]
        return self._listed(character) + "".join(self._listed(one) for one, _ in both)

    def _plain(self, member: str) -> str:
        return self._escaped(member) if member.startswith("\\") else member

    def _listed(self, character: str) -> str:
        return r"\x2D" if character == "-" else _literal(self._field, character)

    def _refusal(self, what: str) -> UnsayableError:
        return UnsayableError(
            self._field, f"a filter pattern's regular expressions do not support {what}"
        )
