"""A parsed event pattern: alternatives, each a tree of fields with their tests.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address


@dataclass(frozen=True, slots=True)
class Is:
    value: str | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Like:
    """A string of these pieces, with any characters between them: `a*` is `a` and an empty one."""

    pieces: tuple[str, ...]
    ignore_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """A bound that is None is none."""

    low: Decimal | None = None
    low_open: bool = False
    high: Decimal | None = None
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """From the first to the last address, both included."""

    first: IPv4Address | IPv6Address
    last: IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Exists:
    wanted: bool


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """A value of any type for which none of the tests holds."""

    tests: tuple["Comparison", ...]


type Comparison = Is | Like | Between | Address | AnythingBut
type Test = Comparison | Exists


@dataclass(frozen=True, slots=True)
class Field:
    """One test must hold."""

    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """All members must match; where the event has an array, within one of its elements."""

    members: tuple[tuple[str, "Field | Group"], ...]
