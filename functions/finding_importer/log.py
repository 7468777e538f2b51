"""The importer's log: one JSON object a line."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

_LOGGER = logging.getLogger("rootwatch.finding_importer")


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {"time": time, "level": record.levelname, "step": record.getMessage()}
        return json.dumps(head | vars(record).get("fields", {}))


def configure(level: str) -> None:
    """Write to standard error, which Lambda sends to CloudWatch Logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLine())
    _LOGGER.handlers = [handler]
    _LOGGER.propagate = False  # Lambda's own handler of the root logger would repeat each line
    _LOGGER.setLevel(level)


def info(step: str, **fields: Any) -> None:
    _LOGGER.info(step, extra={"fields": fields})


def error(step: str, **fields: Any) -> None:
    _LOGGER.error(step, extra={"fields": fields})
