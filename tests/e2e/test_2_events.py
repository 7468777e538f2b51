"""What sign-ins lead to, from CloudTrail's record to the mailbox and to Security Hub."""

import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from compiler import catalog
from compiler.detection import Detection
from compiler.samples import Sample, read_samples
from config.loader import load
from demo.deployment import Deployment
from sandbox.cloudtrail import sign_ins
from sandbox.organizations.organization import ACCOUNTS, LOG_ARCHIVE, MANAGEMENT, MEMBERS, SECURITY
from tests.e2e.conftest import CONFIG
from tests.e2e.observer import ADDRESSES, LOW_PRIORITY_ADDRESSES, PREFIX, Observer

VICTIM = MEMBERS[0].id
MISSION = "root_console_login_without_mfa"
ENABLED = catalog.enabled(load(CONFIG))
ALARM_SECONDS = 10

each_enabled = pytest.mark.parametrize("one", ENABLED, ids=lambda one: one.name)


def test_ordinary_sign_ins_lead_to_nothing(observer: Observer) -> None:
    for make in (sign_ins.single_sign_on, sign_ins.iam_user_without_mfa, sign_ins.root_failing):
        observer.sandbox.record(make(VICTIM))

    assert observer.findings_everywhere() == {}
    assert observer.notifications() == observer.notifications("low") == []
    assert observer.alarm_mails(MISSION) == []
    assert observer.alarm_state(MISSION) == "OK"


def test_root_with_mfa_notifies_the_low_priority_addresses(observer: Observer) -> None:
    observer.sandbox.record(sign_ins.root_with_mfa(VICTIM))
    [finding] = observer.findings(VICTIM)

    assert finding["Severity"]["Label"] == "INFORMATIONAL"
    assert {mail.to for mail in observer.notifications("low")} == LOW_PRIORITY_ADDRESSES
    assert observer.notifications() == []
    assert observer.alarm_state(MISSION) == "OK"


def test_failures_raise_their_alarm_at_their_count_and_not_before(observer: Observer) -> None:
    name = "root_console_login_failures"
    [failures] = [one for one in ENABLED if one.name == name]
    missing = failures.threshold.count - observer.counted(name)
    observer.deliver(*(sign_ins.root_failing(VICTIM) for _ in range(missing - 1)))
    before = observer.alarm_state(name)
    observer.deliver(sign_ins.root_failing(VICTIM))
    _wait_for_alarm(observer, name, failures.priority)

    assert missing > 1
    assert before == "OK"
    assert observer.alarm_state(name) == "ALARM"
    assert len(observer.alarm_mails(name, failures.priority)) == len(LOW_PRIORITY_ADDRESSES)
    assert observer.findings_everywhere() == {}


def test_root_without_mfa_raises_the_alarm_and_notifies_every_address(observer: Observer) -> None:
    observer.sandbox.record(sign_ins.root_without_mfa(VICTIM))
    _wait_for_alarm(observer, MISSION, "high")
    mails = observer.alarm_mails(MISSION)

    assert {mail.to for mail in mails} == ADDRESSES
    assert len(mails) == len(ADDRESSES)
    assert all(json.loads(mail.body)["NewStateValue"] == "ALARM" for mail in mails)
    assert observer.sandbox.services.alarms.undelivered == []


def test_root_without_mfa_becomes_one_finding_in_the_owning_account(observer: Observer) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.record(record)
    own, seen = observer.findings(VICTIM), observer.findings(SECURITY.id)

    assert [finding["AwsAccountId"] for finding in own] == [VICTIM]
    assert record["eventID"] in own[0]["Id"]
    assert own[0]["Severity"]["Label"] == "CRITICAL"
    assert [finding["Id"] for finding in seen] == [own[0]["Id"]]
    assert set(observer.findings_everywhere()) == {VICTIM, SECURITY.id}


def test_the_notification_says_who_where_when_and_what_to_do(observer: Observer) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.sandbox.record(record)
    notifications = observer.notifications()
    when = record["eventTime"].replace("T", " ").removesuffix("Z") + " UTC"
    [detection] = [one for one in ENABLED if one.name == MISSION]

    assert sorted(mail.to for mail in notifications) == sorted(ADDRESSES)
    for text in (VICTIM, record["sourceIPAddress"], record["userAgent"], when):
        assert all(text in mail.body for mail in notifications)
    for step in detection.next_steps:
        assert all(step in mail.body for mail in notifications)


@each_enabled
def test_samples_are_counted_and_found_exactly_where_they_match(
    one: Detection, observer: Observer, new_event_id: Iterator[str]
) -> None:
    """All samples of a detection in one delivery, to the deployed filters and the importer."""
    samples = {next(new_event_id): sample for sample in read_samples(one.folder)}
    matching = {event_id for event_id, sample in samples.items() if sample.matches}
    before = observer.counted(one.name)
    observer.deliver(
        *({**_of_this_deployment(sample), "eventID": id_} for id_, sample in samples.items())
    )
    found = [
        finding["ProductFields"]["rootwatch/eventID"]
        for account in ACCOUNTS
        for finding in observer.findings(account.id)
        if finding["GeneratorId"] == f"rootwatch/{one.name}"
        and finding["AwsAccountId"] == account.id
    ]

    if "metric_filter" in one.evaluated_by:
        assert observer.counted(one.name) - before == len(matching)
    assert sorted(found) == sorted(matching if "importer" in one.evaluated_by else [])


def _of_this_deployment(sample: Sample) -> dict[str, Any]:
    """The samples name what a deployment with the prefix rootwatch has."""
    text = json.dumps(sample.record).replace("rootwatch", PREFIX)
    return dict(json.loads(text))


def test_a_sign_in_to_the_management_account_is_found_there(observer: Observer) -> None:
    observer.sandbox.record(sign_ins.root_without_mfa(MANAGEMENT.id))

    assert [f["AwsAccountId"] for f in observer.findings(MANAGEMENT.id)] == [MANAGEMENT.id]


def test_sign_ins_to_several_accounts_in_one_delivery_each_go_to_their_owner(
    observer: Observer,
) -> None:
    observer.deliver(*(sign_ins.root_without_mfa(account.id) for account in MEMBERS))

    for account in MEMBERS:
        assert [f["AwsAccountId"] for f in observer.findings(account.id)] == [account.id]
    assert len(observer.notifications()) == len(MEMBERS) * len(ADDRESSES)


def test_a_record_twice_in_one_delivery_is_one_finding_and_one_notification(
    observer: Observer,
) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record, record)

    assert len(observer.findings(VICTIM)) == 1
    assert len(observer.notifications()) == len(ADDRESSES)


def test_a_record_delivered_again_is_no_second_finding(observer: Observer) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)
    (first,) = observer.findings(VICTIM)
    observer.deliver(record)

    assert observer.findings(VICTIM) == [first]


def test_mfa_used_of_an_undocumented_type_is_no_evidence_of_mfa(observer: Observer) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    record["additionalEventData"]["MFAUsed"] = {"value": "Yes"}
    observer.deliver(record)

    assert len(observer.findings(VICTIM)) == 1


def test_the_importer_writes_its_log_with_the_event_id(observer: Observer) -> None:
    record = sign_ins.root_without_mfa(VICTIM)
    observer.deliver(record)

    assert observer.steps(record) == [
        "record matched",
        "finding imported",
        "notification published",
    ]


def test_the_insight_counts_root_sign_ins_without_mfa_by_account(observer: Observer) -> None:
    """As Security Hub computes it, over the findings that the security account sees."""
    hub = observer.sandbox.client("securityhub", SECURITY.id)
    [insight] = [one for one in hub.get_insights()["Insights"] if PREFIX in one["Name"]]
    before = _counts(hub, insight)
    observer.deliver(
        sign_ins.root_without_mfa(VICTIM),
        sign_ins.root_without_mfa(VICTIM),
        sign_ins.root_with_mfa(VICTIM),
        sign_ins.root_without_mfa(MANAGEMENT.id),
    )

    assert _counts(hub, insight) - before == Counter(
        {f"AWS::::Account:{VICTIM}": 2, f"AWS::::Account:{MANAGEMENT.id}": 1}
    )


def _counts(hub: Any, insight: dict[str, Any]) -> Counter[str]:
    results = hub.get_insight_results(InsightArn=insight["InsightArn"])["InsightResults"]
    return Counter({one["GroupByAttributeValue"]: one["Count"] for one in results["ResultValues"]})


def test_the_archive_holds_every_event(observer: Observer, deployment: Deployment) -> None:
    record = sign_ins.root_with_mfa(VICTIM)
    observer.sandbox.record(record)
    bucket = deployment.outputs("trail")["trail_bucket_name"]

    assert record["eventID"] in _archived_events(observer, bucket)


def _archived_events(observer: Observer, bucket: str) -> set[str]:
    s3: Any = observer.sandbox.client("s3", LOG_ARCHIVE.id)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    files = (s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)
    records = (record for file in files for record in json.loads(gzip.decompress(file))["Records"])
    return {record["eventID"] for record in records}


def _wait_for_alarm(observer: Observer, detection: str, priority: str) -> None:
    """The alarm acts on its own; that it was quick is not what is tested."""
    deadline = time.monotonic() + ALARM_SECONDS
    while not observer.alarm_mails(detection, priority) and time.monotonic() < deadline:
        time.sleep(0.05)
