"""Records in the idempotency table which notifications were published and findings imported.

https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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

from .. import log
from ..aws import AWS_ERRORS
from ..errors import NotificationError

_KEY_PREFIX = "notification"
# Longer than an event can be in transit: 14 days in each of the two queues, and a margin.
_RETENTION_SECONDS = 90 * 24 * 60 * 60


class PublishResult(Enum):
    PUBLISHED = "published"
    DUPLICATE = "published before"
    IN_PROGRESS = "in progress in another invocation"  # which may fail: retry
    NOT_RECORDED = "published, but not recorded in the idempotency table"


class NotificationDeduplicator:
    """Publishes each notification once, or at least once while the table is unavailable.

    Thread-safe within one invocation at a time.
    """

    def __init__(self, table_name: str, dynamodb: Any) -> None:
        self._table = DynamoDBPersistenceLayer(table_name=table_name, boto3_client=dynamodb)
        self._config = IdempotencyConfig(
            expires_after_seconds=_RETENTION_SECONDS, hash_function="sha256"
        )
        # The decorator configures the layer on its first call, which is not thread-safe: another
        # thread could hash its key with the default function.
        self._table.configure(self._config, key_prefix=_KEY_PREFIX)

    def begin_invocation(self, context: Any) -> None:
        """Limit the lifetime of claims to that of the invocation."""
        self._config.register_lambda_context(context)

    def publish_once(self, key: str, publish: Callable[[], None]) -> PublishResult:
        """Publish unless the key was published before.

        If `publish` raises NotificationError, the key is released and the error is raised.
        """
        is_published, failure = False, None

        @idempotent_function(  # type: ignore[untyped-decorator]  # Powertools types it as Any.
            data_keyword_argument="key",
            persistence_store=self._table,
            config=self._config,
            key_prefix=_KEY_PREFIX,
        )
        def claim_and_publish(*, key: str) -> None:  # noqa: ARG001  the key of the table's item
            nonlocal is_published, failure
            try:
                publish()
            except NotificationError as error:
                failure = error
                raise
            is_published = True

        try:
            claim_and_publish(key=key)
        except IdempotencyAlreadyInProgressError:
            return PublishResult.IN_PROGRESS
        except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError):
            if failure is not None:  # and the table failed to delete the claim
                raise failure from None
            if not is_published:
                publish()
            return PublishResult.NOT_RECORDED
        return PublishResult.PUBLISHED if is_published else PublishResult.DUPLICATE


@dataclass(frozen=True, slots=True)
class ImportedFindings:
    """Records which findings the owning accounts accepted.

    An account may start to reject the importer after it accepted a finding, while the same event
    is still in transit on another path. Such a finding needs no fallback. If the table is
    unavailable, no finding counts as accepted, because a redundant fallback finding is better than
    none.
    """

    table_name: str
    dynamodb: Any
    now: Callable[[], float] = time.time

    def record(self, finding_ids: Iterable[str]) -> None:
        expiration = {"N": str(int(self.now()) + _RETENTION_SECONDS)}
        try:
            for finding_id in finding_ids:
                item = {**_import_key(finding_id), "expiration": expiration}
                self.dynamodb.put_item(TableName=self.table_name, Item=item)
        except AWS_ERRORS as error:  # the other items would fail, too
            log.warning("imported findings not recorded", reason=str(error))

    def among(self, finding_ids: Iterable[str]) -> set[str]:
        """Return the Ids that are recorded as imported."""
        found = set()
        try:
            for finding_id in finding_ids:
                response = self.dynamodb.get_item(
                    TableName=self.table_name, Key=_import_key(finding_id), ConsistentRead=True
                )
                if "Item" in response:
                    found.add(finding_id)
        except AWS_ERRORS as error:
            log.warning("imported findings not read", reason=str(error))
        return found


def _import_key(finding_id: str) -> dict[str, dict[str, str]]:
    return {"id": {"S": f"import#{finding_id}"}}
