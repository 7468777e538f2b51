"""Clients of boto3, and the answers from which they make errors."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from functions.finding_importer.aws import AWS_ERRORS, Connections, Credentials, Patience
from tests.unit.importer.cloud import QUEUE
from tests.unit.importer.doubles import REGION, finding

PATIENCE = Patience(connect_seconds=3, read_seconds=8, attempts=2)
CREDENTIALS = Credentials("key", "secret", "token", datetime(2025, 1, 1, tzinfo=UTC))
ROLE = {"RoleArn": "arn:aws:iam::111122223333:role/member", "RoleSessionName": "session"}


class Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture(scope="module")
def connections() -> Connections:
    return Connections(REGION, PATIENCE)


def answering(client: Any, status: int, body: bytes) -> Any:
    """The client, with an answer that something on the way to AWS gives in AWS's place."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, status, {}, Body(body))

    client.meta.events.register("before-send", answer)
    return client


def test_a_client_has_the_region_the_patience_and_the_credentials(connections: Connections) -> None:
    client = connections.client("securityhub", credentials=CREDENTIALS)
    signer: Any = client._request_signer  # noqa: SLF001  # What a request is signed with.

    assert client.meta.region_name == REGION
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (3, 8)
    assert client.meta.config.retries["total_max_attempts"] == 2
    assert signer._credentials.access_key == "key"  # noqa: SLF001


def test_a_client_may_have_a_patience_of_its_own(connections: Connections) -> None:
    hurry = Patience(connect_seconds=1, read_seconds=2, attempts=1)
    client = connections.client("organizations", patience=hurry)

    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (1, 2)


CALLS: dict[str, Callable[[Any], Any]] = {
    "sts": lambda client: client.assume_role(**ROLE),
    "sns": lambda client: client.publish(TopicArn="arn:aws:sns:a:1:b", Message="m"),
    "securityhub": lambda client: client.batch_import_findings(Findings=[finding().asff]),
    "organizations": lambda client: client.describe_account(AccountId="111122223333"),
    "sqs": lambda client: client.change_message_visibility(
        QueueUrl=QUEUE, ReceiptHandle="handle", VisibilityTimeout=1
    ),
}


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("status", [301, 404, 413])
def test_an_answer_in_awss_place_is_an_error_of_awss(
    connections: Connections, service: str, status: int
) -> None:
    client = answering(
        connections.client(service, credentials=CREDENTIALS), status, b"<html>no XML"
    )

    with pytest.raises(AWS_ERRORS):
        CALLS[service](client)


@pytest.mark.parametrize("service", ["sts", "sns"])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"json": true}'])
def test_a_good_status_without_its_xml_is_an_error_of_awss(
    connections: Connections, service: str, body: bytes
) -> None:
    client = answering(connections.client(service, credentials=CREDENTIALS), 200, body)

    with pytest.raises(AWS_ERRORS):
        CALLS[service](client)
