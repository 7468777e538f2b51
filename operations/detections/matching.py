"""The command `match`: what the importer's predicates say of CloudTrail records."""

import io
import json
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from compiler import predicate as importer
from compiler.detection import Detection
from functions.finding_importer.matching.index import Needs, needs
from functions.finding_importer.matching.predicate import Predicate, compile_predicate
from functions.finding_importer.matching.rules import Ruleset
from operations.detections.terminal import Terminal
from operations.records import BadRecordError, record_in
from operations.records.input import chunks
from operations.records.stream import RecordStream
from operations.records.values import Batch

STANDARD_INPUT = "-"


def match(path: str, detections: Iterable[Detection], terminal: Terminal) -> int:
    """The exit status: 1 where something could not be read, 2 where nothing could.

    Raises OSError where the file cannot be opened.
    """
    name = "standard input" if path == STANDARD_INPUT else path
    rules, status = ruleset(detections), 0
    with _opened(path, terminal) as stream:
        records = RecordStream(chunks(stream))
        for batch in records.batches():
            answers, complaints = _answers(batch, rules)
            terminal.stdout.write("".join(answers))
            terminal.stdout.flush()  # who follows a log sees what comes as it comes
            for complaint in complaints:
                terminal.complain(f"{name}: {complaint}")
                status = 1
        if failure := records.window.failure:
            terminal.complain(f"{name}: {failure}")
            status = 1 if records.window.offset else 2
    return status


@dataclass(frozen=True, slots=True)
class Rule:
    """A detection as far as matching goes, also one that the importer does not evaluate."""

    id: str
    matches: Predicate
    needs: Needs | None


def ruleset(detections: Iterable[Detection]) -> Ruleset[Rule]:
    return Ruleset.of(tuple(map(_rule, detections)))


def _rule(detection: Detection) -> Rule:
    node = importer.predicate(detection.condition)
    return Rule(detection.id, compile_predicate(node, detection.name), needs(node))


def _opened(path: str, terminal: Terminal) -> AbstractContextManager[io.BufferedReader]:
    return nullcontext(terminal.stdin) if path == STANDARD_INPUT else Path(path).open("rb")


def _answers(batch: Batch, rules: Ruleset[Rule]) -> tuple[list[str], list[str]]:
    """Lines for the records, and complaints about what is none."""
    answers, complaints = [], []
    matching, as_json = rules.matching, json.JSONEncoder().encode
    for index, value in enumerate(batch.values):
        try:
            record = record_in(value)
        except BadRecordError as error:
            complaints.append(f"{batch.where(index)}: {error}")
            continue
        found = matching(record)
        ids = as_json([one.id for one in found]) if found else "[]"
        answers.append(f'{{"eventID": {as_json(record["eventID"])}, "detections": {ids}}}\n')
    return answers, complaints
