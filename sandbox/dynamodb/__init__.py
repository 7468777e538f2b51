"""Atomic operations on items: moto's threads check a condition and write in two steps.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

import copy
import threading
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

from sandbox.overrides import Override, wrap

OPERATIONS = ("get_item", "put_item", "update_item", "delete_item", "transact_write_items")


def overrides() -> list[Override]:
    lock = threading.RLock()

    def locked(operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Return a copy: moto returns the item itself, which the next call may change."""
        with lock:
            return copy.deepcopy(operation(*args, **kwargs))

    return wrap(DynamoDBBackend, **dict.fromkeys(OPERATIONS, locked))
