"""Which findings their owning accounts have taken.

An account may shut the importer out after it took a finding, while the same event is still on its
way by another path: then nothing is to stand in for what is there.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .. import log
from ..aws import AWS_ERRORS

_REMEMBERED_SECONDS = 90 * 24 * 60 * 60  # longer than an event can be on its way


@dataclass(frozen=True, slots=True)
class Imported:
    """Without the table it knows nothing: a stand-in too many is better than none."""

    table_name: str
    dynamodb: Any
    now: Callable[[], float] = time.time

    def remember(self, finding_ids: Iterable[str]) -> None:
        expires = {"N": str(int(self.now()) + _REMEMBERED_SECONDS)}
        try:
            for finding_id in finding_ids:
                item = {**_key(finding_id), "expiration": expires}
                self.dynamodb.put_item(TableName=self.table_name, Item=item)
        except AWS_ERRORS as error:  # which the others would meet, too
            log.warning("imports not remembered", reason=str(error))

    def among(self, finding_ids: Iterable[str]) -> set[str]:
        """Those that their owners took, as far as the table says."""
        found = set()
        try:
            for finding_id in finding_ids:
                answer = self.dynamodb.get_item(
                    TableName=self.table_name, Key=_key(finding_id), ConsistentRead=True
                )
                if "Item" in answer:
                    found.add(finding_id)
        except AWS_ERRORS as error:
            log.warning("imports not looked up", reason=str(error))
        return found


def _key(finding_id: str) -> dict[str, dict[str, str]]:
    return {"id": {"S": f"imported#{finding_id}"}}
