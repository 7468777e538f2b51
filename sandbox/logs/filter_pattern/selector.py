"""Property selectors: `$.users[0].email`, `$.['dotted.name']`, `$.list[*]`, `$.*`."""

import re

from sandbox.logs.filter_pattern.errors import FilterPatternError
from sandbox.logs.filter_pattern.nodes import AnyElement, AnyName, Index, Name, Selector, Step
from sandbox.logs.filter_pattern.tokens import Token

_STEP = re.compile(
    r"""
      \. (?: (?P<name>[A-Za-z0-9_-]+) | \['(?P<quoted>[^']+)'\] | (?P<any_name>\*) )
    | \[ (?: (?P<index>0|[1-9][0-9]*) | (?P<any_element>\*) ) \]
    """,
    re.VERBOSE,
)


def parse_selector(pattern: str, token: Token) -> Selector:
    """Raises FilterPatternError at the step that is wrong, or at a wildcard too many."""
    steps: list[Step] = []
    offset = 1
    while offset < len(token.text) or not steps:
        match = _match_step(pattern, token, offset, Selector(tuple(steps)))
        steps.append(_step(match))
        offset = match.end()
    return Selector(tuple(steps))


def has_wildcard(selector: Selector) -> bool:
    return any(isinstance(step, AnyName | AnyElement) for step in selector.steps)


def _match_step(pattern: str, token: Token, offset: int, before: Selector) -> re.Match[str]:
    match = _STEP.match(token.text, offset)
    if match is None:
        reason = "expected .name, .['dotted.name'], .*, [index] or [*] here"
    elif not before.steps and match[0].startswith("["):
        reason = "a selector begins with '$.': an index follows a property"
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
        return Index(int(match["index"]))
    return Name(match["name"] or match["quoted"])
