"""What SNS takes as a message, and what a subscriber of a protocol gets of it.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import functools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend

MESSAGE_BYTES = 262_144
SUBJECT = re.compile(r"[!-~][ -~]{0,98}")  # printable ASCII, under 100 characters


@contextmanager
def installed() -> Iterator[None]:
    with patch.object(SNSBackend, "publish", _publishing(SNSBackend.publish)):
        yield


def message_for(protocol: str, message: str, structure: str | None) -> str:
    if structure != "json":
        return message
    messages = json.loads(message)
    return str(messages.get(protocol, messages["default"]))


def _publishing(publish: Any) -> Any:
    @functools.wraps(publish)
    def publishing(backend: SNSBackend, message: str, *args: Any, **options: Any) -> Any:
        _check_message(message, options.get("message_structure"))
        subject = options.get("subject")
        if subject is not None and not SUBJECT.fullmatch(subject):
            raise SNSInvalidParameter("Invalid parameter: Subject")
        return publish(backend, message, *args, **options)

    return publishing


def _check_message(message: str, structure: str | None) -> None:
    if not message:
        raise SNSInvalidParameter("Invalid parameter: Empty message")
    if len(message.encode()) > MESSAGE_BYTES:
        raise SNSInvalidParameter("Invalid parameter: Message too long")
    if structure == "json":
        _check_structure(message)


def _check_structure(message: str) -> None:
    try:
        messages = json.loads(message)
    except ValueError as error:
        raise _structure_error("JSON message body failed to parse") from error
    if not isinstance(messages, dict) or not isinstance(messages.get("default"), str):
        raise _structure_error("No default entry in JSON message body")


def _structure_error(reason: str) -> SNSInvalidParameter:
    return SNSInvalidParameter(f"Invalid parameter: Message Structure - {reason}")
