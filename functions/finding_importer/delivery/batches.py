"""Several things in one call, within the limits of the call."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


def batches[T: dict[str, Any]](items: Iterable[T], most: int, most_bytes: int) -> Iterator[list[T]]:
    """Split in order, so that each batch has at most so many items and bytes of JSON.

    An item that is too large by itself is a batch of its own.
    """
    batch: list[T] = []
    size = 0
    for item in items:
        added = len(json.dumps(item))
        if batch and (len(batch) == most or size + added > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += added
    if batch:
        yield batch
