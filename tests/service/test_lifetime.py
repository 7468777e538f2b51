"""A sandbox begins empty, is alone in its process, and ends without a trace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from moto.core.responses import BaseResponse
from moto.logs.models import LogsBackend
from moto.sns.models import SNSBackend

from sandbox.local import AlreadyRunningError, Sandbox
from sandbox.organization import ACCOUNTS, SECURITY
from tests.service.sandbox_resources import create_function, create_topic

if TYPE_CHECKING:
    from collections.abc import Iterable

PATCHED = (
    (BaseResponse, "call_action"),
    (LogsBackend, "put_metric_filter"),
    (SNSBackend, "subscribe"),
)


def operations(owners: Iterable[tuple[type, str]] = PATCHED) -> list[object]:
    return [vars(owner)[name] for owner, name in owners]


def test_a_second_one_in_the_process_is_refused_and_leaves_the_first_alone() -> None:
    with Sandbox() as first:
        create_topic(first, SECURITY.id)
        with pytest.raises(AlreadyRunningError), Sandbox():
            pass

        topics = first.client("sns", SECURITY.id).list_topics()["Topics"]
        assert len(topics) == 1


def test_the_next_one_begins_empty() -> None:
    with Sandbox() as first:
        create_topic(first, SECURITY.id)

    with Sandbox() as second:
        assert second.client("sns", SECURITY.id).list_topics()["Topics"] == []
        listed = second.client("organizations").list_accounts()["Accounts"]
        assert {account["Id"] for account in listed} == {account.id for account in ACCOUNTS}


def test_nothing_of_it_stays_behind() -> None:
    before = operations()

    with Sandbox() as running:
        during = operations()
        source = "import os\ndef handler(event, context):\n    return os.getpid()"
        function = create_function(running, SECURITY.id, source)
        answer = running.client("lambda", SECURITY.id).invoke(FunctionName=function)
        process = int(answer["Payload"].read())

    assert all(one is not other for one, other in zip(before, during, strict=True))
    assert operations() == before
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
