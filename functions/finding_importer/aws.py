"""What the importer uses of boto3: clients, their shapes, and the errors that they raise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (BotoCoreError, ClientError)


class StsClient(Protocol):
    def assume_role(self, **parameters: str) -> Mapping[str, Any]: ...


class SecurityHubClient(Protocol):
    def batch_import_findings(self, **parameters: Any) -> Mapping[str, Any]: ...


class SnsClient(Protocol):
    def publish(self, **parameters: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


def connect(service: str, region: str, credentials: Credentials | None = None) -> Any:
    """Make a client, with the function's own role where no credentials are given.

    Retries are set by the function's environment: AWS_RETRY_MODE and AWS_MAX_ATTEMPTS.
    """
    if credentials is None:
        return boto3.client(service, region_name=region)
    return boto3.client(
        service,
        region_name=region,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
    )
