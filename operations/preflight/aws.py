"""Read-only access to AWS: counts the calls and raises ReadError if one is denied or fails."""

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

READ_PREFIXES = ("Describe", "Get", "Head", "List")
# IAM permissions with another name than the operation:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
PERMISSIONS = {"s3:HeadBucket": "s3:ListBucket"}
DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
SESSION_SECONDS = 900
MAX_ERROR_CHARACTERS = 300
_CONFIG = Config(
    connect_timeout=3,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=20,
)
_FAILURES = (ClientError, BotoCoreError, ResponseParserError)


class PreflightError(Exception):
    """A condition that keeps checks from running."""


class CannotStartError(PreflightError):
    """No check can run: there are no credentials, or AWS does not respond."""

    expected = "credentials of an administrator of the management account, for example AWS_PROFILE"


class InvalidEndpointError(CannotStartError):
    """The environment or the profile sets an invalid endpoint."""

    expected = "AWS_ENDPOINT_URL is not set, or is a URL such as http://127.0.0.1:5000"


class SkippedError(PreflightError):
    """The check depends on a check that failed."""

    @property
    def reason(self) -> str:
        return str(self.args[0])


class AssumeRoleError(SkippedError):
    """STS denies the deployment role of an account."""

    def __init__(self, account: str, response: str) -> None:
        super().__init__(f"the deployment role in account {account} cannot be assumed")
        self.response = response  # the message of AWS


class ReadError(PreflightError):
    """AWS denied a call or did not respond."""

    def __init__(self, *, permission: str, account: str, region: str, code: str, text: str) -> None:
        super().__init__(permission, account, region, code, text)
        self.permission = permission  # required for the call, for example s3:ListBucket
        self.account = account
        self.region = region
        self.code = code
        self.text = text

    @property
    def is_denied(self) -> bool:
        return self.code in DENIED

    def __str__(self) -> str:
        return f"{self.permission} in {self.account}, {self.region}: {self.code}: {self.text}"


class NotReadOnlyError(Exception):
    """A defect of the preflight: the call could change something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    account: str
    arn: str

    @property
    def name(self) -> str:
        """For example user/deployer or assumed-role/Administrator/jane."""
        return self.arn.rpartition(":")[2]


class AwsClients:
    """One session for all accounts, so that each service model is loaded once."""

    def __init__(self, session: boto3.Session | None = None) -> None:
        try:
            self._session = session or boto3.Session()
        except BotoCoreError as error:  # the profile does not exist
            raise CannotStartError(str(error)) from error
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._lock = threading.Lock()
        self.calls = 0

    def identity(self, region: str) -> CallerIdentity:
        """Raises CannotStartError if there are no valid credentials."""
        try:
            response = self.client("sts", region, {}).get_caller_identity()
        except _FAILURES as error:
            raise CannotStartError(f"sts:GetCallerIdentity: {error}") from error
        return CallerIdentity(account=response["Account"], arn=response["Arn"])

    def assume_role(self, role_arn: str, session_name: str, region: str) -> AccountClient:
        """Raises AssumeRoleError if STS denies it, ReadError if the call fails otherwise."""
        account = role_arn.split(":")[4]
        try:
            response = self.client("sts", region, {}).assume_role(
                RoleArn=role_arn, RoleSessionName=session_name, DurationSeconds=SESSION_SECONDS
            )
        except _FAILURES as error:
            read_error = _read_error(error, "sts:AssumeRole", account, region)
            if read_error.is_denied:
                raise AssumeRoleError(account, read_error.text) from error
            raise read_error from error
        session = response["Credentials"]
        return AccountClient(
            id=account,
            region=region,
            clients=self,
            credentials={
                "aws_access_key_id": session["AccessKeyId"],
                "aws_secret_access_key": session["SecretAccessKey"],
                "aws_session_token": session["SessionToken"],
            },
        )

    def client(self, service: str, region: str, credentials: Mapping[str, str]) -> Any:
        """Raises InvalidEndpointError."""
        key = service, region, credentials.get("aws_access_key_id")
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._new_client(service, region, credentials)
            return self._clients[key]

    def _new_client(self, service: str, region: str, credentials: Mapping[str, str]) -> Any:
        try:
            client = self._session.client(
                service, region_name=region, config=_CONFIG, **credentials
            )
        except ValueError as error:
            raise InvalidEndpointError(f"{service}: {error}") from error
        client.meta.events.register("before-parameter-build", self._count_call)
        return client

    def _count_call(self, **_: Any) -> None:
        with self._lock:
            self.calls += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClient:
    """Reads one account. Operations and parameters have the names of the AWS API.

    Each method raises ReadError if AWS denies the call or does not respond.
    """

    id: str
    region: str  # the default; a call can name another one
    clients: AwsClients
    credentials: Mapping[str, str]  # as boto3 names them; empty: those of the environment

    def read(
        self, service: str, operation: str, *, region: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        client, method = self._method(service, operation, region)
        try:
            response: dict[str, Any] = getattr(client, method)(**parameters)
        except _FAILURES as error:
            raise self._error(client, operation, error) from error
        return response

    def find(
        self,
        service: str,
        operation: str,
        *,
        absent: Container[str],
        region: str | None = None,
        **parameters: Any,
    ) -> dict[str, Any] | None:
        """None if AWS returns one of the `absent` error codes."""
        try:
            return self.read(service, operation, region=region, **parameters)
        except ReadError as error:
            if error.code in absent:
                return None
            raise

    def paginate(
        self, service: str, operation: str, key: str, *, region: str | None = None, **more: Any
    ) -> Iterator[Any]:
        """The items under `key`; a page is requested when it is needed."""
        client, method = self._method(service, operation, region)
        try:
            for page in client.get_paginator(method).paginate(**more):
                yield from page.get(key, ())
        except _FAILURES as error:
            raise self._error(client, operation, error) from error

    def _method(self, service: str, operation: str, region: str | None) -> tuple[Any, str]:
        if not operation.startswith(READ_PREFIXES):
            raise NotReadOnlyError(f"{service}:{operation}")
        client = self.clients.client(service, region or self.region, self.credentials)
        return client, xform_name(operation)

    def _error(self, client: Any, operation: str, error: Exception) -> ReadError:
        action = f"{client.meta.service_model.signing_name}:{operation}"
        permission = PERMISSIONS.get(action, action)
        return _read_error(error, permission, self.id, client.meta.region_name)


def _read_error(error: Exception, permission: str, account: str, region: str) -> ReadError:
    code, text = type(error).__name__, str(error)
    if isinstance(error, ClientError):
        response = error.response.get("Error", {})
        code, text = str(response.get("Code", code)), str(response.get("Message", text))
    return ReadError(
        permission=permission, account=account, region=region, code=code, text=_shortened(text)
    )


def _shortened(text: str) -> str:
    """On one line: a proxy may respond with an HTML page."""
    return " ".join(text.split())[:MAX_ERROR_CHARACTERS]
