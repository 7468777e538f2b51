"""AWS as the preflight sees it: calls that read, counted, and their refusals as one error."""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from operations.preflight.errors import (
    CannotEnterError,
    NoEndpointError,
    NothingCheckedError,
    ReadError,
)

READS = ("Describe", "Get", "Head", "List")
# IAM calls it otherwise: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
PERMISSIONS = {"s3:HeadBucket": "s3:ListBucket"}
SESSION_SECONDS = 900
_CONFIG = Config(
    connect_timeout=3,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=20,
)
_NO_ANSWER = (BotoCoreError, ResponseParserError)


class NoReadError(Exception):
    """A call that might change something: a mistake in the preflight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    account: str
    arn: str

    @property
    def name(self) -> str:
        """user/deployer, assumed-role/Administrator/jane"""
        return self.arn.rpartition(":")[2]


class Cloud:
    """One session for all accounts, which therefore loads each service's model once."""

    def __init__(self, session: boto3.Session | None = None) -> None:
        try:
            self._session = session or boto3.Session()
        except BotoCoreError as error:  # a profile that does not exist
            raise NothingCheckedError(str(error)) from error
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._lock = threading.Lock()
        self.calls = 0

    def identity(self, region: str) -> Identity:
        """Raises NothingCheckedError where there are no credentials, or nobody to judge them."""
        try:
            answer = self.client("sts", region, {}).get_caller_identity()
        except (ClientError, *_NO_ANSWER) as error:
            raise NothingCheckedError(f"sts:GetCallerIdentity: {error}") from error
        return Identity(account=answer["Account"], arn=answer["Arn"])

    def enter(self, role_arn: str, session_name: str, region: str) -> Account:
        """Raises CannotEnterError where AWS does not let these credentials assume the role."""
        account = role_arn.split(":")[4]
        try:
            answer = self.client("sts", region, {}).assume_role(
                RoleArn=role_arn, RoleSessionName=session_name, DurationSeconds=SESSION_SECONDS
            )
        except (ClientError, *_NO_ANSWER) as error:
            refusal = _refusal(error, "sts:AssumeRole", account, region)
            if refusal.is_refusal:
                raise CannotEnterError(account, refusal.text) from error
            raise refusal from error
        session = answer["Credentials"]
        return Account(
            id=account,
            region=region,
            cloud=self,
            credentials={
                "aws_access_key_id": session["AccessKeyId"],
                "aws_secret_access_key": session["SecretAccessKey"],
                "aws_session_token": session["SessionToken"],
            },
        )

    def client(self, service: str, region: str, credentials: Mapping[str, str]) -> Any:
        """Raises NoEndpointError where the address to call is none."""
        key = service, region, credentials.get("aws_access_key_id")
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._created(service, region, credentials)
            return self._clients[key]

    def _created(self, service: str, region: str, credentials: Mapping[str, str]) -> Any:
        try:
            client = self._session.client(
                service, region_name=region, config=_CONFIG, **credentials
            )
        except ValueError as error:
            raise NoEndpointError(f"{service}: {error}") from error
        client.meta.events.register("before-parameter-build", self._count)
        return client

    def _count(self, **_: Any) -> None:
        with self._lock:
            self.calls += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account that can be read; operations and parameters have their names in the API.

    Each read raises ReadError where AWS refuses it or does not answer.
    """

    id: str
    region: str  # unless a call names another one
    cloud: Cloud
    credentials: Mapping[str, str]  # as boto3 names them; empty: those of the environment

    def read(
        self, service: str, operation: str, *, region: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        client, method = self._method(service, operation, region)
        try:
            answer: dict[str, Any] = getattr(client, method)(**parameters)
        except (ClientError, *_NO_ANSWER) as error:
            raise self._refused(client, operation, error) from error
        return answer

    def find(
        self,
        service: str,
        operation: str,
        *,
        absent: Container[str],
        region: str | None = None,
        **parameters: Any,
    ) -> dict[str, Any] | None:
        """None where AWS answers with one of these codes, which say that it does not exist."""
        try:
            return self.read(service, operation, region=region, **parameters)
        except ReadError as error:
            if error.code in absent:
                return None
            raise

    def listed(
        self, service: str, operation: str, key: str, *, region: str | None = None, **more: Any
    ) -> Iterator[Any]:
        """What the answers' pages have under the key; a page is asked for when it is needed."""
        client, method = self._method(service, operation, region)
        try:
            for page in client.get_paginator(method).paginate(**more):
                yield from page.get(key, ())
        except (ClientError, *_NO_ANSWER) as error:
            raise self._refused(client, operation, error) from error

    def _method(self, service: str, operation: str, region: str | None) -> tuple[Any, str]:
        if not operation.startswith(READS):
            raise NoReadError(f"{service}:{operation}")
        client = self.cloud.client(service, region or self.region, self.credentials)
        return client, xform_name(operation)

    def _refused(self, client: Any, operation: str, error: Exception) -> ReadError:
        action = f"{client.meta.service_model.signing_name}:{operation}"
        permission = PERMISSIONS.get(action, action)
        return _refusal(error, permission, self.id, client.meta.region_name)


def _refusal(error: Exception, permission: str, account: str, region: str) -> ReadError:
    code, text = type(error).__name__, str(error)
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        code, text = str(told.get("Code", code)), str(told.get("Message", text))
    return ReadError(
        permission=permission, account=account, region=region, code=code, text=_line(text)
    )


def _line(text: str) -> str:
    """Proxies answer with whole pages."""
    return " ".join(text.split())[:300]
