"""Conditions: how quick, lenient and consistent the sandbox is.

`docs/sandbox.md` has a table of AWS's worst conditions, with the source of each.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Durations are real seconds, much shorter than those of AWS. The defaults are ideal."""

    seed: int = 0
    iam_propagation_seconds: float = 0.0  # at most; each service has its own delay
    throttles: bool = False  # control-plane calls, at the rates of sandbox/quotas.py
    suspends_email: bool = False  # subscriptions with more than ten messages a second
    trail_delegation_seconds: float = 0.0  # until a new administrator can create trails
    security_hub_sync_seconds: float = 0.0  # until central configuration is possible
    security_hub_association_seconds: float = 0.0  # until a policy's association is complete


def ideal() -> Conditions:
    """Everything takes effect at once, at any rate."""
    return Conditions()


def worst(seed: int = 1) -> Conditions:
    """The worst that AWS documents; the seed decides the durations and the order of errors."""
    drawn = random.Random(seed)  # noqa: S311  no secret
    return Conditions(
        seed=seed,
        iam_propagation_seconds=drawn.uniform(3.0, 6.0),
        throttles=True,
        suspends_email=True,
        trail_delegation_seconds=drawn.uniform(4.0, 8.0),
        security_hub_sync_seconds=drawn.uniform(6.0, 10.0),
        security_hub_association_seconds=drawn.uniform(1.0, 3.0),
    )


def parse_conditions(text: str) -> Conditions:
    """`ideal`, `worst`, or `worst:SEED`. `ValueError` for another text."""
    name, separator, seed = text.partition(":")
    if name == "worst" and (seed.isdecimal() or not separator):
        return worst(int(seed)) if separator else worst()
    if text == "ideal":
        return ideal()
    raise ValueError(f"got {text}, expected ideal, worst or worst:SEED")
