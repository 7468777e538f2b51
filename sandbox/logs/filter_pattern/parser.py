"""Recursive descent from the tokens of a filter pattern to its syntax tree.

    pattern    = "{" or "}"
    or         = and *( "||" and )
    and        = condition *( "&&" condition )
    condition  = "(" or ")" / selector test
    test       = operator value / "IS" ("NULL" / "TRUE" / "FALSE") / "NOT" "EXISTS"

Source: "Using filter patterns to match terms in JSON log events" in the CloudWatch Logs guide.
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from sandbox.logs.filter_pattern.nodes import (
    And,
    AnyElement,
    AnyName,
    ArrayIndex,
    ComparisonOperator,
    Constant,
    Expression,
    IsConstant,
    Name,
    NotExists,
    NumberValue,
    NumberWildcard,
    Or,
    PropertySelector,
    RegexValue,
    Step,
    StringValue,
    Value,
    ValueComparison,
)
from sandbox.logs.filter_pattern.regex import UnsupportedRegexError, compile_regex
from sandbox.logs.filter_pattern.tokens import (
    FilterPatternError,
    Token,
    TokenKind,
    tokenize,
)

_STEP = re.compile(
    r"""
      \. (?: (?P<name>[A-Za-z0-9_-]+) | \['(?P<quoted>[^']+)'\] | (?P<any_name>\*) )
    | \[ (?: (?P<index>0|[1-9][0-9]*) | (?P<any_element>\*) ) \]
    """,
    re.VERBOSE,
)


def parse_selector(pattern: str, token: Token) -> PropertySelector:
    """Raises FilterPatternError at the first invalid step."""
    steps: list[Step] = []
    offset = 1
    while offset < len(token.text) or not steps:
        match = _match_step(pattern, token, offset, PropertySelector(tuple(steps)))
        steps.append(_step(match))
        offset = match.end()
    return PropertySelector(tuple(steps))


def has_wildcard(selector: PropertySelector) -> bool:
    return any(isinstance(step, AnyName | AnyElement) for step in selector.steps)


def _match_step(pattern: str, token: Token, offset: int, before: PropertySelector) -> re.Match[str]:
    match = _STEP.match(token.text, offset)
    if match is None:
        reason = "expected .name, .['dotted.name'], .*, [index] or [*] here"
    elif not before.steps and match[0].startswith("["):
        reason = "a selector starts with '$.': an index follows a property"
    elif (match["any_name"] or match["any_element"]) and has_wildcard(before):
        reason = "at most one wildcard in a selector"
    else:
        return match
    raise FilterPatternError(pattern=pattern, position=token.position + offset, reason=reason)


def _step(match: re.Match[str]) -> Step:
    if match["any_name"]:
        return AnyName()
    if match["any_element"]:
        return AnyElement()
    if match["index"]:
        return ArrayIndex(int(match["index"]))
    return Name(match["name"] or match["quoted"])


_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
_NUMBER_WILDCARD = re.compile(r"-?[0-9]*\.?[0-9]*\*|\*[0-9]*\.?[0-9]*\*?")
_SIGN = re.compile("[+-]")


def parse_value(pattern: str, token: Token) -> Value:
    """Raises FilterPatternError."""
    match token.kind:
        case TokenKind.QUOTED:
            return StringValue(token.text[1:-1])
        case TokenKind.REGEX:
            return _regex(pattern, token)
        case TokenKind.WORD:
            return _unquoted(pattern, token)
        case _:
            raise FilterPatternError(
                pattern=pattern,
                position=token.position,
                reason=f"expected a value after the operator instead of {token}",
            )


def _regex(pattern: str, token: Token) -> RegexValue:
    source = token.text[1:-1]
    try:
        compile_regex(source)
    except UnsupportedRegexError as error:
        raise FilterPatternError(
            pattern=pattern, position=token.position + 1 + error.offset, reason=error.reason
        ) from error
    return RegexValue(source)


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
            reason=f"a value with '{sign[0]}' that is not a number must be in double quotes",
        )
    return StringValue(token.text)


def _number(pattern: str, token: Token) -> NumberValue:
    try:
        return NumberValue(Decimal(token.text))
    except InvalidOperation as error:
        raise FilterPatternError(
            pattern=pattern, position=token.position, reason="this number's exponent is too large"
        ) from error


MAX_CHARACTERS = 1024
MAX_WILDCARD_SELECTORS = 3
MAX_REGEXES = 2
# Not an AWS limit: it prevents a RecursionError.
MAX_NESTING = 50

_TESTS = "=, !=, <, <=, >, >=, IS or NOT EXISTS"


def parse_expression(pattern: str) -> Expression:
    """The expression between the braces. Raises FilterPatternError."""
    _refuse_other_forms(pattern)
    return _Parser(pattern).pattern()


def _refuse_other_forms(pattern: str) -> None:
    if len(pattern) > MAX_CHARACTERS:
        reason = f"{len(pattern)} characters: a pattern has at most {MAX_CHARACTERS}"
        raise FilterPatternError(pattern=pattern, position=MAX_CHARACTERS + 1, reason=reason)
    start = pattern.lstrip()
    if start.startswith("{"):
        return
    form = "a space-delimited" if start.startswith("[") else "a plain-text"
    reason = f"this is {form} pattern: the sandbox supports only JSON patterns, {{ ... }}"
    raise FilterPatternError(pattern=pattern, position=len(pattern) - len(start) + 1, reason=reason)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._tokens = tokenize(pattern)
        self._next = 0
        self._nesting = 0
        self._wildcard_selectors = 0
        self._regexes = 0

    def pattern(self) -> Expression:
        self._expect(TokenKind.OPEN_BRACE, "expected '{'")
        expression = self._or()
        self._expect(TokenKind.CLOSE_BRACE, "expected '&&', '||' or '}' instead of")
        self._expect(TokenKind.END, "the pattern ends at its '}', got")
        return expression

    def _or(self) -> Expression:
        operands = self._operands(self._and, TokenKind.OR)
        return operands[0] if len(operands) == 1 else Or(operands)

    def _and(self) -> Expression:
        operands = self._operands(self._condition, TokenKind.AND)
        return operands[0] if len(operands) == 1 else And(operands)

    def _operands(
        self, operand: Callable[[], Expression], separator: TokenKind
    ) -> tuple[Expression, ...]:
        operands = [operand()]
        while self._peek().kind is separator:
            self._advance()
            operands.append(operand())
        return tuple(operands)

    def _condition(self) -> Expression:
        if self._peek().kind is TokenKind.OPEN_PARENTHESIS:
            return self._parenthesized()
        token = self._expect(TokenKind.SELECTOR, "expected a selector ($.name) or '(' instead of")
        return self._test(self._selector(token))

    def _parenthesized(self) -> Expression:
        opening = self._advance()
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(opening, f"parentheses nested more than {MAX_NESTING} deep")
        expression = self._or()
        missing = f"expected '&&', '||' or the ')' for column {opening.position} instead of"
        self._expect(TokenKind.CLOSE_PARENTHESIS, missing)
        self._nesting -= 1
        return expression

    def _selector(self, token: Token) -> PropertySelector:
        selector = parse_selector(self._pattern, token)
        self._wildcard_selectors += has_wildcard(selector)
        if self._wildcard_selectors > MAX_WILDCARD_SELECTORS:
            reason = f"at most {MAX_WILDCARD_SELECTORS} wildcard selectors in a pattern"
            raise self._error(token, reason)
        return selector

    def _test(self, selector: PropertySelector) -> Expression:
        token = self._advance()
        if token.kind is TokenKind.OPERATOR:
            return self._comparison(selector, ComparisonOperator(token.text))
        if token.kind is TokenKind.WORD and token.text == "IS":
            return IsConstant(selector, self._constant())
        if token.kind is TokenKind.WORD and token.text == "NOT":
            return self._not_exists(selector)
        if token.kind is TokenKind.WORD and token.text == "EXISTS":
            reason = f"EXISTS is not supported: use {selector} = *"
            raise self._error(token, reason)
        raise self._error(token, f"expected {_TESTS} instead of {token}")

    def _constant(self) -> Constant:
        token = self._advance()
        if token.kind is TokenKind.WORD and token.text in Constant:
            return Constant(token.text)
        if token.kind is TokenKind.WORD and token.text == "NOT":
            raise self._error(token, "IS NOT is not supported")
        raise self._error(token, f"expected NULL, TRUE or FALSE instead of {token}")

    def _not_exists(self, selector: PropertySelector) -> NotExists:
        token = self._advance()
        if token.kind is not TokenKind.WORD or token.text != "EXISTS":
            raise self._error(token, f"expected EXISTS after NOT instead of {token}")
        return NotExists(selector)

    def _comparison(
        self, selector: PropertySelector, operator: ComparisonOperator
    ) -> ValueComparison:
        token = self._advance()
        value = parse_value(self._pattern, token)
        if operator not in (
            ComparisonOperator.EQUAL,
            ComparisonOperator.NOT_EQUAL,
        ) and not isinstance(value, NumberValue):
            reason = f"'{operator}' compares numbers only, written without quotes and wildcards"
            raise self._error(token, reason)
        self._count_regex(token, value)
        return ValueComparison(selector, operator, value)

    def _count_regex(self, token: Token, value: Value) -> None:
        self._regexes += isinstance(value, RegexValue)
        if self._regexes > MAX_REGEXES:
            reason = f"at most {MAX_REGEXES} regular expressions in a pattern"
            raise self._error(token, reason)

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        """The next token, repeatedly the one at the end."""
        token = self._peek()
        if token.kind is not TokenKind.END:
            self._next += 1
        return token

    def _expect(self, kind: TokenKind, otherwise: str) -> Token:
        token = self._advance()
        if token.kind is not kind:
            raise self._error(token, f"{otherwise} {token}")
        return token

    def _error(self, token: Token, reason: str) -> FilterPatternError:
        return FilterPatternError(pattern=self._pattern, position=token.position, reason=reason)
