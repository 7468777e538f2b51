"""Deliveries to log groups that wait: minutes late, in any order, and some of them twice.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/send-cloudtrail-events-to-cloudwatch-logs.html
"""

import random
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from moto.cloudtrail.models import Trail

from sandbox.clock import Clock
from sandbox.conditions import Conditions, LogTimestamp
from sandbox.eventbridge.entries import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class LateDelivery:
    """Times are by the sandbox's clock."""

    trail: Trail
    event: Event
    due: datetime  # a whole minute
    timestamp: datetime | None  # of the log event; None: the time of the delivery


class LateDeliveries:
    def __init__(self, clock: Clock, conditions: Conditions) -> None:
        self._clock = clock
        self._conditions = conditions
        self._random = random.Random(f"trails {conditions.seed}")  # noqa: S311  no secret
        self._pending: list[LateDelivery] = []
        self._lock = threading.Lock()

    @property
    def is_late(self) -> bool:
        return self._conditions.trail_delay_minutes > 0

    def __bool__(self) -> bool:
        return bool(self._pending)

    def add(self, trail: Trail, event: Event) -> None:
        with self._lock:
            is_duplicated = self._random.random() < self._conditions.duplicate_rate
            for _ in range(1 + is_duplicated):
                self._pending.append(
                    LateDelivery(
                        trail=trail, event=event, due=self._due(), timestamp=self._timestamp(event)
                    )
                )

    def take_due(self, minute: datetime) -> list[LateDelivery]:
        """In a random order."""
        with self._lock:
            due = [one for one in self._pending if one.due <= minute]
            self._pending = [one for one in self._pending if one.due > minute]
            self._random.shuffle(due)
            return due

    def _due(self) -> datetime:
        """At least one minute from now, and at most the delay."""
        this_minute = self._clock.now().replace(second=0, microsecond=0)
        minutes = self._random.randint(2, max(2, self._conditions.trail_delay_minutes))
        return this_minute + timedelta(minutes=minutes)

    def _timestamp(self, event: Event) -> datetime | None:
        """The time of an event is in real time."""
        if self._conditions.log_timestamp is LogTimestamp.OF_DELIVERY:
            return None
        occurred = datetime.fromisoformat(event["eventTime"]).replace(tzinfo=None)
        return self._clock.of_real_time(occurred)
