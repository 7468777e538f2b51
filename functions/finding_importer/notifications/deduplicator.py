"""Tells each thing once, by a table that remembers what was told; without the table, at least once.

https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)

from ..errors import NotificationError

_KEY_PREFIX = "told"
# Longer than any delivery can come again: 14 days in each of the two queues, and some to spare.
_REMEMBERED_SECONDS = 90 * 24 * 60 * 60


class Told(Enum):
    NOW = "published"
    BEFORE = "published before"
    BY_ANOTHER = "being published by another invocation"  # which may yet fail: ask again later
    UNREMEMBERED = "published, and the table did not take note of it"


class Once:
    """Safe to share between threads, within one invocation at a time."""

    def __init__(self, table_name: str, dynamodb: Any) -> None:
        self._table = DynamoDBPersistenceLayer(table_name=table_name, boto3_client=dynamodb)
        self._config = IdempotencyConfig(
            expires_after_seconds=_REMEMBERED_SECONDS, hash_function="sha256"
        )
        # Here and not by the first that tells: another thread would find it half done, and make
        # keys by another hash.
        self._table.configure(self._config, key_prefix=_KEY_PREFIX)

    def begin_invocation(self, context: Any) -> None:
        """A claim lasts no longer than the invocation that makes it."""
        self._config.register_lambda_context(context)

    def tell(self, key: str, publish: Callable[[], None]) -> Told:
        """Publish unless the key was told; the NotificationError of `publish` leaves it untold."""
        made, failure = False, None

        @idempotent_function(  # type: ignore[untyped-decorator]  # Powertools types it as Any.
            data_keyword_argument="key",
            persistence_store=self._table,
            config=self._config,
            key_prefix=_KEY_PREFIX,
        )
        def claim_and_publish(*, key: str) -> None:  # noqa: ARG001  what the table remembers
            nonlocal made, failure
            try:
                publish()
            except NotificationError as error:
                failure = error
                raise
            made = True

        try:
            claim_and_publish(key=key)
        except IdempotencyAlreadyInProgressError:
            return Told.BY_ANOTHER
        except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError):
            if failure is not None:  # and then the table failed, too, to forget the claim
                raise failure from None
            if not made:
                publish()
            return Told.UNREMEMBERED
        return Told.NOW if made else Told.BEFORE
