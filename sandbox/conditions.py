"""Conditions: how quick, lenient and consistent the sandbox is.

`docs/sandbox.md` has a table of AWS's worst conditions, with the source of each.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class LogTimestamp(StrEnum):
    """AWS does not document which time CloudTrail gives to its log events."""

    OF_EVENT = "event"
    OF_DELIVERY = "delivery"


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
    # By the sandbox's clock, which `Sandbox.settle` advances:
    trail_delay_minutes: int = 0  # at most, until a log group has an event
    log_timestamp: LogTimestamp | None = None  # without a delay, both are the same
    duplicate_rate: float = 0.0  # of deliveries to log groups and event buses
    alarms_wait: bool = False  # for the whole minute, instead of evaluating at once
    alarm_range_periods: int = 0  # retrieved in addition to those that an alarm evaluates


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
        trail_delay_minutes=15,
        log_timestamp=drawn.choice(list(LogTimestamp)),
        duplicate_rate=drawn.uniform(0.2, 0.4),
        alarms_wait=True,
        alarm_range_periods=2,
    )


def parse_conditions(text: str) -> Conditions:
    """`ideal`, `worst`, or `worst:SEED`. `ValueError` for another text."""
    name, separator, seed = text.partition(":")
    if name == "worst" and (seed.isdecimal() or not separator):
        return worst(int(seed)) if separator else worst()
    if text == "ideal":
        return ideal()
    raise ValueError(f"got {text}, expected ideal, worst or worst:SEED")
