"""Who calls, by the access key of the request, and which policies it has."""

import functools
from typing import Any

from moto.core.responses import BaseResponse
from moto.core.utils import utcnow
from moto.iam import models
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    CreateAccessKeyFailure,
    IAMUserAccessKey,
    create_access_key,
)
from moto.sts.models import sts_backends

from sandbox.iam.policy import NamedPolicy, Principal, ResourcePolicyKind, parse_policy
from sandbox.iam.refusals import ExpiredCredentialsError, UnknownCredentialsError
from sandbox.organizations.organization import PARTITION, iam

type Identity = IAMUserAccessKey | AssumedRoleAccessKey

S3_CREDENTIAL_CODES = {"InvalidId": "InvalidAccessKeyId", "InvalidToken": "InvalidToken"}


def identity_of(key_id: str, token: str | None) -> Identity:
    """The owner of an access key; a session needs its token, too."""
    account = models.get_account_id_from(key_id)
    try:
        identity = create_access_key(
            account_id=account,
            partition=PARTITION,
            access_key_id=key_id,
            headers={"X-Amz-Security-Token": token} if token else {},
        )
    except CreateAccessKeyFailure as failure:
        raise UnknownCredentialsError(S3_CREDENTIAL_CODES[failure.reason]) from failure
    if isinstance(identity, AssumedRoleAccessKey):
        _refuse_expired(account, key_id)
        _refuse_without_role(identity)
    return identity


def _refuse_expired(account: str, key_id: str) -> None:
    session = sts_backends[account][PARTITION].get_assumed_role_from_access_key(key_id)
    if session is not None and session.expiration.replace(tzinfo=None) <= utcnow():
        raise ExpiredCredentialsError


def _refuse_without_role(identity: AssumedRoleAccessKey) -> None:
    """When a role is deleted, its sessions end."""
    name = identity._owner_role_name  # noqa: SLF001  moto has no other way
    if name not in {role.name for role in iam(identity.account_id).roles.values()}:
        raise UnknownCredentialsError(S3_CREDENTIAL_CODES["InvalidToken"])


def sender_id(response: BaseResponse) -> str:
    """What SQS tells of who sent a message: a user's id, or a role's with the session's name."""
    sessions = sts_backends[response.current_account][PARTITION]
    return str(sessions.get_caller_identity(response.access_key, response.region)[0])


def principal_of(identity: Identity) -> Principal:
    if isinstance(identity, IAMUserAccessKey):
        return Principal(arn=identity.arn, account=identity.account_id)
    name = identity._owner_role_name  # noqa: SLF001  moto tells it nowhere else
    role = iam(identity.account_id).get_role(name)
    return Principal(arn=identity.arn, role_arn=role.arn, account=identity.account_id)


def policies_of(identity: Identity) -> list[NamedPolicy]:
    return [
        parsed_policy(_document(policy), f"{identity.arn} policy {index}", None)
        for index, policy in enumerate(identity.collect_policies())
    ]


def _document(policy: Any) -> str:
    """A role's policy is a JSON text, a user's a record with one; a managed one has versions."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, dict):
        return str(policy["policy_document"])
    return str(next(version for version in policy.versions if version.is_default).document)


@functools.lru_cache(maxsize=1024)
def parsed_policy(document: str, name: str, kind: ResourcePolicyKind | None) -> NamedPolicy:
    return parse_policy(document, name, kind)
