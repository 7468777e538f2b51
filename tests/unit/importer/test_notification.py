"""Notifications as emails and in chat applications."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.errors import NotificationError
from functions.finding_importer.findings.import_status import (
    FailureCause,
    FindingImportFailure,
    FindingLocation,
    ImportStatus,
)
from functions.finding_importer.notifications.directory import NOT_FOUND, UNKNOWN, AccountInfo
from functions.finding_importer.notifications.notification import (
    Notification,
    NotificationTopic,
    compose,
)
from functions.finding_importer.text import clean_line
from tests.unit.importer.builders import ANY_VALUES, EVENT_ID, LONG_TEXT, OWNER, finding
from tests.unit.importer.fake_cloud import HIGH
from tests.unit.importer.fakes import FakeSns, client_error

IMPORTED = ImportStatus(FindingLocation.OWNING_ACCOUNT)
JOINED = datetime(2025, 3, 1, tzinfo=UTC)
PAYMENTS = AccountInfo(name="Payments", status="ACTIVE", joined=JOINED, path="Root / Prod")
TITLE = "[CRITICAL] Root signed in to the console without MFA in account 111122223333"
FINDING_URL = (
    "https://eu-central-1.console.aws.amazon.com/securityhub/home?region=eu-central-1#/findings"
    "?search=Id%3D%255Coperator%255C%253AEQUALS%255C%253Arootwatch%252Froot_console_login_without_mfa"
    "%252Faws%252Fus-east-1%252F111122223333%252F7f1c1f6e-0000-4000-8000-000000000001"
)
EVENT_URL = (
    "https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1"
    "#/events/7f1c1f6e-0000-4000-8000-000000000001"
)
RUNBOOK = "https://git.example.com/detections/root_console_login_without_mfa/runbook.md"
ROWS = {
    "Account": "111122223333 Payments",
    "Organizational unit": "Root / Prod",
    "Joined organization": (
        "2025-03-01 (less than 35 days before the event: AWS may not enforce MFA for root yet)"
    ),
    "Time": "2025-03-04 05:06:07 UTC",
    "Event": "ConsoleLogin (signin.amazonaws.com)",
    "Identity": "arn:aws:iam::111122223333:root",
    "Source IP address": "198.51.100.7",
    "User agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "MFA used": "No",
    "Region": "us-east-1",
    "CloudTrail event ID": "7f1c1f6e-0000-4000-8000-000000000001",
    "Severity": "CRITICAL",
}
TEXT = f"""\
Root signed in to the console without MFA

The root user signed in with nothing but a password.

Account:             111122223333 Payments
Organizational unit: Root / Prod
Joined organization: 2025-03-01 (less than 35 days before the event: AWS may not enforce MFA for \
root yet)
Time:                2025-03-04 05:06:07 UTC
Event:               ConsoleLogin (signin.amazonaws.com)
Identity:            arn:aws:iam::111122223333:root
Source IP address:   198.51.100.7
User agent:          Mozilla/5.0 (X11; Linux x86_64)
MFA used:            No
Region:              us-east-1
CloudTrail event ID: 7f1c1f6e-0000-4000-8000-000000000001
Severity:            CRITICAL

Security Hub finding: imported into account 111122223333.
{FINDING_URL}

Event in CloudTrail (sign in to account 111122223333 first):
{EVENT_URL}

Next steps:
1. Ask the account's owner.
2. Rotate the password.
3. Turn MFA on.
Runbook: {RUNBOOK}"""
CHAT = {
    "version": "1.0",
    "source": "custom",
    "id": EVENT_ID,
    "content": {
        "textType": "client-markdown",
        "title": TITLE,
        "description": "\n\n".join(
            [
                "The root user signed in with nothing but a password.",
                "\n".join(f"*{label}:* `{value}`" for label, value in ROWS.items()),
                "*Security Hub finding:* imported into account 111122223333.",
                FINDING_URL,
            ]
        ),
        "nextSteps": [
            "Ask the account's owner.",
            "Rotate the password.",
            "Turn MFA on.",
            f"Runbook: {RUNBOOK}",
        ],
        "keywords": ["CRITICAL", OWNER],
    },
    "metadata": {
        "threadId": f"rootwatch/{OWNER}",
        "summary": TITLE,
        "eventType": "root_console_login_without_mfa",
        "relatedResources": [f"AWS::::Account:{OWNER}"],
    },
}


def notification(
    record: dict[str, Any] | None = None, account: AccountInfo = PAYMENTS
) -> Notification:
    return compose(finding(record), IMPORTED, account)


def row(composed: Notification, label: str) -> str:
    [value] = re.findall(rf"^{label}: *(.*)$", composed.text, re.MULTILINE)
    return str(value)


def description(composed: Notification) -> str:
    return str(json.loads(composed.chat)["content"]["description"])


def test_an_e_mail_has_a_subject_and_a_text() -> None:
    assert notification().subject == TITLE
    assert notification().text == TEXT


def test_the_chat_form_has_the_schema_of_custom_notifications() -> None:
    assert json.loads(notification().chat) == CHAT


def test_the_message_is_the_chat_form_for_https_and_the_text_for_other_protocols() -> None:
    composed = notification()

    assert json.loads(composed.message) == {"default": composed.text, "https": composed.chat}


def test_the_account_rows_have_the_details_of_the_directory() -> None:
    unknown = "unknown (the account lookup failed)"
    joined_long_ago = JOINED - timedelta(days=99)
    for account, rows in (
        (UNKNOWN, (OWNER, unknown)),
        (NOT_FOUND, (f"{OWNER} (NOT_IN_ORGANIZATION)", unknown)),
        (
            AccountInfo(name="Old", status="SUSPENDED", joined=joined_long_ago),
            (f"{OWNER} Old (SUSPENDED)", "2024-11-22 (35 days or more before the event)"),
        ),
    ):
        composed = notification(account=account)

        assert (row(composed, "Account"), row(composed, "Joined organization")) == rows


FALLBACK_TEXT = (
    "imported into the security account 999988887777 as a fallback finding. It cannot be imported "
    "into account 111122223333 yet. Rootwatch retries the import."
)
FAILURE = FindingImportFailure(FailureCause.HUB_NOT_ENABLED, "see https://evil.example <!channel>")


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (FindingLocation.SECURITY_ACCOUNT, FALLBACK_TEXT),
        (FindingLocation.NOT_IMPORTED, "Not imported yet. Rootwatch retries the import."),
        (
            FindingLocation.DEAD_LETTER_QUEUE,
            "Not imported. The event is in the dead-letter queue and requires manual action.",
        ),
    ],
)
def test_the_import_status_has_its_location_and_reason(
    location: FindingLocation, text: str
) -> None:
    composed = compose(finding(), ImportStatus(location, FAILURE), PAYMENTS)
    reason = "Reason: Security Hub is not enabled in the account: see"

    assert (
        f"Security Hub finding: {text}\n{reason} https[:]//evil[.]example <!channel>\n"
    ) in composed.text
    assert (
        f"*Security Hub finding:* {text}\n\n`{reason} https://evil.example \u2039!channel\u203a`"
    ) in description(composed)


def test_an_absent_field_is_stated_as_not_recorded() -> None:
    composed = notification({"additionalEventData": None, "userAgent": "", "awsRegion": None})

    for label in ("MFA used", "User agent", "Region"):
        assert row(composed, label) == "not recorded in the event"


def test_only_a_sign_in_has_a_row_for_mfa() -> None:
    call = {"eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com"}
    composed = notification({**call, "additionalEventData": None})

    assert "MFA used" not in composed.text
    assert row(composed, "Event") == "StopLogging (cloudtrail.amazonaws.com)"
    assert row(notification({"eventName": "CheckMfa"}), "MFA used") == "No"


def test_an_event_without_name_and_source_is_not_recorded() -> None:
    composed = notification({"eventName": "", "eventSource": ""})

    assert row(composed, "Event") == "not recorded in the event"


HOSTILE = [
    "x\r\nAccount: 000000000000\u2028MFA used: Yes\x1b[2J",
    "` <!channel> *bold* `",
    "<https://evil.example|AWS console>",
    "[AWS console](https://evil.example)",
    "see www.evil.example or WWW.evil.example",
    '"}, "source": "aws", {"',
    "abc\u202etxt.exe\u2066\u200b\ufeff",
    "\\` \\n {0} %s",
    "@here <@U123> <#C1> &lt;!here&gt;",
    "y" * 10_000,
]


@pytest.mark.parametrize("field", ["userAgent", "sourceIPAddress"])
def test_an_attacker_cannot_forge_parts_of_a_notification(field: str) -> None:
    for hostile in HOSTILE:
        composed = notification({field: hostile})

        assert_not_forged(composed)
        assert len(composed.text) < 2_500


@given(ANY_VALUES | LONG_TEXT, ANY_VALUES, ANY_VALUES, ANY_VALUES, st.text())
def test_arbitrary_values_cannot_forge_parts_of_a_notification(
    agent: Any, address: Any, arn: Any, mfa: Any, name: str
) -> None:
    record = {
        "userAgent": agent,
        "sourceIPAddress": address,
        "userIdentity": {"type": "Root", "arn": arn},
        "additionalEventData": {"MFAUsed": mfa},
    }
    account = AccountInfo(name=clean_line(name, 128) or None, path=f"Root / {name}")
    composed = notification(record, account)

    assert_not_forged(composed)
    NotificationTopic(FakeSns(), HIGH).publish(composed)


def assert_not_forged(composed: Notification) -> None:
    """Assert that lines, links and labels are those of an ordinary notification."""
    assert (
        len(composed.text.split("\n")) == len(TEXT.split("\n")) == len(composed.text.splitlines())
    )
    assert re.findall(r"\S*://\S*", composed.text) == [FINDING_URL, EVENT_URL, RUNBOOK]
    values = [row(composed, label) for label in ROWS if label != "Event"]  # AWS writes it
    assert not any(re.search(r"\w\.[^\W\d_]|@", value) for value in values)
    chat = json.loads(composed.chat)
    lines = description(composed).split("\n")
    rows = [line for line in lines if line[0:1] == "*" and "*Security Hub finding" not in line]
    assert [line.split(":*")[0] for line in rows] == [f"*{label}" for label in ROWS]
    assert all(re.fullmatch(r"\*[A-Za-z ]+:\* `[^`<>|]+`", line) for line in rows)
    chat["content"]["description"] = CHAT["content"]["description"]  # type: ignore[index]
    assert chat == CHAT


def test_a_long_title_with_other_characters_keeps_the_account_in_the_subject() -> None:
    subject = compose(finding(title="Anmeldung überall\n" * 20), IMPORTED, PAYMENTS).subject

    assert subject.startswith("[CRITICAL] Anmeldung ?berall Anmeldung")
    assert subject.endswith(" in account 111122223333")
    assert len(subject) <= 99


def test_a_notification_has_at_most_three_steps() -> None:
    composed = compose(finding(next_steps=[f"step {n}" for n in range(5)]), IMPORTED, PAYMENTS)

    assert "3. step 2\nRunbook: " in composed.text
    assert len(json.loads(composed.chat)["content"]["nextSteps"]) == 4


def test_an_unpublished_runbook_is_a_path() -> None:
    composed = compose(finding(runbook="detections/a/runbook.md"), IMPORTED, PAYMENTS)

    assert composed.text.endswith("\nRunbook: detections/a/runbook.md")


def test_a_notification_is_published_to_its_topic() -> None:
    sns = FakeSns()

    NotificationTopic(sns, HIGH).publish(notification())

    assert [one["TopicArn"] for one in sns.published] == [HIGH]
    assert sns.texts == [TEXT]


def test_a_rejected_notification_raises_an_error_with_its_topic() -> None:
    sns = FakeSns()
    sns.errors.default = client_error("KMSAccessDenied", "Publish")

    with pytest.raises(NotificationError, match=f"{HIGH}.*KMSAccessDenied"):
        NotificationTopic(sns, HIGH).publish(notification())
