"""The notice that people read."""

import pytest
from botocore.exceptions import ClientError

from functions.finding_importer.errors import NoticeError
from functions.finding_importer.notice import NoticeTopic, compose
from tests.unit.importer_doubles import FakeSns, client_error, finding

TOPIC = "arn:aws:sns:eu-central-1:999988887777:notices"


def test_a_notice_reads_as_a_person_wants_it() -> None:
    notice = compose(finding(), None)

    assert notice.subject == (
        "[CRITICAL] Root signed in to the console without MFA in account 111122223333"
    )
    assert notice.message == (
        "Root signed in to the console without MFA\n"
        "\n"
        "The root user signed in with nothing but a password.\n"
        "\n"
        "Account:             111122223333\n"
        "Time:                2025-03-04 05:06:07 UTC\n"
        "Event:               ConsoleLogin (signin.amazonaws.com)\n"
        "Identity:            arn:aws:iam::111122223333:root\n"
        "Source address:      198.51.100.7\n"
        "User agent:          Mozilla/5.0 (X11; Linux x86_64)\n"
        "MFAUsed:             No\n"
        "Region:              us-east-1\n"
        "CloudTrail event ID: 7f1c1f6e-0000-4000-8000-000000000001\n"
        "Severity:            CRITICAL\n"
        "\n"
        "Security Hub finding:\n"
        "rootwatch/root_console_login_without_mfa/aws/us-east-1/111122223333/"
        "7f1c1f6e-0000-4000-8000-000000000001\n"
        "\n"
        "What to do next:\n"
        "1. Ask the account's owner.\n"
        "2. Rotate the password.\n"
        "3. Turn MFA on."
    )


def test_a_failed_import_is_told_with_its_reason() -> None:
    message = compose(finding(), "InvalidAccess: not enabled\n").message

    assert "could NOT be imported into Security Hub:\nInvalidAccess: not enabled\n" in message
    assert finding().id in message


def test_what_the_event_does_not_state_is_said_so() -> None:
    message = compose(finding({"additionalEventData": None, "userAgent": ""}), None).message

    assert "MFAUsed:             not stated in the event\n" in message
    assert "User agent:          not stated in the event\n" in message


def test_only_a_sign_in_tells_of_mfa() -> None:
    call = {
        "eventName": "StopLogging",
        "eventSource": "cloudtrail.amazonaws.com",
        "additionalEventData": None,
    }
    message = compose(finding(call), None).message

    assert "MFAUsed" not in message
    assert "Event:               StopLogging (cloudtrail.amazonaws.com)\n" in message


def test_another_event_that_tells_of_mfa_is_quoted() -> None:
    message = compose(finding({"eventName": "CheckMfa"}), None).message

    assert "MFAUsed:             No\n" in message


def test_an_event_without_a_name_or_a_source_says_so() -> None:
    nameless = compose(finding({"eventName": "", "eventSource": ""}), None).message

    assert "Event:               not stated in the event\n" in nameless


def test_a_user_agent_cannot_forge_lines_or_drown_the_rest() -> None:
    forged = {"userAgent": "x\r\nAccount: 000000000000\u2028MFAUsed: Yes\x1b[2J" + "y" * 5_000}

    message = compose(finding(forged), None).message

    assert "User agent:          x Account: 000000000000 MFAUsed: Yes [2Jyy" in message
    assert len(message.splitlines()) == len(compose(finding(), None).message.splitlines())
    assert len(message) < 2_000


def test_a_long_or_foreign_title_leaves_the_account_in_the_subject() -> None:
    subject = compose(finding(title="Anmeldung überall\n" * 20), None).subject

    assert subject.startswith("[CRITICAL] Anmeldung ?berall Anmeldung")
    assert subject.endswith(" in account 111122223333")
    assert len(subject) <= 99


@pytest.mark.parametrize("subject", ["x" * 100, "two\nlines", "über"])
def test_the_fake_refuses_what_sns_refuses(subject: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameter"):
        FakeSns().publish(TopicArn=TOPIC, Subject=subject, Message="text")


def test_a_notice_is_published_to_the_topic() -> None:
    sns = FakeSns()

    NoticeTopic(sns, TOPIC).publish(compose(finding(), None))

    assert [one["TopicArn"] for one in sns.published] == [TOPIC]


def test_a_notice_that_cannot_be_published_is_told_with_its_topic() -> None:
    topic = NoticeTopic(FakeSns(error=client_error("KMSAccessDenied", "Publish")), TOPIC)

    with pytest.raises(NoticeError, match=f"{TOPIC}.*KMSAccessDenied"):
        topic.publish(compose(finding(), None))
