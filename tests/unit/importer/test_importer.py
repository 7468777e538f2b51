"""From deliveries to findings and notifications, all accounts at once, and what is left of each."""

import json
from typing import Any

import pytest

from tests.unit.importer.cloud import Cloud, job
from tests.unit.importer.doubles import (
    detection,
    event_bridge_event,
    id_of,
    logs_event,
    record,
    sign_in,
)
from tests.unit.importer.fakes import client_error

FIRST, SECOND, THIRD = "111111111111", "222222222222", "333333333333"
DENIED = client_error("AccessDenied", "AssumeRole", 403)
THROTTLED = client_error("ThrottlingException")
WITH_MFA = detection(
    name="root_console_login_with_mfa",
    priority="low",
    predicate={"field": "additionalEventData.MFAUsed", "equals": ["Yes"]},
)
ORDINARY = [
    record(additionalEventData={"MFAUsed": "no"}, eventName="CheckMfa"),
    record(userIdentity={"type": "AssumedRole"}),
    record(userIdentity={"type": "IAMUser"}),
    record(responseElements={"ConsoleLogin": "Failure"}),
    {"eventName": "ConsoleLogin"},
    {},
]


def flagged(event_id: str = "e", account: str = FIRST) -> dict[str, Any]:
    """The queue's message of a job that knows of its stand-in."""
    message: dict[str, Any] = json.loads(job(event_id, account, stand_in=True).body())
    return message


def test_a_sign_in_among_ordinary_events_becomes_one_finding_and_one_notification() -> None:
    cloud = Cloud()

    [delivery], counts = cloud.handle(logs_event(*ORDINARY, sign_in(FIRST), *ORDINARY))

    assert cloud.active() == {FIRST: [id_of(FIRST)]}
    assert len(cloud.sns.published) == 1
    assert (delivery.jobs, delivery.letters, delivery.records) == ([], [], 13)
    assert counts == {
        "Records": 13,
        "DeadLettered": 0,
        "Requeued": 0,
        "FindingsImported": 1,
        "NotificationNow": 1,
    }


def test_ordinary_events_touch_no_account_and_nobody_is_told() -> None:
    cloud = Cloud()

    cloud.handle(logs_event(*ORDINARY))

    assert cloud.journal == []
    assert cloud.organizations.calls == []


def test_a_notification_goes_to_the_topic_of_its_detections_priority() -> None:
    cloud = Cloud([detection(), WITH_MFA])

    cloud.handle(logs_event(sign_in(FIRST)))
    cloud.handle(logs_event(sign_in(SECOND) | {"additionalEventData": {"MFAUsed": "Yes"}}))

    topics = [one["TopicArn"].rpartition(":")[2] for one in cloud.sns.published]
    assert topics == ["high", "low"]
    assert FIRST in cloud.sns.told[0]
    assert SECOND in cloud.sns.told[1]


def test_a_record_that_matches_two_detections_is_two_findings() -> None:
    cloud = Cloud([detection(), detection(name="other")])

    _, counts = cloud.handle(logs_event(sign_in(FIRST)))

    assert len(cloud.active()[FIRST]) == 2
    assert counts["NotificationNow"] == 2


def test_each_account_is_entered_once_and_gets_its_own_findings() -> None:
    cloud = Cloud()

    cloud.handle(logs_event(sign_in(FIRST), sign_in(SECOND), sign_in(FIRST, "other")))

    assert sorted(call["RoleArn"].split(":")[4] for call in cloud.sts.calls) == [FIRST, SECOND]
    assert cloud.active() == {
        FIRST: [id_of(FIRST), id_of(FIRST, "other")],
        SECOND: [id_of(SECOND)],
    }


class TestWhatArrivesTwice:
    def test_a_record_repeated_at_once_is_imported_and_told_once(self) -> None:
        cloud = Cloud()

        twice = logs_event(sign_in(FIRST), sign_in(FIRST), sign_in(FIRST, "other"))
        cloud.handle(twice, event_bridge_event(sign_in(FIRST)))

        [batch] = cloud.hub(FIRST).batches
        assert [one["Id"] for one in batch] == [id_of(FIRST), id_of(FIRST, "other")]
        assert len(cloud.sns.published) == 2

    def test_a_record_repeated_later_adds_nothing(self) -> None:
        cloud = Cloud()

        for event in (logs_event(sign_in(FIRST)), event_bridge_event(sign_in(FIRST))):
            cloud.handle(event)

        assert cloud.active() == {FIRST: [id_of(FIRST)]}
        assert len(cloud.sns.published) == 1

    def test_what_is_left_of_it_is_left_once_in_each_delivery(self) -> None:
        cloud = Cloud()
        cloud.hub(FIRST).faults.always = THROTTLED

        twice = logs_event(sign_in(FIRST), sign_in(FIRST))
        (first, second), counts = cloud.handle(twice, event_bridge_event(sign_in(FIRST)))

        assert (len(first.jobs), len(second.jobs)) == (1, 1)
        assert counts["FindingsNotImported"] == 1

    def test_an_invalid_one_is_put_aside_once(self) -> None:
        cloud = Cloud()
        cloud.hub(FIRST).refused[id_of(FIRST)] = "InvalidInput"

        [delivery], _ = cloud.handle(logs_event(sign_in(FIRST), sign_in(FIRST)))

        [letter] = delivery.letters
        assert letter.body == job(account=FIRST).body()
        assert letter.reason.startswith("the finding is invalid: InvalidInput: ")
        assert delivery.jobs == []

    def test_an_invalid_one_of_which_nobody_could_be_told_is_left(self) -> None:
        cloud = Cloud()
        cloud.hub(FIRST).refused[id_of(FIRST)] = "InvalidInput"
        cloud.sns.faults.always = THROTTLED

        [delivery], _ = cloud.handle(logs_event(sign_in(FIRST)))

        assert (len(delivery.jobs), delivery.letters) == (1, [])

    @pytest.mark.parametrize("stand_in_first", [True, False])
    def test_a_job_that_knows_of_a_stand_in_prevails(self, *, stand_in_first: bool) -> None:
        cloud = Cloud()
        events = [flagged(), event_bridge_event(sign_in(FIRST))]

        deliveries, _ = cloud.handle(*(events if stand_in_first else reversed(events)))

        assert cloud.active() == {FIRST: [id_of(FIRST)]}
        assert len(cloud.hub("999988887777").batches) == 1
        assert [delivery.jobs for delivery in deliveries] == [[], []]


class TestUnreadable:
    def test_bad_records_are_put_aside_with_place_and_reason_and_stop_no_other(self) -> None:
        cloud = Cloud()
        bad = [
            "not json",
            sign_in(FIRST) | {"eventTime": None},
            sign_in(FIRST) | {"recipientAccountId": "12"},
        ]

        [delivery], counts = cloud.handle(logs_event(*bad, sign_in(SECOND)))

        reasons = [letter.reason for letter in delivery.letters]
        assert reasons[0].startswith("log event 0: expected JSON: ")
        assert reasons[1].startswith("log event 1: eventTime: expected ")
        assert reasons[2].startswith("log event 2: recipientAccountId: expected ")
        contents = [json.loads(letter.body)["content"] for letter in delivery.letters]
        assert contents[0] == "not json"
        assert [json.loads(content) for content in contents[1:]] == bad[1:]
        assert (counts["DeadLettered"], counts["Records"]) == (3, 3)
        assert cloud.active() == {SECOND: [id_of(SECOND)]}

    def test_a_bad_record_that_matches_nothing_is_nobodys(self) -> None:
        [delivery], counts = Cloud().handle(logs_event({"eventName": "CheckMfa", "eventTime": 1}))

        assert delivery.letters == []
        assert counts["Records"] == 1

    @pytest.mark.parametrize(
        "changes", [{"detection": "gone"}, {"record": {}}, {"stand_in": None}, {"detection": 5}]
    )
    def test_a_bad_job_is_put_aside_as_it_is(self, changes: dict[str, Any]) -> None:
        message = flagged() | changes

        [delivery], _ = Cloud().handle(message)

        [letter] = delivery.letters
        assert json.loads(json.loads(letter.body)["content"]) == message
        assert delivery.is_job


def test_what_is_counted_is_a_metric_of_its_own() -> None:
    cloud = Cloud()
    cloud.sts.errors = {FIRST: DENIED, SECOND: THROTTLED}
    cloud.hub(THIRD).refused[id_of(THIRD)] = "InvalidInput"
    cloud.table.claims.next = [client_error("InternalServerError", "PutItem", 500)]

    _, counts = cloud.handle(logs_event(*map(sign_in, (FIRST, SECOND, THIRD)), "x"))

    assert counts == {
        "Records": 3,
        "DeadLettered": 2,
        "Requeued": 1,
        "FindingsInSecurityAccount": 1,
        "FindingsNotImported": 1,
        "FindingsInvalid": 1,
        "NotificationNow": 2,
        "NotificationUnremembered": 1,
    }


def test_deliveries_come_back_in_their_order_with_what_is_left_of_each() -> None:
    cloud = Cloud()
    cloud.sts.errors = {SECOND: THROTTLED}
    events = [logs_event(sign_in(FIRST)), "x", event_bridge_event(sign_in(SECOND))]

    deliveries, _ = cloud.handle(*events)

    assert [(len(one.jobs), len(one.letters)) for one in deliveries] == [(0, 0), (0, 1), (1, 0)]
