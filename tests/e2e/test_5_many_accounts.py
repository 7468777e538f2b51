"""As many accounts as you like: `ROOTWATCH_ACCOUNTS=5000 pytest` with this file alone."""

import json
import os
import re
from collections import Counter

from demo.deployment import Deployment
from sandbox.cloudtrail import sign_ins
from sandbox.organizations.organization import SECURITY, join_many
from tests.e2e.observer import LOW_PRIORITY_ADDRESSES, Observer
from tests.e2e.test_1_deployment import STACKS

ACCOUNTS = int(os.environ.get("ROOTWATCH_ACCOUNTS", "200"))
SECONDS_AN_ACCOUNT = 1.0  # until the sandbox is thought to hang
EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_a_sign_in_in_each_of_many_accounts_at_once_is_a_finding_and_a_notification_each(
    observer: Observer, deployment: Deployment
) -> None:
    """By both paths, in accounts that joined a moment ago; and Terraform has no more to do."""
    before = {stack: deployment.resources(stack) for stack in STACKS}
    records = {
        record["eventID"]: record
        for account in join_many(ACCOUNTS, "Workloads")
        for record in [sign_ins.root_without_mfa(account.id)]
    }
    for record in records.values():
        observer.sandbox.services.trails.record(record)
    observer.sandbox.settle(within_seconds=60 + SECONDS_AN_ACCOUNT * ACCOUNTS)
    observer.drain()

    owners = {event_id: [record["recipientAccountId"]] for event_id, record in records.items()}
    assert _owners_of_findings(observer, records) == owners
    assert _notifications(observer, records) == Counter(list(records))
    assert observer.dead_letter_messages() == []
    assert {stack: deployment.plan(stack) for stack in STACKS} == {stack: [] for stack in STACKS}
    assert {stack: deployment.resources(stack) for stack in STACKS} == before


def _owners_of_findings(
    observer: Observer, records: dict[str, dict[str, object]]
) -> dict[str, list[str]]:
    """Of the active findings, as the security account sees them, by event."""
    hub = observer.sandbox.client("securityhub", SECURITY.id)
    state = [{"Value": "ACTIVE", "Comparison": "EQUALS"}]
    pages = hub.get_paginator("get_findings").paginate(Filters={"RecordState": state})
    owners: dict[str, list[str]] = {}
    for page in pages:
        for finding in page["Findings"]:
            event_id = finding["Id"].rpartition("/")[2]
            if event_id in records:
                owners.setdefault(event_id, []).append(finding["AwsAccountId"])
    return owners


def _notifications(observer: Observer, records: dict[str, dict[str, object]]) -> Counter[str]:
    """To one of the addressees, by event."""
    address = min(LOW_PRIORITY_ADDRESSES)
    return Counter(
        event_id
        for mail in observer.notifications("high")
        if mail.to == address
        for event_id in set(EVENT_ID.findall(json.dumps(mail.body)))
        if event_id in records
    )
