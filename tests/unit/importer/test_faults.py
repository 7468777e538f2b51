"""Sign-ins through faults of every service: each ends as one finding, told once, or put aside."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.parsers import ResponseParserError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from functions.finding_importer import log
from functions.finding_importer.errors import QueueError
from tests.unit.importer.cloud import Cloud
from tests.unit.importer.doubles import (
    SECURITY,
    event_bridge_event,
    id_of,
    logs_event,
    queue_event,
    sign_in,
)
from tests.unit.importer.fakes import Faults, client_error

TABLE = ("claims", "finishes", "releases", "imports")
ACCOUNTS = ("111111111111", "222222222222", SECURITY)
CODES = [
    ("ThrottlingException", 400),
    ("InternalException", 500),
    ("AccessDenied", 403),
    ("InvalidAccessException", 401),
    ("ExpiredTokenException", 403),
    ("UnrecognizedClientException", 403),
    ("Odd", 400),
]
ERRORS: list[Exception | None] = [
    *[client_error(code, "Operation", status) for code, status in CODES],
    ReadTimeoutError(endpoint_url="https://x"),
    ResponseParserError("no XML"),
    *[None] * 4,
]
# A schedule that fails is told as it was drawn: to look for a smaller one would take minutes.
NO_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]
SOME = st.lists(st.sampled_from(ERRORS), max_size=6)
# A delivery: by which path it comes, and whose sign-ins it holds.
DELIVERIES = st.lists(
    st.tuples(st.booleans(), st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)


@pytest.fixture(autouse=True, scope="module")
def silence() -> Iterator[None]:
    log.configure("CRITICAL")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log, "count", lambda *_: None)
        yield
    log.configure("INFO")


class Lambda:
    """Invokes as Lambda does: repeats what failed, and keeps what failed to the end."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.messages: list[str] = []

    def deliver(self, event: dict[str, Any]) -> None:
        for _ in range(3):
            try:
                self.cloud.invoke(event, seconds=-1)  # so that no claim outlives its invocation
            except QueueError:
                continue
            return
        self.messages.append(json.dumps({"requestPayload": event}))

    def poll(self) -> None:
        if not self.messages and not self.cloud.queued:
            return
        taken = [*self.messages, *(sent.body for sent in self.cloud.queued)][:10]
        self.cloud.queued[:] = self.cloud.queued[max(0, 10 - len(self.messages)) :]
        self.messages = self.messages[10:]
        answer = self.cloud.invoke(queue_event(*taken), seconds=-1)
        stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        self.messages += [body for n, body in enumerate(taken) if f"message-{n}" in stay]


@given(
    DELIVERIES,
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("sns", "sqs", *TABLE), SOME),
    ),
    st.fixed_dictionaries({}, optional=dict.fromkeys(ACCOUNTS, SOME)),
    st.dictionaries(st.sampled_from(ACCOUNTS), st.sampled_from(ERRORS).filter(bool)),
)
@settings(max_examples=100, phases=NO_SHRINKING)
def test_every_sign_in_ends_as_one_finding_in_its_account_and_is_told(
    deliveries: list[tuple[bool, list[str]]],
    of_services: dict[str, list[Exception | None]],
    of_hubs: dict[str, list[Exception | None]],
    of_roles: dict[str, Exception],
) -> None:
    cloud = Cloud(reserved_seconds=-10, accounts_at_once=1)  # the same on each run
    invoker = Lambda(cloud)
    faults: dict[str, Faults] = {
        "sns": cloud.sns.faults,
        "sqs": cloud.sqs.faults,
        **{name: getattr(cloud.table, name) for name in TABLE},
    }
    for name, errors in of_services.items():
        faults[name].next = list(errors)
    for account, errors in of_hubs.items():
        cloud.hub(account).faults.next = list(errors)
    cloud.sts.errors = dict(of_roles)

    for through_logs, accounts in deliveries:
        for event in (
            [logs_event(*map(sign_in, accounts))]
            if through_logs
            else [event_bridge_event(sign_in(account)) for account in accounts]
        ):
            invoker.deliver(event)
    invoker.poll()
    cloud.sts.errors.clear()
    for _ in range(60):  # more than there are faults
        invoker.poll()

    seen = {account for _, accounts in deliveries for account in accounts}
    told = [text for text in cloud.sns.told if "Root signed in" in text]
    assert cloud.active() == {account: [id_of(account)] for account in seen}
    assert (invoker.messages, cloud.queued, cloud.dead) == ([], [], [])
    assert all(any(account in text for text in told) for account in seen)
    if not of_services.keys() & set(TABLE):
        assert len(told) == len(seen)
