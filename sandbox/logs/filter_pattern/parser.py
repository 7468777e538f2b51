"""Recursive descent from the tokens of a filter pattern to its tree.

    pattern    = "{" or "}"
    or         = and *( "||" and )
    and        = condition *( "&&" condition )
    condition  = "(" or ")" / selector test
    test       = operator value / "IS" ("NULL" / "TRUE" / "FALSE") / "NOT" "EXISTS"

Rests on "Using filter patterns to match terms in JSON log events" in the CloudWatch Logs guide.
"""

from collections.abc import Callable

from sandbox.logs.filter_pattern.errors import FilterPatternError
from sandbox.logs.filter_pattern.nodes import (
    And,
    Comparison,
    Constant,
    Expression,
    IsConstant,
    NotExists,
    Number,
    Operator,
    Or,
    Regex,
    Selector,
    Value,
)
from sandbox.logs.filter_pattern.selector import has_wildcard, parse_selector
from sandbox.logs.filter_pattern.tokens import Kind, Token, tokenize
from sandbox.logs.filter_pattern.values import parse_value

MOST_CHARACTERS = 1024
MOST_WILDCARD_SELECTORS = 3
MOST_REGEXES = 2
# No limit of AWS's: it keeps the descent far from Python's recursion limit.
DEEPEST_NESTING = 50

_TESTS = "=, !=, <, <=, >, >=, IS or NOT EXISTS"


def parse_expression(pattern: str) -> Expression:
    """What stands between the braces. Raises FilterPatternError."""
    _refuse_other_forms(pattern)
    return _Parser(pattern).pattern()


def _refuse_other_forms(pattern: str) -> None:
    if len(pattern) > MOST_CHARACTERS:
        reason = f"{len(pattern)} characters: a pattern has at most {MOST_CHARACTERS}"
        raise FilterPatternError(pattern=pattern, position=MOST_CHARACTERS + 1, reason=reason)
    start = pattern.lstrip()
    if start.startswith("{"):
        return
    form = "a space-delimited" if start.startswith("[") else "a plain-text"
    reason = f"this is {form} pattern: only the JSON form, {{ ... }}, is supported"
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
        self._expect(Kind.OPEN_BRACE, "expected '{'")
        expression = self._or()
        self._expect(Kind.CLOSE_BRACE, "expected '&&', '||' or '}' instead of")
        self._expect(Kind.END, "the pattern ends at its '}', unexpected")
        return expression

    def _or(self) -> Expression:
        operands = self._operands(self._and, Kind.OR)
        return operands[0] if len(operands) == 1 else Or(operands)

    def _and(self) -> Expression:
        operands = self._operands(self._condition, Kind.AND)
        return operands[0] if len(operands) == 1 else And(operands)

    def _operands(
        self, operand: Callable[[], Expression], separator: Kind
    ) -> tuple[Expression, ...]:
        operands = [operand()]
        while self._peek().kind is separator:
            self._advance()
            operands.append(operand())
        return tuple(operands)

    def _condition(self) -> Expression:
        if self._peek().kind is Kind.OPEN_PARENTHESIS:
            return self._parenthesized()
        token = self._expect(Kind.SELECTOR, "expected a selector ($.name) or '(' instead of")
        return self._test(self._selector(token))

    def _parenthesized(self) -> Expression:
        opening = self._advance()
        self._nesting += 1
        if self._nesting > DEEPEST_NESTING:
            raise self._error(opening, f"parentheses nested more than {DEEPEST_NESTING} deep")
        expression = self._or()
        missing = f"expected '&&', '||' or the ')' for column {opening.position} instead of"
        self._expect(Kind.CLOSE_PARENTHESIS, missing)
        self._nesting -= 1
        return expression

    def _selector(self, token: Token) -> Selector:
        selector = parse_selector(self._pattern, token)
        self._wildcard_selectors += has_wildcard(selector)
        if self._wildcard_selectors > MOST_WILDCARD_SELECTORS:
            reason = f"at most {MOST_WILDCARD_SELECTORS} wildcard selectors in a pattern"
            raise self._error(token, reason)
        return selector

    def _test(self, selector: Selector) -> Expression:
        token = self._advance()
        if token.kind is Kind.OPERATOR:
            return self._comparison(selector, Operator(token.text))
        if token.kind is Kind.WORD and token.text == "IS":
            return IsConstant(selector, self._constant())
        if token.kind is Kind.WORD and token.text == "NOT":
            return self._not_exists(selector)
        if token.kind is Kind.WORD and token.text == "EXISTS":
            reason = f"EXISTS is not supported: {selector} = * tests presence"
            raise self._error(token, reason)
        raise self._error(token, f"expected {_TESTS} instead of {token}")

    def _constant(self) -> Constant:
        token = self._advance()
        if token.kind is Kind.WORD and token.text in Constant:
            return Constant(token.text)
        if token.kind is Kind.WORD and token.text == "NOT":
            raise self._error(token, "IS NOT is not supported")
        raise self._error(token, f"expected NULL, TRUE or FALSE instead of {token}")

    def _not_exists(self, selector: Selector) -> NotExists:
        token = self._advance()
        if token.kind is not Kind.WORD or token.text != "EXISTS":
            raise self._error(token, f"expected EXISTS after NOT instead of {token}")
        return NotExists(selector)

    def _comparison(self, selector: Selector, operator: Operator) -> Comparison:
        token = self._advance()
        value = parse_value(self._pattern, token)
        if operator not in (Operator.EQUAL, Operator.NOT_EQUAL) and not isinstance(value, Number):
            reason = f"'{operator}' compares numbers only, written without quotes and wildcards"
            raise self._error(token, reason)
        self._count_regex(token, value)
        return Comparison(selector, operator, value)

    def _count_regex(self, token: Token, value: Value) -> None:
        self._regexes += isinstance(value, Regex)
        if self._regexes > MOST_REGEXES:
            reason = f"at most {MOST_REGEXES} regular expressions in a pattern"
            raise self._error(token, reason)

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        """The next token; the end is never passed."""
        token = self._peek()
        if token.kind is not Kind.END:
            self._next += 1
        return token

    def _expect(self, kind: Kind, otherwise: str) -> Token:
        token = self._advance()
        if token.kind is not kind:
            raise self._error(token, f"{otherwise} {token}")
        return token

    def _error(self, token: Token, reason: str) -> FilterPatternError:
        return FilterPatternError(pattern=self._pattern, position=token.position, reason=reason)
