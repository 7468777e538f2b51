"""The importer's use of boto3: clients, their protocols, exceptions and batches."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

# They have no common base class. A proxy's response, for example, raises ResponseParserError.
AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
type AwsError = BotoCoreError | ClientError | ResponseParserError


class StsClient(Protocol):
    def assume_role(self, **parameters: Any) -> Mapping[str, Any]: ...


class SecurityHubClient(Protocol):
    def batch_import_findings(self, **parameters: Any) -> Mapping[str, Any]: ...


class SnsClient(Protocol):
    def publish(self, **parameters: str) -> Mapping[str, Any]: ...


class SqsClient(Protocol):
    def send_message_batch(self, **parameters: Any) -> Mapping[str, Any]: ...
    def change_message_visibility(self, **parameters: Any) -> Mapping[str, Any]: ...


class OrganizationsClient(Protocol):
    def describe_account(self, **parameters: str) -> Mapping[str, Any]: ...
    def list_parents(self, **parameters: str) -> Mapping[str, Any]: ...
    def describe_organizational_unit(self, **parameters: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime  # UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimeouts:
    """Timeouts of one attempt, and the maximum number of attempts in botocore's standard mode."""

    connect_seconds: float
    read_seconds: float
    max_attempts: int

    @property
    def config(self) -> Config:
        return Config(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self.max_attempts},
        )


class ClientFactory:
    """Creates clients for one Region. Thread-safe.

    All clients share one session, which loads the service models once. A client of a new session
    takes ten times as long to create.
    """

    def __init__(self, region: str, timeouts: ClientTimeouts) -> None:
        self._region = region
        self._config = timeouts.config
        self._session = boto3.Session()
        self._lock = threading.Lock()  # sessions are not thread-safe

    def client(
        self,
        service: str,
        *,
        credentials: Credentials | None = None,
        timeouts: ClientTimeouts | None = None,
    ) -> Any:
        """Create a client. Without credentials it uses the function's execution role."""
        config = timeouts.config if timeouts else self._config
        with self._lock:
            return self._session.client(
                service, region_name=self._region, config=config, **_keys(credentials)
            )


def _keys(credentials: Credentials | None) -> dict[str, str]:
    if credentials is None:
        return {}
    return {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
    }


def batches[T: dict[str, Any]](
    items: Iterable[T], max_items: int, max_bytes: int
) -> Iterator[list[T]]:
    """Split in order into batches that respect both limits; `max_bytes` applies to the JSON.

    An item that exceeds the limit is a batch of its own.
    """
    batch: list[T] = []
    size = 0
    for item in items:
        added = len(json.dumps(item))
        if batch and (len(batch) == max_items or size + added > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += added
    if batch:
        yield batch
