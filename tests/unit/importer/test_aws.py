"""Clients of boto3, the exceptions of their responses, and batches."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.aws import (
    AWS_ERRORS,
    ClientFactory,
    ClientTimeouts,
    Credentials,
    batches,
)
from tests.unit.importer.builders import REGION, finding
from tests.unit.importer.fake_cloud import QUEUE

TIMEOUTS = ClientTimeouts(connect_seconds=3, read_seconds=8, max_attempts=2)
CREDENTIALS = Credentials("key", "secret", "token", datetime(2025, 1, 1, tzinfo=UTC))
ROLE = {"RoleArn": "arn:aws:iam::111122223333:role/member", "RoleSessionName": "session"}
CALLS: dict[str, Callable[[Any], Any]] = {
    "sts": lambda client: client.assume_role(**ROLE),
    "sns": lambda client: client.publish(TopicArn="arn:aws:sns:a:1:b", Message="m"),
    "securityhub": lambda client: client.batch_import_findings(Findings=[finding().asff]),
    "organizations": lambda client: client.describe_account(AccountId="111122223333"),
    "sqs": lambda client: client.change_message_visibility(
        QueueUrl=QUEUE, ReceiptHandle="handle", VisibilityTimeout=1
    ),
}


class Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture(scope="module")
def clients() -> ClientFactory:
    return ClientFactory(REGION, TIMEOUTS)


def call(clients: ClientFactory, service: str, status: int, body: bytes) -> None:
    """Call the service, which a proxy answers instead of AWS."""

    def respond(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, status, {}, Body(body))

    client = clients.client(service, credentials=CREDENTIALS)
    client.meta.events.register("before-send", respond)
    CALLS[service](client)


def test_a_client_has_the_region_the_timeouts_and_the_credentials(clients: ClientFactory) -> None:
    client = clients.client("securityhub", credentials=CREDENTIALS)
    signer: Any = client._request_signer  # noqa: SLF001  # Signs the requests.

    assert client.meta.region_name == REGION
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (3, 8)
    assert client.meta.config.retries["total_max_attempts"] == 2
    assert signer._credentials.access_key == "key"  # noqa: SLF001


def test_a_client_can_have_its_own_timeouts(clients: ClientFactory) -> None:
    timeouts = ClientTimeouts(connect_seconds=1, read_seconds=2, max_attempts=1)
    client = clients.client("organizations", timeouts=timeouts)

    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (1, 2)


def test_the_representation_of_credentials_has_no_secrets() -> None:
    text = repr(CREDENTIALS)

    assert "secret" not in text.replace("secret_access_key", "")
    assert "token" not in text
    assert "access_key_id='key'" in text


@pytest.mark.parametrize("service", CALLS)
def test_an_error_status_of_a_proxy_raises_an_aws_error(
    clients: ClientFactory, service: str
) -> None:
    for status in (301, 404, 413):
        with pytest.raises(AWS_ERRORS):
            call(clients, service, status, b"<html>no XML")


@pytest.mark.parametrize("service", ["sts", "sns"])
def test_a_success_status_without_xml_raises_an_aws_error(
    clients: ClientFactory, service: str
) -> None:
    for body in (b"", b"<html>", b'{"json": true}'):
        with pytest.raises(AWS_ERRORS):
            call(clients, service, 200, body)


def padded(number: int, padding: int = 0) -> dict[str, Any]:
    return {"Id": str(number), "Title": "x" * padding}


class TestBatches:
    @given(st.lists(st.integers(0, 240_000), max_size=30), st.integers(0, 250))
    def test_they_keep_every_item_in_order_and_respect_the_limits(
        self, sizes: list[int], small: int
    ) -> None:
        items = [padded(i, size) for i, size in enumerate([*sizes, *[0] * small])]

        split = list(batches(items, 100, 6_000_000))

        assert [one for batch in split for one in batch] == items
        assert all(1 <= len(batch) <= 100 for batch in split)
        assert all(sum(len(json.dumps(one)) for one in batch) <= 6_000_000 for batch in split)

    def test_they_are_as_large_as_possible(self) -> None:
        for count, padding, lengths in (
            (0, 0, []),
            (100, 0, [100]),
            (101, 0, [100, 1]),
            (30, 239_000, [25, 5]),
        ):
            split = batches([padded(i, padding) for i in range(count)], 100, 6_000_000)

            assert [len(batch) for batch in split] == lengths

    def test_the_byte_limit_is_inclusive(self) -> None:
        item = padded(1)
        size = len(json.dumps(item))

        assert len(list(batches([item, item], 100, 2 * size))) == 1
        assert len(list(batches([item, item], 100, 2 * size - 1))) == 2

    def test_an_item_that_exceeds_the_limit_is_a_batch_of_its_own(self) -> None:
        small, large = padded(1), padded(2, 1_000)

        assert list(batches([small, large, small], 100, 500)) == [[small], [large], [small]]
