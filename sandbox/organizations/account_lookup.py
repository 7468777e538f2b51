"""Accounts found by their number: moto looks through all of them, which thousands do not allow."""

import base64
from collections.abc import Callable
from typing import Any

from moto.core.base_backend import BackendDict
from moto.iam import models
from moto.iam.utils import ACCOUNT_OFFSET, AWS_ROLE_ALPHABET

from sandbox.organizations.organization import PARTITION
from sandbox.overrides import Override, wrap

ACCOUNT = slice(4, 12)  # of an access key's id, after AKIA or ASIA, in base 32
PARITY = 12  # the character that tells an odd account from an even one


def overrides() -> list[Override]:
    return [
        *wrap(BackendDict, __getitem__=_get_backend),
        *wrap(models, get_account_id_from=_get_account_id),
    ]


def _get_backend(getitem: Any, backends: BackendDict[Any], account: str) -> Any:
    """Moto copies the list of all accounts to check whether this one is in it."""
    known = dict.get(backends, account)
    return getitem(backends, account) if known is None else known


def _get_account_id(get_account_id_from: Callable[[str], str], access_key: str) -> str:
    """An access key's id contains its account, as AWS's do."""
    account = account_of(access_key)
    known = account in models.iam_backends
    if known and access_key in models.iam_backends[account][PARTITION].access_keys:
        return account
    return get_account_id_from(access_key)


def account_of(access_key: str) -> str:
    """The account that moto wrote into the id; no account's number if moto did not make it."""
    try:
        half = int.from_bytes(base64.b32decode(access_key[ACCOUNT]), "big") - ACCOUNT_OFFSET
    except ValueError:
        return ""
    odd = access_key[PARITY : PARITY + 1] in AWS_ROLE_ALPHABET[16:]
    return f"{2 * half + odd:012}"
