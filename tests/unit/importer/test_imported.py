"""Which findings their owners have taken, as far as the table says."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from functions.finding_importer.delivery.imported import Imported
from tests.unit.importer.fakes import client_error
from tests.unit.importer.table import FakeTable, moto_table

DOWN = client_error("InternalServerError", "PutItem", 500)


def check(table: Any) -> None:
    imported = Imported("told", table)

    imported.remember(["a", "b"])

    assert imported.among(["a", "c", "b"]) == {"a", "b"}
    assert imported.among([]) == set()


def test_what_was_taken_is_known_in_motos_table() -> None:
    with mock_aws():
        check(moto_table())


def test_what_was_taken_is_known_in_the_fakes_table() -> None:
    check(FakeTable())


def test_it_is_known_for_longer_than_an_event_is_on_its_way() -> None:
    table = FakeTable()

    Imported("told", table, now=lambda: 1_000.0).remember(["a"])

    [item] = table.items.values()
    assert int(item["expiration"]["N"]) > 1_000 + 2 * 14 * 24 * 60 * 60


def test_it_is_no_claim_on_the_notification() -> None:
    table = FakeTable()

    Imported("told", table).remember(["a"])

    assert [key for key in table.items if key.startswith("told#")] == []


@pytest.mark.parametrize("error", [DOWN, ReadTimeoutError(endpoint_url="https://dynamodb")])
def test_without_the_table_nothing_is_known_and_nothing_raised(error: Exception) -> None:
    table = FakeTable()
    imported = Imported("told", table)
    imported.remember(["a"])
    table.imports.always = error

    imported.remember(["b"])

    assert imported.among(["a", "b"]) == set()


def test_what_was_found_before_the_table_failed_is_known() -> None:
    table = FakeTable()
    imported = Imported("told", table)
    imported.remember(["a", "b"])
    table.imports.next = [None, DOWN]

    assert imported.among(["a", "b"]) == {"a"}
