"""One delivery, from records to findings and notices, against fakes of AWS."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.finding_importer import log
from functions.finding_importer.accounts import OwningAccounts
from functions.finding_importer.aws import Credentials
from functions.finding_importer.errors import ImportFailedError
from functions.finding_importer.importer import FindingImporter
from functions.finding_importer.notice import NoticeTopic
from functions.finding_importer.rules import Ruleset
from functions.finding_importer.security_hub import SecurityHub
from functions.finding_importer.sources import decode
from tests.unit.importer_doubles import (
    SCOPE,
    FakeSecurityHub,
    FakeSns,
    FakeSts,
    client_error,
    detection,
    finding,
    logs_event,
    record,
)

HIGH, LOW = (f"arn:aws:sns:eu-central-1:999988887777:{name}" for name in ("high", "low"))
FIRST, SECOND, THIRD = "111111111111", "222222222222", "333333333333"
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
]


@dataclass
class Cloud:
    sts: FakeSts = field(default_factory=FakeSts)
    sns: FakeSns = field(default_factory=FakeSns)
    hubs: dict[str, FakeSecurityHub] = field(default_factory=dict)

    def hub_of(self, credentials: Credentials) -> SecurityHub:
        account = credentials.access_key_id  # the fake of STS puts it there
        return SecurityHub(self.hubs.setdefault(account, FakeSecurityHub(account)))

    def deliver(self, *messages: Any) -> dict[str, int]:
        importer = FindingImporter(
            ruleset=Ruleset.of([detection(), WITH_MFA]),
            scope=SCOPE,
            accounts=OwningAccounts(self.sts, "aws", "rootwatch-member"),
            hub_of=self.hub_of,
            topics={"high": NoticeTopic(self.sns, HIGH), "low": NoticeTopic(self.sns, LOW)},
        )
        return importer.handle(decode(logs_event(*messages)))

    @property
    def told(self) -> list[str]:
        return [one["Message"] for one in self.sns.published]


def sign_in(account: str, event_id: str = "e") -> dict[str, Any]:
    return record(recipientAccountId=account, eventID=event_id)


def id_of(account: str, event_id: str = "e") -> str:
    return finding({"recipientAccountId": account, "eventID": event_id}).id


def test_a_sign_in_among_ordinary_events_becomes_one_finding_and_one_notice() -> None:
    cloud = Cloud()

    counts = cloud.deliver(*ORDINARY, sign_in(FIRST))

    assert counts == {"records": 6, "findings": 1, "failures": 0}
    assert cloud.hubs[FIRST].imported == [id_of(FIRST)]
    assert len(cloud.told) == 1
    assert FIRST in cloud.told[0]


def test_a_notice_goes_to_the_topic_of_its_detections_priority() -> None:
    cloud = Cloud()

    cloud.deliver(sign_in(FIRST), sign_in(SECOND) | {"additionalEventData": {"MFAUsed": "Yes"}})

    first, second = cloud.sns.published
    assert first["TopicArn"] == HIGH
    assert FIRST in first["Message"]
    assert second["TopicArn"] == LOW
    assert SECOND in second["Message"]


def test_ordinary_events_touch_no_account_and_nobody_is_told() -> None:
    cloud = Cloud()

    cloud.deliver(*ORDINARY)

    assert cloud.sts.calls == []
    assert cloud.told == []


def test_a_record_repeated_in_one_delivery_adds_nothing() -> None:
    cloud = Cloud()

    cloud.deliver(sign_in(FIRST), sign_in(FIRST), sign_in(FIRST, "other"))

    assert cloud.hubs[FIRST].imported == [id_of(FIRST), id_of(FIRST, "other")]
    assert len(cloud.told) == 2


def test_each_account_is_entered_once_and_gets_its_own_findings() -> None:
    cloud = Cloud()

    cloud.deliver(sign_in(FIRST), sign_in(SECOND), sign_in(FIRST, "other"))

    assert [call["RoleArn"].split(":")[4] for call in cloud.sts.calls] == [FIRST, SECOND]
    assert cloud.hubs[FIRST].imported == [id_of(FIRST), id_of(FIRST, "other")]
    assert cloud.hubs[SECOND].imported == [id_of(SECOND)]


def test_a_closed_account_blocks_no_other_and_its_notice_says_so() -> None:
    cloud = Cloud(sts=FakeSts(closed=frozenset({FIRST})))

    with pytest.raises(ImportFailedError, match="AccessDenied") as caught:
        cloud.deliver(sign_in(FIRST), sign_in(SECOND))

    assert caught.value.accounts == (FIRST,)
    assert caught.value.ids == (id_of(FIRST),)
    assert cloud.hubs[SECOND].imported == [id_of(SECOND)]
    assert ["could NOT be imported" in message for message in cloud.told] == [True, False]


def test_a_refused_finding_is_an_error_after_the_rest_is_done() -> None:
    cloud = Cloud(hubs={FIRST: FakeSecurityHub(FIRST, refused=frozenset({id_of(FIRST)}))})

    with pytest.raises(ImportFailedError) as caught:
        cloud.deliver(sign_in(FIRST), sign_in(FIRST, "good"), sign_in(SECOND))

    assert caught.value.ids == (id_of(FIRST),)
    assert caught.value.reasons == ("InvalidAccess: not enabled",)
    assert cloud.hubs[FIRST].imported == [id_of(FIRST, "good")]
    assert cloud.hubs[SECOND].imported == [id_of(SECOND)]
    assert len(cloud.told) == 3


def test_a_notice_that_fails_is_an_error_and_the_findings_stand() -> None:
    cloud = Cloud(sns=FakeSns(error=client_error("KMSAccessDenied", "Publish")))

    with pytest.raises(ImportFailedError, match="KMSAccessDenied") as caught:
        cloud.deliver(sign_in(FIRST), sign_in(SECOND))

    assert caught.value.accounts == (FIRST, SECOND)
    assert cloud.hubs[SECOND].imported == [id_of(SECOND)]


def test_bad_records_are_named_after_the_good_ones_are_done() -> None:
    cloud = Cloud()

    with pytest.raises(ImportFailedError) as caught:
        cloud.deliver(
            "not json",
            sign_in(FIRST) | {"eventTime": None},
            sign_in(FIRST) | {"recipientAccountId": "12"},
            sign_in(SECOND),
        )

    assert [failure.position for failure in caught.value.failures] == [0, 1, 2]
    assert [failure.event_id for failure in caught.value.failures] == [None, "e", "e"]
    assert "log event 1, eventID e: eventTime: expected" in str(caught.value)
    assert cloud.hubs[SECOND].imported == [id_of(SECOND)]


def test_each_step_is_one_line_of_json_with_its_event_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("INFO")

    with pytest.raises(ImportFailedError):
        Cloud(sts=FakeSts(closed=frozenset({THIRD}))).deliver(sign_in(FIRST), sign_in(THIRD))

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["step"], line.get("eventID")) for line in lines] == [
        ("record matched", "e"),
        ("record matched", "e"),
        ("finding imported", "e"),
        ("notice published", "e"),
        ("finding not imported", "e"),
        ("notice published", "e"),
        ("delivery handled", None),
    ]
    assert "AccessDenied" in lines[4]["reason"]
    assert lines[4]["level"] == "ERROR"
