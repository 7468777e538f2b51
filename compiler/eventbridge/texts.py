"""What two texts with wildcards have in common: event patterns cannot test one field twice."""

import re
from functools import lru_cache
from string import ascii_letters, ascii_lowercase, ascii_uppercase

from compiler.conditions import Text, Wildcard

MANY = "\ud800"  # a `*` among letters: a lone surrogate, which no rule and no record holds
LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
CHARACTERS = 400  # of two texts together that are merged; that many have been needed by no rule
OVERLAPS = 100  # more would hardly fit into an event pattern


class UnsayableError(ValueError):
    """No event pattern says it; the message says what."""


def ignores_case(text: Text) -> bool:
    """Whether it fits another spelling than its own."""
    return not text.cased and _has_letters(text)


def covers(wide: Text, narrow: Text) -> bool:
    """Whether each string that fits `narrow` fits `wide`."""
    if wide.cased and _has_letters(wide) and ignores_case(narrow):
        return False
    if ignores_case(wide):
        return _fits(_marked(wide).translate(LOWER), _marked(narrow).translate(LOWER))
    return _fits(_marked(wide), _marked(narrow))


def are_disjoint(one: Text, other: Text) -> bool:
    """Whether no string fits both."""
    first, second = _spelt(one, other)
    if MANY not in first or MANY not in second:
        return not (_fits(first, second) or _fits(second, first))
    # Where beginnings and ends agree, a string that has the parts of both between them fits both.
    heads = first.split(MANY)[0], second.split(MANY)[0]
    tails = first.split(MANY)[-1], second.split(MANY)[-1]
    length, end = min(map(len, heads)), min(map(len, tails))
    return heads[0][:length] != heads[1][:length] or (
        tails[0][len(tails[0]) - end :] != tails[1][len(tails[1]) - end :]
    )


def common_texts(one: Text, other: Text) -> tuple[Text, ...]:
    """Texts that together fit just the strings that fit both. UnsayableError if that is no text."""
    for wide, narrow in ((one, other), (other, one)):
        if covers(wide, narrow):
            return (narrow,)
    if are_disjoint(one, other):
        return ()
    cases = {text.cased for text in (one, other) if _has_letters(text)}
    if len(cases) > 1:
        reason = f"{shown(one)} and {shown(other)}, the one with case and the other without"
        raise UnsayableError(reason)
    spelt = _spelt(one, other)
    if sum(map(len, spelt)) > CHARACTERS:
        reason = f"{shown(one)} and {shown(other)} have more than {CHARACTERS} characters together"
        raise UnsayableError(reason)
    overlaps = sorted(_overlaps(*spelt), key=lambda marked: (len(marked), marked))
    return tuple(_text(marked, cased=cases != {False}) for marked in overlaps)


def shown(text: Text) -> str:
    """As a Sigma rule has it."""
    spelt = (part.value if isinstance(part, Wildcard) else part for part in text.parts)
    return f"'{''.join(spelt)}'"


def _has_letters(text: Text) -> bool:
    return not set(ascii_letters).isdisjoint("".join(text.strings))


def _spelt(one: Text, other: Text) -> tuple[str, str]:
    """Both marked, and in small letters if one of them ignores case."""
    if ignores_case(one) or ignores_case(other):
        return _marked(one).translate(LOWER), _marked(other).translate(LOWER)
    return _marked(one), _marked(other)


@lru_cache(maxsize=100_000)
def _overlaps(one: str, other: str) -> frozenset[str]:
    """The marked texts that together fit what fits both.

    `*a*` and `*b*` overlap in `*a*b*` and `*b*a*`, `ab*` and `*bc` in `ab*bc` and `abc`.
    """
    if not one or not other:
        return frozenset({""} if set(one + other) <= {MANY} else ())
    if one[0] == other[0] == MANY:  # a common run, then one of the two goes on
        return _widest(_led(MANY, _overlaps(one[1:], other) | _overlaps(one, other[1:])))
    if other[0] == MANY:
        return _overlaps(other, one)
    if one[0] == MANY:
        return _widest(_overlaps(one[1:], other) | _led(other[0], _overlaps(one, other[1:])))
    return _led(one[0], _overlaps(one[1:], other[1:])) if one[0] == other[0] else frozenset()


def _led(letter: str, texts: frozenset[str]) -> frozenset[str]:
    """Each text with the letter before it, but no two `*` in a row."""
    return frozenset(letter + (text.lstrip(MANY) if letter == MANY else text) for text in texts)


def _widest(texts: frozenset[str]) -> frozenset[str]:
    """Without those that another one covers."""
    if len(texts) > OVERLAPS:
        raise UnsayableError(f"two texts with wildcards overlap in more than {OVERLAPS} ways")
    return frozenset(
        one for one in texts if not any(_fits(wide, one) for wide in texts if wide != one)
    )


def _fits(wide: str, narrow: str) -> bool:
    """A `*` in the narrow text is fitted by one in the wide text only."""
    regex = ".*".join(map(re.escape, wide.split(MANY)))
    return re.fullmatch(regex, narrow, re.DOTALL) is not None


def _marked(text: Text) -> str:
    return "".join(MANY if isinstance(part, Wildcard) else part for part in text.parts)


def _text(marked: str, *, cased: bool) -> Text:
    parts = re.split(f"({MANY})", marked)
    return Text(tuple(Wildcard.MANY if part == MANY else part for part in parts if part), cased)
