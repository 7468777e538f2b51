"""The owner of an access key, and the policies of that owner."""

import base64
import functools
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.responses import BaseResponse
from moto.core.utils import utcnow
from moto.iam import models
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    CreateAccessKeyFailure,
    IAMUserAccessKey,
    create_access_key,
)
from moto.iam.utils import ACCOUNT_OFFSET, AWS_ROLE_ALPHABET
from moto.sts.models import sts_backends

from sandbox.iam.policy import NamedPolicy, Principal, ResourcePolicyKind, parse_policy
from sandbox.iam.propagation import state_for
from sandbox.iam.refusals import ExpiredCredentialsError, UnknownCredentialsError
from sandbox.organizations.organization import PARTITION, iam
from sandbox.overrides import Override, wrap

type Identity = IAMUserAccessKey | AssumedRoleAccessKey

S3_CREDENTIAL_CODES = {"InvalidId": "InvalidAccessKeyId", "InvalidToken": "InvalidToken"}
DENY_ALL = (  # a boundary that does not exist allows nothing
    '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
)
KEY_ACCOUNT = slice(4, 12)  # the account in an access key ID: after AKIA or ASIA, in base 32
KEY_PARITY = 12  # the character that shows whether the account ID is odd


def overrides() -> list[Override]:
    """Moto searches all accounts for each key, which takes too long with thousands of them."""
    return [
        *wrap(BackendDict, __getitem__=_get_backend),
        *wrap(models, get_account_id_from=_get_account_id),
    ]


def _get_backend(getitem: Any, backends: BackendDict[Any], account: str) -> Any:
    """Moto copies the list of all accounts to check whether this one is in it."""
    known = dict.get(backends, account)
    return getitem(backends, account) if known is None else known


def _get_account_id(get_account_id_from: Callable[[str], str], key_id: str) -> str:
    account = account_of(key_id)
    known = account in models.iam_backends
    if known and key_id in models.iam_backends[account][PARTITION].access_keys:
        return account
    return get_account_id_from(key_id)


def account_of(key_id: str) -> str:
    """The account that an access key ID contains; for another ID, no valid account ID."""
    try:
        half = int.from_bytes(base64.b32decode(key_id[KEY_ACCOUNT]), "big") - ACCOUNT_OFFSET
    except ValueError:
        return ""
    is_odd = key_id[KEY_PARITY : KEY_PARITY + 1] in AWS_ROLE_ALPHABET[16:]
    return f"{2 * half + is_odd:012}"


def identity_of(key_id: str, token: str | None) -> Identity:
    """The owner of an access key; the key of a session needs the session's token."""
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
        _check_expiration(account, key_id)
        _check_role_exists(identity)
    return identity


def _check_expiration(account: str, key_id: str) -> None:
    session = sts_backends[account][PARTITION].get_assumed_role_from_access_key(key_id)
    if session is not None and session.expiration.replace(tzinfo=None) <= utcnow():
        raise ExpiredCredentialsError


def _check_role_exists(identity: AssumedRoleAccessKey) -> None:
    """The sessions of a role end when the role is deleted."""
    if _role_name(identity) not in {role.name for role in iam(identity.account_id).roles.values()}:
        raise UnknownCredentialsError(S3_CREDENTIAL_CODES["InvalidToken"])


def _role_name(identity: AssumedRoleAccessKey) -> str:
    return identity._owner_role_name  # noqa: SLF001  moto has no other way


def sender_id(response: BaseResponse) -> str:
    """SQS's SenderId: a user's id, or a role's id with the session's name."""
    sessions = sts_backends[response.current_account][PARTITION]
    return str(sessions.get_caller_identity(response.access_key, response.region)[0])


def principal_of(identity: Identity) -> Principal:
    if isinstance(identity, IAMUserAccessKey):
        return Principal(arn=identity.arn, account=identity.account_id)
    role = iam(identity.account_id).get_role(_role_name(identity))
    return Principal(arn=identity.arn, role_arn=role.arn, account=identity.account_id)


def policies_of(identity: Identity, service: str) -> list[NamedPolicy]:
    """Those that the service, by its IAM prefix, knows of."""
    policies: Iterable[Any]
    if isinstance(identity, IAMUserAccessKey):
        policies = identity.collect_policies()
    else:
        state = state_for(iam(identity.account_id).get_role(_role_name(identity)), service)
        policies = (*state.inline.values(), *state.managed.values())
    return [
        parsed_policy(_document(policy), f"{identity.arn} policy {index}", None)
        for index, policy in enumerate(policies)
    ]


def boundary_of(identity: Identity) -> NamedPolicy | None:
    """The permissions boundary of a role; moto supports none for users.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    if isinstance(identity, IAMUserAccessKey):
        return None
    arn = iam(identity.account_id).get_role(_role_name(identity)).permissions_boundary_arn
    if not arn:
        return None
    policy = iam(identity.account_id).managed_policies.get(arn)
    document = DENY_ALL if policy is None else _document(policy)
    return parsed_policy(document, f"permissions boundary {arn}", None)


def _document(policy: Any) -> str:
    """A role's policy is JSON text, a user's is a dict, and a managed policy has versions."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, dict):
        return str(policy["policy_document"])
    return str(next(version for version in policy.versions if version.is_default).document)


@functools.lru_cache(maxsize=1024)
def parsed_policy(document: str, name: str, kind: ResourcePolicyKind | None) -> NamedPolicy:
    return parse_policy(document, name, kind)
