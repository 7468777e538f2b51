"""What may stand to the right of an operator: a string, a number, a wildcard or a regex."""

import re
from decimal import Decimal, InvalidOperation

from sandbox.logs.filter_pattern.errors import FilterPatternError, UnsupportedRegexError
from sandbox.logs.filter_pattern.nodes import Number, NumberWildcard, Regex, Text, Value
from sandbox.logs.filter_pattern.regex import compile_regex
from sandbox.logs.filter_pattern.tokens import Kind, Token

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
_NUMBER_WILDCARD = re.compile(r"-?[0-9]*\.?[0-9]*\*|\*[0-9]*\.?[0-9]*\*?")
_SIGN = re.compile("[+-]")


def parse_value(pattern: str, token: Token) -> Value:
    """Raises FilterPatternError where the token is no value."""
    match token.kind:
        case Kind.QUOTED:
            return Text(token.text[1:-1])
        case Kind.REGEX:
            return _regex(pattern, token)
        case Kind.WORD:
            return _unquoted(pattern, token)
        case _:
            raise FilterPatternError(
                pattern=pattern,
                position=token.position,
                reason=f"expected a value after the operator instead of {token}",
            )


def _regex(pattern: str, token: Token) -> Regex:
    source = token.text[1:-1]
    try:
        compile_regex(source)
    except UnsupportedRegexError as error:
        raise FilterPatternError(
            pattern=pattern, position=token.position + 1 + error.offset, reason=error.reason
        ) from error
    return Regex(source)


def _unquoted(pattern: str, token: Token) -> Value:
    if _NUMBER.fullmatch(token.text):
        return _number(pattern, token)
    if _NUMBER_WILDCARD.fullmatch(token.text):
        return NumberWildcard(token.text)
    sign = _SIGN.search(token.text)
    if sign:
        raise FilterPatternError(
            pattern=pattern,
            position=token.position + sign.start(),
            reason=f"a value that contains '{sign[0]}' and is no number must be in double quotes",
        )
    return Text(token.text)


def _number(pattern: str, token: Token) -> Number:
    try:
        return Number(Decimal(token.text))
    except InvalidOperation as error:
        raise FilterPatternError(
            pattern=pattern, position=token.position, reason="this number's exponent is too large"
        ) from error
