"""DynamoDB in the sandbox: an item's condition and its writing are one step, as in AWS.

moto's server answers many calls at once and looks at the condition first.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

import copy
import functools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.dynamodb.models import DynamoDBBackend

OPERATIONS = ("get_item", "put_item", "update_item", "delete_item", "transact_write_items")


@contextmanager
def installed() -> Iterator[None]:
    lock = threading.RLock()
    with ExitStack() as stack:
        for name in OPERATIONS:
            alone = _alone(getattr(DynamoDBBackend, name), lock)
            stack.enter_context(patch.object(DynamoDBBackend, name, alone))
        yield


def _alone(operation: Any, lock: threading.RLock) -> Any:
    """The answer is a copy: moto's is the item itself, which the next call may change."""

    @functools.wraps(operation)
    def alone(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return copy.deepcopy(operation(*args, **kwargs))

    return alone
