"""Importing into one account's hub: batches, and partial failures as data."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.security_hub import SecurityHub, batches
from tests.unit.importer_doubles import FakeSecurityHub, client_error

ACCOUNT = "111122223333"


def asff(name: object, padding: int = 0) -> dict[str, Any]:
    return {"Id": str(name), "AwsAccountId": ACCOUNT, "Title": "x" * padding}


@given(st.lists(st.integers(0, 240_000), max_size=30), st.integers(0, 250))
def test_batches_lose_and_repeat_nothing_and_keep_the_order(sizes: list[int], small: int) -> None:
    findings = [asff(i, size) for i, size in enumerate([*sizes, *[0] * small])]

    split = list(batches(findings))

    assert [one for batch in split for one in batch] == findings
    assert all(1 <= len(batch) <= 100 for batch in split)
    assert all(sum(len(json.dumps(one)) for one in batch) <= 6_000_000 for batch in split)


@pytest.mark.parametrize(
    ("count", "padding", "lengths"),
    [
        (0, 0, []),
        (100, 0, [100]),
        (101, 0, [100, 1]),
        (30, 239_000, [25, 5]),
    ],
)
def test_a_batch_is_as_large_as_one_call_takes(
    count: int, padding: int, lengths: list[int]
) -> None:
    split = batches([asff(i, padding) for i in range(count)])

    assert [len(batch) for batch in split] == lengths


def test_the_fake_refuses_what_security_hub_refuses() -> None:
    hub = FakeSecurityHub(ACCOUNT)

    with pytest.raises(ClientError, match="InvalidInputException"):
        hub.batch_import_findings(Findings=[asff(i) for i in range(101)])
    foreign = hub.batch_import_findings(Findings=[asff("a") | {"AwsAccountId": "444455556666"}])

    assert foreign["FailedFindings"][0]["ErrorCode"] == "InvalidAccess"


def test_a_refused_finding_is_told_by_its_id_and_stops_no_other() -> None:
    hub = FakeSecurityHub(ACCOUNT, refused=frozenset({"1", "150"}))

    refused = SecurityHub(hub).import_findings([asff(i) for i in range(200)])

    assert refused == {"1": "InvalidAccess: not enabled", "150": "InvalidAccess: not enabled"}
    assert len(hub.imported) == 198


@pytest.mark.parametrize(
    "error",
    [
        client_error("InvalidInputException", "BatchImportFindings"),
        EndpointConnectionError(endpoint_url="https://securityhub.example"),
    ],
)
def test_a_failed_call_is_told_for_each_of_its_findings(error: Exception) -> None:
    hub = SecurityHub(FakeSecurityHub(ACCOUNT, error=error))

    assert hub.import_findings([asff("a"), asff("b")]) == {"a": str(error), "b": str(error)}
