"""Importing into one account's hub: batches, and failures of findings and of calls as data."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.delivery.batches import batches
from functions.finding_importer.delivery.security_hub import SecurityHub
from functions.finding_importer.findings.refusal import Cause
from tests.unit.importer.doubles import OWNER, finding, id_of
from tests.unit.importer.fakes import FakeSecurityHub, client_error


def padded(number: int, padding: int = 0) -> dict[str, Any]:
    return {"Id": str(number), "Title": "x" * padding}


def asff(event_id: object) -> dict[str, Any]:
    return finding({"eventID": str(event_id)}).asff


@given(st.lists(st.integers(0, 240_000), max_size=30), st.integers(0, 250))
def test_batches_lose_and_repeat_nothing_and_keep_the_order(sizes: list[int], small: int) -> None:
    findings = [padded(i, size) for i, size in enumerate([*sizes, *[0] * small])]

    split = list(batches(findings, 100, 6_000_000))

    assert [one for batch in split for one in batch] == findings
    assert all(1 <= len(batch) <= 100 for batch in split)
    assert all(sum(len(json.dumps(one)) for one in batch) <= 6_000_000 for batch in split)


@pytest.mark.parametrize(
    ("count", "padding", "lengths"),
    [(0, 0, []), (100, 0, [100]), (101, 0, [100, 1]), (30, 239_000, [25, 5])],
)
def test_a_batch_is_as_large_as_one_call_takes(
    count: int, padding: int, lengths: list[int]
) -> None:
    split = batches([padded(i, padding) for i in range(count)], 100, 6_000_000)

    assert [len(batch) for batch in split] == lengths


def test_findings_are_imported_in_as_few_calls_as_possible() -> None:
    hub = FakeSecurityHub(OWNER)

    refused = SecurityHub(hub).import_findings([asff(n) for n in range(101)])

    assert refused == {}
    assert [len(batch) for batch in hub.batches] == [100, 1]
    assert len(hub.states) == 101


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize(
    ("code", "cause"),
    [("InvalidAccess", Cause.HUB_NOT_ENABLED), ("InternalError", Cause.SERVICE_FAILED)],
)
def test_a_finding_that_fails_is_told_by_its_id_and_stops_no_other(
    position: int, code: str, cause: Cause
) -> None:
    bad = id_of(OWNER, str(position))
    hub = FakeSecurityHub(OWNER, refused={bad: code})

    refused = SecurityHub(hub).import_findings([asff(n) for n in range(5)])

    assert {id_: why.cause for id_, why in refused.items()} == {bad: cause}
    assert len(hub.states) == 4


def test_failures_of_several_calls_are_told_together() -> None:
    bad = [id_of(OWNER, number) for number in ("1", "101")]
    hub = FakeSecurityHub(OWNER, refused=dict.fromkeys(bad, "InvalidInput"))

    refused = SecurityHub(hub).import_findings([asff(n) for n in range(102)])

    assert list(refused) == bad
    assert len(hub.states) == 100


@dataclass
class AllOrNothing:
    """Fails a call as a whole where any of its findings is bad, as a foreign product does."""

    hub: FakeSecurityHub
    bad: set[str]
    error: Exception
    calls: int = 0

    def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
        self.calls += 1
        if any(one["Id"] in self.bad for one in parameters["Findings"]):
            raise self.error
        return self.hub.batch_import_findings(**parameters)


@pytest.mark.parametrize("positions", [[0], [6], [12], [0, 12], [5, 6], list(range(13))])
@pytest.mark.parametrize(
    "error", [client_error("InvalidInputException"), ParamValidationError(report="Title")]
)
def test_a_call_that_is_invalid_as_a_whole_fails_its_bad_findings_only(
    positions: list[int], error: Exception
) -> None:
    bad = {id_of(OWNER, str(position)) for position in positions}
    client = AllOrNothing(FakeSecurityHub(OWNER), bad, error)

    refused = SecurityHub(client).import_findings([asff(n) for n in range(13)])

    assert {id_ for id_, why in refused.items() if why.cause is Cause.FINDING_INVALID} == bad
    assert len(client.hub.states) == 13 - len(bad)
    assert client.calls <= 2 * 13


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (client_error("ThrottlingException"), Cause.THROTTLED),
        (client_error("InvalidAccessException"), Cause.HUB_NOT_ENABLED),
        (client_error("ExpiredTokenException"), Cause.CREDENTIALS_EXPIRED),
        (EndpointConnectionError(endpoint_url="https://x"), Cause.NO_ANSWER),
    ],
)
def test_a_call_that_fails_otherwise_is_told_for_each_finding_and_not_repeated(
    error: Exception, cause: Cause
) -> None:
    hub = FakeSecurityHub(OWNER)
    hub.faults.always = error

    refused = SecurityHub(hub).import_findings([asff("a"), asff("b")])

    assert {id_: why.cause for id_, why in refused.items()} == {
        id_of(OWNER, "a"): cause,
        id_of(OWNER, "b"): cause,
    }
    assert hub.journal == [f"import {OWNER}"]


def test_a_call_that_fails_leaves_the_next_its_chance() -> None:
    hub = FakeSecurityHub(OWNER)
    hub.faults.next = [client_error("InternalException", "BatchImportFindings", 500)]

    refused = SecurityHub(hub).import_findings([asff(n) for n in range(101)])

    assert len(refused) == 100
    assert list(hub.states) == [id_of(OWNER, "100")]


@pytest.mark.parametrize("answer", [{}, {"FailedFindings": [], "FailedCount": 1}])
def test_an_answer_that_does_not_name_each_failure_is_none(answer: dict[str, Any]) -> None:
    class Proxy:
        def batch_import_findings(self, **_: Any) -> dict[str, Any]:
            return {"ResponseMetadata": {"HTTPStatusCode": 200}, **answer}

    refused = SecurityHub(Proxy()).import_findings([asff("a"), asff("b")])

    assert {id_: why.cause for id_, why in refused.items()} == {
        id_of(OWNER, "a"): Cause.NO_ANSWER,
        id_of(OWNER, "b"): Cause.NO_ANSWER,
    }
