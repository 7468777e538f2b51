"""Accounts found by their number: moto looks through all of them, which thousands do not allow."""

import base64
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.base_backend import BackendDict
from moto.iam import models
from moto.iam.utils import ACCOUNT_OFFSET, AWS_ROLE_ALPHABET

from sandbox.organizations.organization import PARTITION

ACCOUNT = slice(4, 12)  # of an access key's id, after AKIA or ASIA, in base 32
PARITY = 12  # the character that tells an odd account from an even one


@contextmanager
def installed() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(
            patch.object(BackendDict, "__getitem__", _getting(BackendDict.__getitem__))
        )
        stack.enter_context(
            patch.object(models, "get_account_id_from", _finding(models.get_account_id_from))
        )
        yield


def _getting(getitem: Any) -> Any:
    """Moto copies the list of all accounts to see whether one is in it."""

    @functools.wraps(getitem)
    def getting(backends: BackendDict[Any], account: str) -> Any:
        known = dict.get(backends, account)
        return getitem(backends, account) if known is None else known

    return getting


def _finding(get_account_id_from: Callable[[str], str]) -> Callable[[str], str]:
    """An access key's id tells its account, as AWS's do."""

    def finding(access_key: str) -> str:
        account = account_of(access_key)
        known = account in models.iam_backends
        if known and access_key in models.iam_backends[account][PARTITION].access_keys:
            return account
        return get_account_id_from(access_key)

    return finding


def account_of(access_key: str) -> str:
    """The account that moto wrote into the id; no account's number if moto did not make it."""
    try:
        half = int.from_bytes(base64.b32decode(access_key[ACCOUNT]), "big") - ACCOUNT_OFFSET
    except ValueError:
        return ""
    odd = access_key[PARITY : PARITY + 1] in AWS_ROLE_ALPHABET[16:]
    return f"{2 * half + odd:012}"
