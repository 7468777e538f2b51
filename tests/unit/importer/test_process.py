"""Processing deliveries: matching, accounts in parallel, deduplication and metrics."""

import json
import threading
from typing import Any

import pytest

from tests.unit.importer.builders import (
    detection,
    event_bridge_event,
    id_of,
    logs_event,
    queue_event,
    record,
    sign_in,
)
from tests.unit.importer.fake_cloud import FakeCloud, job
from tests.unit.importer.fakes import ErrorSchedule, client_error

FIRST, SECOND, THIRD = "111111111111", "222222222222", "333333333333"
DENIED = client_error("AccessDenied", "AssumeRole", 403)
THROTTLED = client_error("ThrottlingException")
WITH_MFA = detection(
    name="root_console_login_with_mfa",
    priority="low",
    predicate={"field": "additionalEventData.MFAUsed", "equals": ["Yes"]},
)
BENIGN = [
    record(additionalEventData={"MFAUsed": "no"}, eventName="CheckMfa"),
    record(userIdentity={"type": "AssumedRole"}),
    record(userIdentity={"type": "IAMUser"}),
    record(responseElements={"ConsoleLogin": "Failure"}),
    {"eventName": "ConsoleLogin"},
    {},
]


def fallback_job() -> dict[str, Any]:
    message: dict[str, Any] = json.loads(job(account=FIRST, has_fallback=True).body())
    return message


def test_a_sign_in_among_benign_events_results_in_one_finding_and_one_notification() -> None:
    cloud = FakeCloud()

    [delivery], counts = cloud.process(logs_event(*BENIGN, sign_in(FIRST), *BENIGN))

    assert cloud.active_findings() == {FIRST: [id_of(FIRST)]}
    assert len(cloud.sns.published) == 1
    assert (delivery.jobs, delivery.dead_letters, delivery.records) == ([], [], 13)
    assert counts == {
        "Records": 13,
        "DeadLettered": 0,
        "Requeued": 0,
        "FindingsImported": 1,
        "NotificationsPublished": 1,
    }


def test_benign_events_cause_no_calls() -> None:
    cloud = FakeCloud()

    cloud.process(logs_event(*BENIGN))

    assert cloud.call_log == []
    assert cloud.organizations.calls == []


def test_a_notification_is_published_to_the_topic_of_its_priority() -> None:
    cloud = FakeCloud([detection(), WITH_MFA])

    cloud.process(logs_event(sign_in(FIRST)))
    cloud.process(logs_event(sign_in(SECOND) | {"additionalEventData": {"MFAUsed": "Yes"}}))

    topics = [one["TopicArn"].rpartition(":")[2] for one in cloud.sns.published]
    assert topics == ["high", "low"]
    assert FIRST in cloud.sns.texts[0]
    assert SECOND in cloud.sns.texts[1]


def test_a_record_that_matches_two_detections_results_in_two_findings() -> None:
    cloud = FakeCloud([detection(), detection(name="other")])

    _, counts = cloud.process(logs_event(sign_in(FIRST)))

    assert len(cloud.active_findings()[FIRST]) == 2
    assert counts["NotificationsPublished"] == 2


def test_every_member_role_is_assumed_once() -> None:
    cloud = FakeCloud()

    cloud.process(logs_event(sign_in(FIRST), sign_in(SECOND), sign_in(FIRST, "other")))

    assert sorted(call["RoleArn"].split(":")[4] for call in cloud.sts.calls) == [FIRST, SECOND]
    assert cloud.active_findings() == {
        FIRST: [id_of(FIRST), id_of(FIRST, "other")],
        SECOND: [id_of(SECOND)],
    }


class TestRepeatedDelivery:
    def test_a_record_repeated_in_one_batch_is_imported_once(self) -> None:
        cloud = FakeCloud()

        twice = logs_event(sign_in(FIRST), sign_in(FIRST), sign_in(FIRST, "other"))
        cloud.process(twice, event_bridge_event(sign_in(FIRST)))

        [batch] = cloud.hub(FIRST).batches
        assert [one["Id"] for one in batch] == [id_of(FIRST), id_of(FIRST, "other")]
        assert len(cloud.sns.published) == 2

    def test_a_record_repeated_later_is_idempotent(self) -> None:
        cloud = FakeCloud()

        for event in (logs_event(sign_in(FIRST)), event_bridge_event(sign_in(FIRST))):
            cloud.process(event)

        assert cloud.active_findings() == {FIRST: [id_of(FIRST)]}
        assert len(cloud.sns.published) == 1

    def test_remaining_work_is_kept_once_in_each_delivery(self) -> None:
        cloud = FakeCloud()
        cloud.hub(FIRST).errors.default = THROTTLED

        twice = logs_event(sign_in(FIRST), sign_in(FIRST))
        (first, second), counts = cloud.process(twice, event_bridge_event(sign_in(FIRST)))

        assert (len(first.jobs), len(second.jobs)) == (1, 1)
        assert counts["FindingsNotImported"] == 1

    def test_an_invalid_finding_is_dead_lettered_once(self) -> None:
        cloud = FakeCloud()
        cloud.hub(FIRST).rejected[id_of(FIRST)] = "InvalidInput"

        [delivery], _ = cloud.process(logs_event(sign_in(FIRST), sign_in(FIRST)))

        [dead_letter] = delivery.dead_letters
        assert dead_letter.body == job(account=FIRST).body()
        assert dead_letter.reason.startswith("the finding is invalid: InvalidInput: ")
        assert delivery.jobs == []

    def test_an_invalid_finding_without_a_notification_is_retried(self) -> None:
        cloud = FakeCloud()
        cloud.hub(FIRST).rejected[id_of(FIRST)] = "InvalidInput"
        cloud.sns.errors.default = THROTTLED

        [delivery], _ = cloud.process(logs_event(sign_in(FIRST)))

        assert (len(delivery.jobs), delivery.dead_letters) == (1, [])

    @pytest.mark.parametrize("fallback_first", [True, False])
    def test_a_job_with_a_fallback_takes_precedence(self, *, fallback_first: bool) -> None:
        cloud = FakeCloud()
        events = [fallback_job(), event_bridge_event(sign_in(FIRST))]

        deliveries, _ = cloud.process(*(events if fallback_first else reversed(events)))

        assert cloud.active_findings() == {FIRST: [id_of(FIRST)]}
        assert len(cloud.hub("999988887777").batches) == 1
        assert [delivery.jobs for delivery in deliveries] == [[], []]


class TestUnreadable:
    def test_invalid_records_are_dead_lettered_and_affect_no_other(self) -> None:
        cloud = FakeCloud()
        invalid = [
            "not json",
            sign_in(FIRST) | {"eventTime": None},
            sign_in(FIRST) | {"recipientAccountId": "12"},
        ]

        [delivery], counts = cloud.process(logs_event(*invalid, sign_in(SECOND)))

        reasons = [dead_letter.reason for dead_letter in delivery.dead_letters]
        assert reasons[0].startswith("log event 0: record: got invalid JSON (")
        assert reasons[1].startswith("log event 1: eventTime: got nothing, expected ")
        assert reasons[2].startswith('log event 2: recipientAccountId: got "12", expected ')
        contents = [
            json.loads(dead_letter.body)["content"] for dead_letter in delivery.dead_letters
        ]
        assert contents[0] == "not json"
        assert [json.loads(content) for content in contents[1:]] == invalid[1:]
        assert (counts["DeadLettered"], counts["Records"]) == (3, 3)
        assert cloud.active_findings() == {SECOND: [id_of(SECOND)]}

    def test_an_invalid_record_that_matches_nothing_is_ignored(self) -> None:
        [delivery], counts = FakeCloud().process(
            logs_event({"eventName": "CheckMfa", "eventTime": 1})
        )

        assert delivery.dead_letters == []
        assert counts["Records"] == 1

    @pytest.mark.parametrize(
        "changes",
        [{"detection": "unknown"}, {"record": {}}, {"hasFallback": None}, {"detection": 5}],
    )
    def test_an_invalid_job_is_dead_lettered_unchanged(self, changes: dict[str, Any]) -> None:
        message = fallback_job() | changes

        [delivery], _ = FakeCloud().process(message)

        [dead_letter] = delivery.dead_letters
        assert json.loads(json.loads(dead_letter.body)["content"]) == message
        assert delivery.is_job


def test_every_outcome_has_a_metric() -> None:
    cloud = FakeCloud()
    cloud.sts.errors = {FIRST: DENIED, SECOND: THROTTLED}
    cloud.hub(THIRD).rejected[id_of(THIRD)] = "InvalidInput"
    cloud.table.claims.next = [client_error("InternalServerError", "PutItem", 500)]

    _, counts = cloud.process(logs_event(*map(sign_in, (FIRST, SECOND, THIRD)), "x"))

    assert counts == {
        "Records": 3,
        "DeadLettered": 2,
        "Requeued": 1,
        "FallbackFindings": 1,
        "FindingsNotImported": 1,
        "FindingsInvalid": 1,
        "NotificationsPublished": 2,
        "NotificationsNotRecorded": 1,
    }


def test_deliveries_are_returned_in_order_with_their_remaining_work() -> None:
    cloud = FakeCloud()
    cloud.sts.errors = {SECOND: THROTTLED}
    events = [logs_event(sign_in(FIRST)), "x", event_bridge_event(sign_in(SECOND))]

    deliveries, _ = cloud.process(*events)

    assert [(len(one.jobs), len(one.dead_letters)) for one in deliveries] == [
        (0, 0),
        (0, 1),
        (1, 0),
    ]


class TestAccounts:
    @pytest.mark.parametrize("failing", [FIRST, SECOND, THIRD])
    def test_a_failing_account_affects_no_other(self, failing: str) -> None:
        cloud = FakeCloud()
        cloud.sts.errors[failing] = THROTTLED
        accounts = (FIRST, SECOND, THIRD)

        [delivery], _ = cloud.process(logs_event(*map(sign_in, accounts)))

        assert cloud.active_findings() == {a: [id_of(a)] for a in accounts if a != failing}
        assert [one.finding.account for one in delivery.jobs] == [failing]
        assert len(cloud.sns.published) == 3

    def test_an_unexpected_error_fails_one_account_whose_jobs_are_retried(self) -> None:
        cloud = FakeCloud()
        cloud.hub(SECOND).errors.default = ZeroDivisionError()

        [delivery], counts = cloud.process(logs_event(*map(sign_in, (FIRST, SECOND, THIRD))))

        assert cloud.active_findings() == {a: [id_of(a)] for a in (FIRST, THIRD)}
        assert [one.finding.account for one in delivery.jobs] == [SECOND]
        assert counts["FindingsNotImported"] == 1

    def test_the_maximum_number_of_accounts_is_processed_concurrently(self) -> None:
        cloud = FakeCloud(max_concurrent_accounts=3)
        accounts = [f"{number:012}" for number in range(9)]
        meeting = Rendezvous(parties=3)
        for account in accounts:
            cloud.hub(account).errors = meeting

        cloud.process(logs_event(*map(sign_in, accounts)))

        assert len(meeting.threads) == 3
        assert sorted(cloud.active_findings()) == accounts


class Rendezvous(ErrorSchedule):
    """Makes each call wait until several threads call at the same time."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self.barrier = threading.Barrier(parties, timeout=10)
        self.threads: set[int] = set()

    def apply(self) -> None:
        self.threads.add(threading.get_ident())
        self.barrier.wait()


class TestAccountTimeLimit:
    def test_nothing_starts_without_time(self) -> None:
        cloud = FakeCloud()

        event = logs_event(sign_in(FIRST), sign_in(SECOND))
        [delivery], counts = cloud.process(event, seconds_left=lambda: 44.9)

        assert cloud.call_log == []
        assert [one.finding.account for one in delivery.jobs] == [FIRST, SECOND]
        assert (counts["FindingsNotImported"], counts["Requeued"]) == (2, 2)

    def test_exactly_the_reserved_time_is_enough(self) -> None:
        cloud = FakeCloud()

        cloud.process(logs_event(sign_in(FIRST)), seconds_left=lambda: 45.0)

        assert cloud.active_findings() == {FIRST: [id_of(FIRST)]}

    def test_an_account_or_a_notification_without_time_is_retried(self) -> None:
        cloud, timer = FakeCloud(max_concurrent_accounts=1), Timer(100.0)
        for account in (FIRST, SECOND, THIRD):
            cloud.hub(account).errors = timer

        event = logs_event(*map(sign_in, (FIRST, SECOND, THIRD)))
        [delivery], _ = cloud.process(event, seconds_left=lambda: timer.left)

        assert sorted(cloud.active_findings()) == [FIRST, SECOND]
        assert len(cloud.sns.published) == 1
        assert [one.finding.account for one in delivery.jobs] == [SECOND, THIRD]
        assert f"import#{id_of(FIRST)}" in cloud.table.items
        assert f"import#{id_of(SECOND)}" not in cloud.table.items


class Timer(ErrorSchedule):
    """Makes each call take half a minute."""

    def __init__(self, left: float) -> None:
        super().__init__()
        self.left = left

    def apply(self) -> None:
        self.left -= 30


class TestLog:
    """Operators search for these messages."""

    def test_an_import_is_logged_with_the_event_id(self, caplog: pytest.LogCaptureFixture) -> None:
        FakeCloud().invoke(logs_event(sign_in(FIRST)))

        assert caplog.messages == [
            "record matched",
            "finding imported",
            "notification published",
            "delivery processed",
        ]
        assert {vars(line)["correlation_id"] for line in caplog.records[:3]} == {"e"}
        assert caplog.records[1].levelname == "INFO"
        assert vars(caplog.records[1])["account"] == FIRST

    def test_a_duplicate_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        cloud = FakeCloud()
        cloud.invoke(logs_event(sign_in(FIRST)))
        caplog.clear()
        cloud.invoke(logs_event(sign_in(FIRST)))

        assert "notification published before" in caplog.messages

    def test_a_fallback_finding_is_logged_with_its_reason(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        cloud = FakeCloud()
        cloud.sts.errors[FIRST] = DENIED
        cloud.invoke(logs_event(sign_in(FIRST)))
        stored = caplog.records[1]

        assert stored.message == "finding stored in the security account (fallback)"
        assert stored.levelname == "WARNING"
        assert vars(stored)["reason"].startswith("the member role does not exist")

    @pytest.mark.parametrize(
        ("errors", "message"),
        [
            ("sns", "notification not published"),
            ("sqs", "fallback jobs not queued"),
            ("hub", "fallback finding not imported"),
            ("table", "imported findings not read"),
        ],
    )
    def test_a_failure_is_logged(
        self, errors: str, message: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        cloud = FakeCloud()
        cloud.sts.errors[FIRST] = DENIED
        schedules = {
            "sns": cloud.sns.errors,
            "sqs": cloud.sqs.errors,
            "hub": cloud.hub("999988887777").errors,
            "table": cloud.table.imports,
        }
        schedules[errors].default = THROTTLED
        cloud.process(logs_event(sign_in(FIRST)))

        assert message in caplog.messages

    def test_unarchived_fallback_findings_and_unrecorded_imports_are_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        cloud = FakeCloud()
        cloud.hub("999988887777").errors.default = THROTTLED
        cloud.table.imports.default = THROTTLED
        cloud.process(fallback_job())

        assert caplog.messages[:2] == [
            "imported findings not recorded",
            "fallback finding not archived",
        ]

    def test_unreadable_content_is_logged_with_its_position(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        FakeCloud().process(logs_event({}, sign_in(FIRST) | {"eventTime": None}))
        [line] = caplog.records

        assert line.message == "content unreadable, dead-lettered"
        assert line.levelname == "ERROR"
        assert (vars(line)["position"], vars(line)["eventID"]) == (1, "e")
        assert vars(line)["reason"].startswith("eventTime: got nothing")

    def test_a_failed_account_is_logged_with_its_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        cloud = FakeCloud()
        cloud.hub(FIRST).errors.default = ZeroDivisionError("by zero")
        cloud.process(logs_event(sign_in(FIRST)))
        [_, line] = caplog.records

        assert (line.message, vars(line)["account"]) == ("account failed", FIRST)
        assert vars(line)["reason"] == "ZeroDivisionError('by zero')"

    def test_a_message_that_stays_in_the_queue_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        cloud = FakeCloud()
        cloud.sqs.errors.default = THROTTLED
        cloud.invoke(queue_event("x"))
        line = caplog.records[-1]

        assert line.message == "message stays in the queue"
        assert vars(line)["message_id"] == "message-0"
        assert "ThrottlingException" in vars(line)["reason"]
