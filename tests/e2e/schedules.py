"""Random schedules: which sign-ins are delivered how often by which ways, and what goes wrong.

A schedule is a function of its seed.
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox.cloudtrail import sign_ins
from sandbox.cloudtrail.sign_ins import Record
from sandbox.faults import Crash, ErrorResponse, FailedImports, Fault, Hang, LostResponse
from sandbox.organizations.organization import MEMBERS

type Way = Literal["trail", "subscription", "event", "queue"]

WAYS: Sequence[Way] = ("trail", "subscription", "subscription", "event", "queue", "queue")
HANG_SECONDS = 60.0  # longer than the function waits for an answer
IMPORT = ("securityhub", "BatchImportFindings")
ASSUME = ("sts", "AssumeRole")
CLAIM, COMPLETE, RELEASE = (("dynamodb", f"{verb}Item") for verb in ("Put", "Update", "Delete"))
PUBLISH = ("sns", "Publish")
SEND = ("sqs", "SendMessageBatch")
DELAY_RETRY = ("sqs", "ChangeMessageVisibility")
LOOK_UP = ("organizations", "DescribeAccount")
# The more often it is drawn, the more a call decides.
CALLS = (
    *[IMPORT] * 6,
    *[ASSUME] * 3,
    *[PUBLISH] * 3,
    *[SEND] * 2,
    CLAIM,
    COMPLETE,
    RELEASE,
    DELAY_RETRY,
    LOOK_UP,
)
TRANSIENT: Sequence[Fault] = (
    ErrorResponse("ThrottlingException", 400),
    ErrorResponse("TooManyRequestsException", 429),
    ErrorResponse("InternalFailure", 500),
    ErrorResponse("ServiceUnavailable", 503),
)
OF_OWNER = {
    IMPORT: (
        ErrorResponse("InvalidAccessException", 401),  # the hub is off
        ErrorResponse("AccessDeniedException", 403),
        ErrorResponse("UnrecognizedClientException", 403),  # the Region is off
        ErrorResponse("ExpiredTokenException", 403),
        FailedImports(frozenset({0}), "InvalidAccess"),
    ),
    ASSUME: (ErrorResponse("AccessDenied", 403),),  # the role is missing
}


@dataclass(frozen=True, slots=True)
class Injection:
    fault: Fault
    call: tuple[str, str]
    times: int | None  # None: as long as the sign-ins are tried
    after: int
    account: str | None  # the caller's

    @property
    def is_of_the_table(self) -> bool:
        """Whether the table fails; a process that dies at it does not make it fail."""
        return self.call[0] == "dynamodb" and not isinstance(self.fault, Crash)

    @property
    def hides_a_notification(self) -> bool:
        """Whether SNS may accept a publication whose response is lost, so that it is repeated."""
        if self.call == COMPLETE:
            return self.fault == Crash(after_call=False)
        lost = isinstance(self.fault, LostResponse) or self.fault == Crash(after_call=True)
        return self.call == PUBLISH and lost


@dataclass(frozen=True, slots=True)
class Delivery:
    way: Way
    records: tuple[Record, ...]
    poisoned: bool  # something that is no record comes with them
    settled: bool  # all that follows is over before the next delivery


@dataclass(frozen=True, slots=True)
class Schedule:
    seed: int
    records: tuple[Record, ...]
    deliveries: tuple[Delivery, ...]
    injections: tuple[Injection, ...]
    fresh: bool  # no process of the function is there yet
    rounds_until_repair: int  # rounds of elapsed time before lasting faults are removed


def schedule(seed: int) -> Schedule:
    draw = random.Random(seed)  # noqa: S311  the same schedule for a seed is the point
    records = tuple(_sign_in(draw) for _ in range(draw.choice((1, 1, 1, 2, 3))))
    return Schedule(
        seed=seed,
        records=records,
        deliveries=tuple(_deliveries(draw, records)),
        injections=tuple(_injection(draw) for _ in range(draw.choice((0, 1, 1, 2, 2, 3)))),
        fresh=draw.random() < 0.1,
        rounds_until_repair=draw.choice((1, 2, 4, 25)),
    )


def _sign_in(draw: random.Random) -> Record:
    record = sign_ins.root_without_mfa(draw.choice(MEMBERS).id)
    return {**record, "eventID": str(uuid.UUID(int=draw.getrandbits(128), version=4))}


def _deliveries(draw: random.Random, records: tuple[Record, ...]) -> list[Delivery]:
    """Each sign-in once or more, some together, in any order."""
    copies = [record for record in records for _ in range(draw.choice((1, 1, 2, 3)))]
    draw.shuffle(copies)
    deliveries = []
    while copies:
        together = draw.choice((1, 1, 2))
        chosen, copies = copies[:together], copies[together:]
        deliveries.append(
            Delivery(
                way=draw.choice(WAYS),
                records=tuple(chosen),
                poisoned=draw.random() < 0.1,
                settled=draw.random() < 0.5,
            )
        )
    return deliveries


def _injection(draw: random.Random) -> Injection:
    call = draw.choice(CALLS)
    return Injection(
        fault=_fault(draw, call),
        call=call,
        times=draw.choice((1, 1, 1, 2, 3, None)),
        after=draw.choice((0, 0, 0, 1, 2)),
        account=draw.choice((None, *(member.id for member in MEMBERS))) if call == IMPORT else None,
    )


def _fault(draw: random.Random, call: tuple[str, str]) -> Fault:
    kind = draw.random()
    if kind < 0.15:
        return Crash(after_call=draw.random() < 0.5)
    if kind < 0.19:
        return Hang(HANG_SECONDS)
    if kind < 0.28:
        return LostResponse(draw.choice(TRANSIENT))
    if kind < 0.6 and call in OF_OWNER:
        return draw.choice(OF_OWNER[call])
    if kind < 0.7 and call == IMPORT:
        return FailedImports(frozenset({draw.randrange(2)}))
    return draw.choice(TRANSIENT)
