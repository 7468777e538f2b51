"""The ways in which a record is judged by a detection's renderings."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from compiler import cloudwatch
from compiler import predicate as importer
from compiler.detection import Detection
from functions.finding_importer.matching.rules import Ruleset
from sandbox.logs import filter_pattern
from sandbox.logs.filter_pattern import FilterPattern


def metric_counts(one: Detection, record: dict[str, Any]) -> bool:
    return _metric_filter(one).matches(json.dumps(record))


def subscription_delivers(listed: Sequence[Detection], record: dict[str, Any]) -> bool:
    pattern = _subscription(tuple(listed))
    return not pattern or _pattern(pattern).matches(json.dumps(record))  # all match an empty one


def importer_matches(listed: Sequence[Detection], record: dict[str, Any]) -> bool:
    return bool(_ruleset(tuple(listed)).matching(record))


@cache
def _metric_filter(one: Detection) -> FilterPattern:
    return filter_pattern.parse(cloudwatch.metric_pattern(one))


@cache
def _pattern(pattern: str) -> FilterPattern:
    return filter_pattern.parse(pattern)


@cache
def _subscription(listed: tuple[Detection, ...]) -> str:
    return cloudwatch.subscription_pattern(listed)


@cache
def _ruleset(listed: tuple[Detection, ...]) -> Ruleset[Any]:
    return Ruleset.load(importer.document(listed))
