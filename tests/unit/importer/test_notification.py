"""The notification that people read, in a mail and in a chat."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.errors import NotificationError
from functions.finding_importer.findings.refusal import Cause, Refusal
from functions.finding_importer.notifications.directory import GONE, UNKNOWN, Account
from functions.finding_importer.notifications.notification import (
    Notification,
    NotificationTopic,
    Place,
    Standing,
    compose,
)
from functions.finding_importer.text import line
from tests.unit.importer.cloud import HIGH
from tests.unit.importer.doubles import EVENT_ID, OWNER, finding
from tests.unit.importer.events import AWKWARD, LONG_TEXT
from tests.unit.importer.fakes import FakeSns, client_error

IMPORTED = Standing(Place.OWNING_ACCOUNT)
JOINED = datetime(2025, 3, 1, tzinfo=UTC)
PAYMENTS = Account(name="Payments", status="ACTIVE", joined=JOINED, path="Root / Prod")
TITLE = "[CRITICAL] Root signed in to the console without MFA in account 111122223333"
FINDING_LINK = (
    "https://eu-central-1.console.aws.amazon.com/securityhub/home?region=eu-central-1#/findings"
    "?search=Id%3D%255Coperator%255C%253AEQUALS%255C%253Arootwatch%252Froot_console_login_without_mfa"
    "%252Faws%252Fus-east-1%252F111122223333%252F7f1c1f6e-0000-4000-8000-000000000001"
)
EVENT_LINK = (
    "https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1"
    "#/events/7f1c1f6e-0000-4000-8000-000000000001"
)
RUNBOOK = "https://git.example.com/detections/root_console_login_without_mfa/runbook.md"
ROWS = {
    "Account": "111122223333 Payments",
    "Organizational unit": "Root / Prod",
    "In the organization": (
        "since 2025-03-01, less than 35 days: AWS may not insist on MFA there yet"
    ),
    "Time": "2025-03-04 05:06:07 UTC",
    "Event": "ConsoleLogin (signin.amazonaws.com)",
    "Identity": "arn:aws:iam::111122223333:root",
    "Source address": "198.51.100.7",
    "User agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "MFAUsed": "No",
    "Region": "us-east-1",
    "CloudTrail event ID": "7f1c1f6e-0000-4000-8000-000000000001",
    "Severity": "CRITICAL",
}
TEXT = f"""\
Root signed in to the console without MFA

The root user signed in with nothing but a password.

Account:             111122223333 Payments
Organizational unit: Root / Prod
In the organization: since 2025-03-01, less than 35 days: AWS may not insist on MFA there yet
Time:                2025-03-04 05:06:07 UTC
Event:               ConsoleLogin (signin.amazonaws.com)
Identity:            arn:aws:iam::111122223333:root
Source address:      198.51.100.7
User agent:          Mozilla/5.0 (X11; Linux x86_64)
MFAUsed:             No
Region:              us-east-1
CloudTrail event ID: 7f1c1f6e-0000-4000-8000-000000000001
Severity:            CRITICAL

Security Hub finding: in account 111122223333.
{FINDING_LINK}

The event in CloudTrail, for who is signed in to the account:
{EVENT_LINK}

What to do next:
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
                "*Security Hub finding:* in account 111122223333.",
                FINDING_LINK,
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


def notification(record: dict[str, Any] | None = None, account: Account = PAYMENTS) -> Notification:
    return compose(finding(record), IMPORTED, account)


def row(made: Notification, label: str) -> str:
    [value] = re.findall(rf"^{label}: *(.*)$", made.text, re.MULTILINE)
    return str(value)


def description(made: Notification) -> str:
    return str(json.loads(made.chat)["content"]["description"])


def test_a_mail_reads_as_a_person_wants_it() -> None:
    assert notification().subject == TITLE
    assert notification().text == TEXT


def test_a_chat_gets_what_awss_integrations_take() -> None:
    assert json.loads(notification().chat) == CHAT


def test_the_message_is_the_text_for_all_but_the_chats() -> None:
    made = notification()

    assert json.loads(made.message) == {"default": made.text, "https": made.chat}


@pytest.mark.parametrize(
    ("account", "rows"),
    [
        (UNKNOWN, (OWNER, "not known: AWS Organizations did not say")),
        (GONE, (f"{OWNER} (GONE)", "not known: AWS Organizations did not say")),
        (
            Account(name="Old", status="SUSPENDED", joined=JOINED - timedelta(days=99)),
            (f"{OWNER} Old (SUSPENDED)", "since 2024-11-22, more than 35 days"),
        ),
    ],
)
def test_what_is_known_of_the_account_is_told(account: Account, rows: tuple[str, str]) -> None:
    made = notification(account=account)

    assert (row(made, "Account"), row(made, "In the organization")) == rows


TAKEN_LATER = (
    "in the security account 999988887777; account 111122223333 does not take it yet, and gets it"
    " when it does."
)
WHY = Refusal(Cause.HUB_NOT_ENABLED, "see https://evil.example <!channel>")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place.SECURITY_ACCOUNT, TAKEN_LATER),
        (Place.NOWHERE_YET, "NOT imported yet; it will be tried again."),
        (Place.PUT_ASIDE, "NOT imported; a person finds it in the dead-letter queue."),
    ],
)
def test_where_the_finding_stands_and_why_is_told(place: Place, words: str) -> None:
    made = compose(finding(), Standing(place, WHY), PAYMENTS)

    assert (
        f"Security Hub finding: {words}\n"
        "Reason: Security Hub is not enabled there: see https[:]//evil[.]example <!channel>\n"
    ) in made.text
    assert (
        f"*Security Hub finding:* {words}\n\n"
        "`Reason: Security Hub is not enabled there: see https://evil.example \u2039!channel\u203a`"
    ) in description(made)


def test_what_the_event_does_not_state_is_said_so() -> None:
    made = notification({"additionalEventData": None, "userAgent": "", "awsRegion": None})

    for label in ("MFAUsed", "User agent", "Region"):
        assert row(made, label) == "not stated in the event"


def test_only_a_sign_in_tells_of_mfa() -> None:
    call = {"eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com"}
    silent = notification({**call, "additionalEventData": None})

    assert "MFAUsed" not in silent.text
    assert row(silent, "Event") == "StopLogging (cloudtrail.amazonaws.com)"
    assert row(notification({"eventName": "CheckMfa"}), "MFAUsed") == "No"


def test_an_event_without_a_name_or_a_source_says_so() -> None:
    assert (
        row(notification({"eventName": "", "eventSource": ""}), "Event")
        == "not stated in the event"
    )


HOSTILE = [
    "x\r\nAccount: 000000000000\u2028MFAUsed: Yes\x1b[2J",
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


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("field", ["userAgent", "sourceIPAddress"])
def test_an_attackers_text_forges_nothing(field: str, hostile: str) -> None:
    made = notification({field: hostile})

    assert_nothing_forged(made)
    assert len(made.text) < 2_500


@given(AWKWARD | LONG_TEXT, AWKWARD, AWKWARD, AWKWARD, st.text())
def test_whatever_the_event_holds_the_notification_is_whole(
    agent: Any, address: Any, arn: Any, mfa: Any, name: str
) -> None:
    record = {
        "userAgent": agent,
        "sourceIPAddress": address,
        "userIdentity": {"type": "Root", "arn": arn},
        "additionalEventData": {"MFAUsed": mfa},
    }
    made = notification(record, Account(name=line(name, 128) or None, path=f"Root / {name}"))

    assert_nothing_forged(made)
    NotificationTopic(FakeSns(), HIGH).publish(made)


def assert_nothing_forged(made: Notification) -> None:
    """The lines, the links and the facts are those of any notification."""
    assert len(made.text.split("\n")) == len(TEXT.split("\n")) == len(made.text.splitlines())
    assert re.findall(r"\S*://\S*", made.text) == [FINDING_LINK, EVENT_LINK, RUNBOOK]
    values = [row(made, label) for label in ROWS if label != "Event"]  # which AWS writes
    assert not any(re.search(r"\w\.[^\W\d_]|@", value) for value in values)
    chat = json.loads(made.chat)
    said = description(made).split("\n")
    facts = [fact for fact in said if fact[0:1] == "*" and "*Security Hub finding" not in fact]
    assert [fact.split(":*")[0] for fact in facts] == [f"*{label}" for label in ROWS]
    assert all(re.fullmatch(r"\*[A-Za-z ]+:\* `[^`<>|]+`", fact) for fact in facts)
    chat["content"]["description"] = CHAT["content"]["description"]  # type: ignore[index]
    assert chat == CHAT


def test_a_long_or_foreign_title_leaves_the_account_in_the_subject() -> None:
    long = compose(finding(title="Anmeldung überall\n" * 20), IMPORTED, PAYMENTS).subject

    assert long.startswith("[CRITICAL] Anmeldung ?berall Anmeldung")
    assert long.endswith(" in account 111122223333")
    assert len(long) <= 99


def test_three_steps_are_told_at_most() -> None:
    made = compose(finding(next_steps=[f"step {n}" for n in range(5)]), IMPORTED, PAYMENTS)

    assert "3. step 2\nRunbook: " in made.text
    assert len(json.loads(made.chat)["content"]["nextSteps"]) == 4


def test_a_runbook_that_is_not_published_is_named_by_its_path() -> None:
    made = compose(finding(runbook="detections/a/runbook.md"), IMPORTED, PAYMENTS)

    assert made.text.endswith("\nRunbook: detections/a/runbook.md")


def test_a_notification_is_published_to_its_topic() -> None:
    sns = FakeSns()

    NotificationTopic(sns, HIGH).publish(notification())

    assert [one["TopicArn"] for one in sns.published] == [HIGH]
    assert sns.told == [TEXT]


def test_a_notification_that_cannot_be_published_is_told_with_its_topic() -> None:
    sns = FakeSns()
    sns.faults.always = client_error("KMSAccessDenied", "Publish")

    with pytest.raises(NotificationError, match=f"{HIGH}.*KMSAccessDenied"):
        NotificationTopic(sns, HIGH).publish(notification())
