"""Deduplicating notifications and recording imports, with moto's table and with the fake."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from moto import mock_aws

from functions.finding_importer.errors import NotificationError
from functions.finding_importer.notifications.deduplicator import (
    ImportedFindings,
    NotificationDeduplicator,
    PublishResult,
)
from tests.unit.importer.builders import FakeContext
from tests.unit.importer.fakes import TABLE_NAME, FakeTable, client_error, moto_table

UNAVAILABLE = client_error("InternalServerError", "PutItem", 500)


class Publisher:
    """Raises the errors in turn, and counts the notifications."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.published = 0

    def __call__(self) -> None:
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.published += 1


def invocation(table: Any, seconds: float = 120.0) -> NotificationDeduplicator:
    deduplicator = NotificationDeduplicator(TABLE_NAME, table)
    deduplicator.begin_invocation(FakeContext(seconds))
    return deduplicator


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with mock_aws():
        yield moto_table()


@pytest.fixture(params=["moto", "fake"])
def table(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("moto") if request.param == "moto" else FakeTable()


class TestAvailableTable:
    """The tests share moto's table, so that each has keys of its own."""

    def test_a_key_is_published_once(self, table: Any) -> None:
        publish = Publisher()

        results = [invocation(table).publish_once("a", publish) for _ in range(3)]

        assert results == [
            PublishResult.PUBLISHED,
            PublishResult.DUPLICATE,
            PublishResult.DUPLICATE,
        ]
        assert publish.published == 1

    def test_every_key_is_published(self, table: Any) -> None:
        publish = Publisher()
        deduplicator = invocation(table)

        assert {deduplicator.publish_once(f"b{number}", publish) for number in range(3)} == {
            PublishResult.PUBLISHED
        }
        assert publish.published == 3

    def test_a_failed_notification_is_published_later(self, table: Any) -> None:
        publish = Publisher(NotificationError("SNS is unavailable"))

        with pytest.raises(NotificationError, match="SNS is unavailable"):
            invocation(table).publish_once("c", publish)
        assert invocation(table).publish_once("c", publish) is PublishResult.PUBLISHED
        assert publish.published == 1

    def test_a_notification_in_progress_is_left_to_the_other_invocation(self, table: Any) -> None:
        results = []

        def publish_slowly() -> None:
            results.append(invocation(table).publish_once("d", publish))

        publish = Publisher()
        assert invocation(table).publish_once("d", publish_slowly) is PublishResult.PUBLISHED
        assert results == [PublishResult.IN_PROGRESS]
        assert publish.published == 0

    def test_the_claim_of_a_crashed_invocation_expires(self, table: Any) -> None:
        results = []

        def publish_and_crash() -> None:
            # The claim of the first invocation has expired, as if it had crashed here.
            results.append(invocation(table).publish_once("e", publish))

        publish = Publisher()
        invocation(table, seconds=-1).publish_once("e", publish_and_crash)
        assert results == [PublishResult.PUBLISHED]

    def test_an_unexpected_error_releases_the_key(self, table: Any) -> None:
        with pytest.raises(ZeroDivisionError):
            invocation(table).publish_once("f", Publisher(ZeroDivisionError()))

        assert invocation(table).publish_once("f", Publisher()) is PublishResult.PUBLISHED


class TestUnavailableTable:
    def test_a_notification_is_published_without_the_table(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.claims.default = UNAVAILABLE

        assert invocation(table).publish_once("a", publish) is PublishResult.NOT_RECORDED
        assert publish.published == 1

    def test_a_notification_is_published_without_a_response_of_the_table(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.claims.default = EndpointConnectionError(endpoint_url="https://dynamodb")

        assert invocation(table).publish_once("a", publish) is PublishResult.NOT_RECORDED
        assert publish.published == 1

    def test_a_failed_notification_without_the_table_raises_its_error(self) -> None:
        table = FakeTable()
        table.claims.default = UNAVAILABLE

        with pytest.raises(NotificationError):
            invocation(table).publish_once("a", Publisher(NotificationError("unavailable")))

    def test_a_failure_to_complete_the_claim_does_not_repeat_the_notification(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.completions.default = UNAVAILABLE

        assert invocation(table).publish_once("a", publish) is PublishResult.NOT_RECORDED
        assert publish.published == 1

    def test_a_claim_that_was_not_completed_is_in_progress_until_it_expires(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.completions.next = [UNAVAILABLE]
        invocation(table).publish_once("a", publish)

        assert invocation(table).publish_once("a", publish) is PublishResult.IN_PROGRESS

    def test_a_failure_to_release_the_claim_does_not_hide_the_error(self) -> None:
        table = FakeTable()
        table.releases.next = [UNAVAILABLE]
        publish = Publisher(NotificationError("SNS is unavailable"))

        with pytest.raises(NotificationError, match="SNS is unavailable"):
            invocation(table, seconds=-1).publish_once("a", publish)
        assert invocation(table).publish_once("a", publish) is PublishResult.PUBLISHED

    @pytest.mark.parametrize(
        "item",
        [
            {"status": {"S": "OTHER"}, "expiration": {"N": "99999999999"}},
            {"status": {"S": "EXPIRED"}, "expiration": {"N": "99999999999"}},
            {"expiration": {"N": "99999999999"}},
        ],
    )
    def test_a_malformed_item_does_not_prevent_a_notification(self, item: dict[str, Any]) -> None:
        table, publish = FakeTable(), Publisher()
        invocation(table).publish_once("a", publish)
        [key] = table.items
        table.items[key] = {"id": {"S": key}, **item}

        assert invocation(table).publish_once("a", publish) is PublishResult.NOT_RECORDED
        assert publish.published == 2


def test_concurrent_invocations_publish_once() -> None:
    """With the fake only: moto checks the condition and writes the item in two steps."""
    table, publish, barrier = FakeTable(), Publisher(), threading.Barrier(8)

    def publish_once(_: int) -> PublishResult:
        barrier.wait(10)
        return invocation(table).publish_once("g", publish)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(publish_once, range(8)))

    assert publish.published == 1
    assert results.count(PublishResult.PUBLISHED) == 1
    assert set(results) <= {
        PublishResult.PUBLISHED,
        PublishResult.DUPLICATE,
        PublishResult.IN_PROGRESS,
    }


def test_the_table_is_configured_before_the_first_notification() -> None:
    """Powertools would configure it on first use, which is not thread-safe."""
    configured = NotificationDeduplicator(TABLE_NAME, FakeTable())._table  # noqa: SLF001  # Not public.

    assert configured.configured
    assert configured.hash_function().name == "sha256"


def test_a_published_key_is_kept_for_longer_than_an_event_can_be_in_transit() -> None:
    table = FakeTable()
    invocation(table).publish_once("a", Publisher())
    [(key, item)] = table.items.items()

    assert re.fullmatch("notification#[0-9a-f]{64}", key)
    assert item["status"] == {"S": "COMPLETED"}
    assert int(item["expiration"]["N"]) > time.time() + 2 * 14 * 24 * 60 * 60


class TestImportedFindings:
    @pytest.mark.parametrize("kind", ["moto", "fake"])
    def test_recorded_findings_are_found(self, kind: str, moto: Any) -> None:
        imported = ImportedFindings(TABLE_NAME, moto if kind == "moto" else FakeTable())

        imported.record(["a", "b"])

        assert imported.among(["a", "c", "b"]) == {"a", "b"}
        assert imported.among([]) == set()

    def test_a_recorded_finding_is_kept_for_longer_than_an_event_can_be_in_transit(self) -> None:
        table = FakeTable()

        ImportedFindings(TABLE_NAME, table, now=lambda: 1_000.0).record(["a"])

        [item] = table.items.values()
        assert int(item["expiration"]["N"]) > 1_000 + 2 * 14 * 24 * 60 * 60

    def test_a_recorded_finding_does_not_claim_its_notification(self) -> None:
        table, publish = FakeTable(), Publisher()

        ImportedFindings(TABLE_NAME, table).record(["a"])

        assert list(table.items) == ["import#a"]
        assert invocation(table).publish_once("a", publish) is PublishResult.PUBLISHED

    @pytest.mark.parametrize(
        "error", [UNAVAILABLE, ReadTimeoutError(endpoint_url="https://dynamodb")]
    )
    def test_no_finding_is_found_without_the_table(self, error: Exception) -> None:
        table = FakeTable()
        imported = ImportedFindings(TABLE_NAME, table)
        imported.record(["a"])
        table.imports.default = error

        imported.record(["b"])

        assert imported.among(["a", "b"]) == set()

    def test_findings_that_were_read_before_an_error_are_found(self) -> None:
        table = FakeTable()
        imported = ImportedFindings(TABLE_NAME, table)
        imported.record(["a", "b"])
        table.imports.next = [None, UNAVAILABLE]

        assert imported.among(["a", "b"]) == {"a"}
