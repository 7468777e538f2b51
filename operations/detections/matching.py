"""Which detections match CloudTrail records, by the predicates that the importer evaluates."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from compiler import predicate as importer
from compiler.detection import Detection
from functions.finding_importer.matching.index import Needs, needs
from functions.finding_importer.matching.predicate import Predicate, compile_predicate
from functions.finding_importer.matching.rules import Ruleset
from operations.records import BadRecordError, record_in
from operations.records.input import chunks
from operations.records.stream import RecordStream
from operations.records.values import Batch


@dataclass(frozen=True, slots=True)
class Rule:
    """A detection as far as matching goes, also one that the importer does not evaluate."""

    id: str
    name: str
    matches: Predicate
    needs: Needs | None


type Rules = Ruleset[Rule]
type LineOf = Callable[[str, tuple[Rule, ...]], str]  # of an event ID and the rules that match


@dataclass(frozen=True, slots=True)
class Matched:
    """A line for each record of a part of the input, and the errors of what is not a record."""

    lines: list[str]
    errors: list[str]


def ruleset(detections: Iterable[Detection]) -> Rules:
    return Ruleset.of(tuple(map(_rule, detections)))


def match(stream: io.BufferedReader, rules: Rules, line_of: LineOf) -> Iterator[Matched]:
    """In the order of the input. Raises InputError where the input cannot be read further."""
    records = RecordStream(chunks(stream))
    for batch in records.batches():
        yield _matched(batch, rules, line_of)
    if records.window.failure:
        raise records.window.failure


def _rule(detection: Detection) -> Rule:
    node = importer.predicate(detection.condition)
    return Rule(detection.id, detection.name, compile_predicate(node, detection.name), needs(node))


def _matched(batch: Batch, rules: Rules, line_of: LineOf) -> Matched:
    matched, matching = Matched([], []), rules.matching
    for index, value in enumerate(batch.values):
        try:
            record = record_in(value)
        except BadRecordError as error:
            matched.errors.append(f"{batch.where(index)}: {error}")
        else:
            matched.lines.append(line_of(record["eventID"], matching(record)))
    return matched
