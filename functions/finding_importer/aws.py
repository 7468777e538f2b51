"""What the importer uses of boto3: clients, their shapes, and the errors that they raise."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

# The last for an answer that is none, as a proxy may give; botocore has no common root for them.
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
    expires: datetime  # UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call may take, and how often it is tried; botocore's standard retries."""

    connect_seconds: float
    read_seconds: float
    attempts: int

    @property
    def config(self) -> Config:
        return Config(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
        )


class Connections:
    """Makes clients in one region; safe to share between threads.

    All come from one session, which reads the services' models once: a client of another session
    takes ten times as long to make.
    """

    def __init__(self, region: str, patience: Patience) -> None:
        self._region = region
        self._config = patience.config
        self._session = boto3.Session()
        self._lock = threading.Lock()  # a session may not be used by two threads at once

    def client(
        self,
        service: str,
        *,
        credentials: Credentials | None = None,
        patience: Patience | None = None,
    ) -> Any:
        """A client with the function's own role, unless credentials are given."""
        config = patience.config if patience else self._config
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
