"""Telling once: against moto's table, and against the fake of the others' tests, alike."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from functions.finding_importer.errors import NotificationError
from functions.finding_importer.notifications.deduplicator import Once, Told
from tests.unit.importer.doubles import Context
from tests.unit.importer.fakes import client_error
from tests.unit.importer.table import FakeTable, moto_table

DOWN = client_error("InternalServerError", "PutItem", 500)


class Publisher:
    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.published = 0

    def __call__(self) -> None:
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.published += 1


def once(table: Any, seconds: float = 120.0) -> Once:
    made = Once("told", table)
    made.begin_invocation(Context(seconds))
    return made


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with mock_aws():
        yield moto_table()


@pytest.fixture(params=["moto", "fake"])
def table(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("moto") if request.param == "moto" else FakeTable()


class TestTableThatWorks:
    """Each test has keys of its own, as moto's table is one for all of them."""

    def test_what_was_told_is_not_told_again(self, table: Any) -> None:
        publish = Publisher()

        told = [once(table).tell("a", publish) for _ in range(3)]

        assert told == [Told.NOW, Told.BEFORE, Told.BEFORE]
        assert publish.published == 1

    def test_each_key_is_told(self, table: Any) -> None:
        publish = Publisher()
        telling = once(table)

        assert {telling.tell(f"b{number}", publish) for number in range(3)} == {Told.NOW}
        assert publish.published == 3

    def test_what_could_not_be_published_is_told_later(self, table: Any) -> None:
        publish = Publisher(NotificationError("SNS is down"))

        with pytest.raises(NotificationError, match="SNS is down"):
            once(table).tell("c", publish)
        assert once(table).tell("c", publish) is Told.NOW
        assert publish.published == 1

    def test_what_another_invocation_is_publishing_is_left_to_it(self, table: Any) -> None:
        seen = []

        def publish_slowly() -> None:
            seen.append(once(table).tell("d", publish))

        publish = Publisher()
        assert once(table).tell("d", publish_slowly) is Told.NOW
        assert seen == [Told.BY_ANOTHER]
        assert publish.published == 0

    def test_the_claim_of_an_invocation_that_ended_does_not_count(self, table: Any) -> None:
        seen = []

        def publish_and_never_return() -> None:
            # The first invocation is over by now, as if it had crashed here.
            seen.append(once(table).tell("e", publish))

        publish = Publisher()
        once(table, seconds=-1).tell("e", publish_and_never_return)
        assert seen == [Told.NOW]

    def test_an_error_of_ours_leaves_it_untold(self, table: Any) -> None:
        with pytest.raises(ZeroDivisionError):
            once(table).tell("f", Publisher(ZeroDivisionError()))

        assert once(table).tell("f", Publisher()) is Told.NOW


class TestTableThatFails:
    def test_without_the_table_the_notification_goes_out(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.claims.always = DOWN

        assert once(table).tell("a", publish) is Told.UNREMEMBERED
        assert publish.published == 1

    def test_without_an_answer_of_the_table_the_notification_goes_out(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.claims.always = EndpointConnectionError(endpoint_url="https://dynamodb")

        assert once(table).tell("a", publish) is Told.UNREMEMBERED
        assert publish.published == 1

    def test_without_the_table_a_notification_that_fails_is_told(self) -> None:
        table = FakeTable()
        table.claims.always = DOWN

        with pytest.raises(NotificationError):
            once(table).tell("a", Publisher(NotificationError("down")))

    def test_a_table_that_fails_after_the_notification_does_not_repeat_it(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.finishes.always = DOWN

        assert once(table).tell("a", publish) is Told.UNREMEMBERED
        assert publish.published == 1

    def test_then_another_invocation_waits_until_the_claim_has_ended(self) -> None:
        table, publish = FakeTable(), Publisher()
        table.finishes.next = [DOWN]
        once(table).tell("a", publish)

        assert once(table).tell("a", publish) is Told.BY_ANOTHER

    def test_a_table_that_fails_to_release_a_claim_hides_no_failed_notification(self) -> None:
        table = FakeTable()
        table.releases.next = [DOWN]
        publish = Publisher(NotificationError("SNS is down"))

        with pytest.raises(NotificationError, match="SNS is down"):
            once(table, seconds=-1).tell("a", publish)
        assert once(table).tell("a", publish) is Told.NOW

    @pytest.mark.parametrize(
        "row",
        [
            {"status": {"S": "OTHER"}, "expiration": {"N": "99999999999"}},
            {"status": {"S": "EXPIRED"}, "expiration": {"N": "99999999999"}},
            {"expiration": {"N": "99999999999"}},
        ],
    )
    def test_a_row_that_powertools_does_not_understand_keeps_no_notification_back(
        self, row: dict[str, Any]
    ) -> None:
        table, publish = FakeTable(), Publisher()
        once(table).tell("a", publish)
        [key] = table.items
        table.items[key] = {"id": {"S": key}, **row}

        assert once(table).tell("a", publish) is Told.UNREMEMBERED
        assert publish.published == 2


def test_many_invocations_at_once_tell_once() -> None:
    """Against the fake alone: moto checks the condition and writes the item in two steps."""
    table, publish, together = FakeTable(), Publisher(), threading.Barrier(8)

    def tell(_: int) -> Told:
        together.wait(10)
        return once(table).tell("g", publish)

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(tell, range(8)))

    assert publish.published == 1
    assert told.count(Told.NOW) == 1
    assert set(told) <= {Told.NOW, Told.BEFORE, Told.BY_ANOTHER}


def test_the_table_is_configured_before_anybody_tells() -> None:
    """Powertools else leaves that to the first, and lets others in before it is done."""
    configured = Once("told", FakeTable())._table  # noqa: SLF001  # Nothing else shows it in time.

    assert configured.configured
    assert configured.hash_function().name == "sha256"


def test_what_was_told_is_remembered_for_longer_than_any_delivery_comes_again() -> None:
    table = FakeTable()
    once(table).tell("a", Publisher())
    [(key, row)] = table.items.items()

    assert re.fullmatch("told#[0-9a-f]{64}", key)
    assert row["status"] == {"S": "COMPLETED"}
    assert int(row["expiration"]["N"]) > time.time() + 2 * 14 * 24 * 60 * 60
