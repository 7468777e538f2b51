"""Where event buses, rules and queues are, by their ARNs."""

import re
from dataclasses import dataclass
from typing import Self

from moto.events.models import EventBus, events_backends

from sandbox.organizations.organization import PARTITION

DEFAULT = "default"
BUS = re.compile(rf"arn:{PARTITION}:events:([a-z0-9-]+):(\d{{12}}):event-bus/([/.\-_A-Za-z0-9]+)")
QUEUE = re.compile(rf"arn:{PARTITION}:sqs:([a-z0-9-]+):(\d{{12}}):([-_A-Za-z0-9]{{1,80}})")
ROLE = re.compile(rf"arn:{PARTITION}:iam::(\d{{12}}):role/.+")


@dataclass(frozen=True, slots=True)
class BusAddress:
    account: str
    region: str
    name: str = DEFAULT

    @classmethod
    def of(cls, arn: str) -> Self | None:
        """None where the ARN is no event bus's."""
        found = BUS.fullmatch(arn)
        return cls(found[2], found[1], found[3]) if found else None

    @classmethod
    def named(cls, name_or_arn: str | None, account: str, region: str) -> Self:
        """The bus as a call from this account and region names it."""
        return cls.of(name_or_arn or "") or cls(account, region, name_or_arn or DEFAULT)

    @property
    def arn(self) -> str:
        return f"arn:{PARTITION}:events:{self.region}:{self.account}:event-bus/{self.name}"

    def bus(self) -> EventBus | None:
        try:
            backend = events_backends[self.account][self.region]
        except KeyError:  # there is no such region
            return None
        return backend.event_buses.get(self.name)
