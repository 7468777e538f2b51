"""The command `match`: what the importer's predicates say of CloudTrail records."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detections import importer
from detections.records import BadRecordError, record_in
from detections.records.input import chunks
from detections.records.stream import RecordStream
from functions.finding_importer.rules import Ruleset

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from detections.command.terminal import Terminal
    from detections.detection import Detection
    from detections.records.values import Batch

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


def ruleset(detections: Iterable[Detection]) -> Ruleset:
    """All the detections as the importer has them, also those that it does not evaluate."""
    entries = tuple(map(_importable, detections))
    return Ruleset.load(importer.document(entries)) if entries else Ruleset.of(())


def _importable(detection: Detection) -> Detection:
    """With what a finding cannot do without and a match does not ask for."""
    types, steps = detection.types or ("TTPs",), detection.next_steps or ("Read the runbook.",)
    return replace(detection, types=types, next_steps=steps)


def _opened(path: str, terminal: Terminal) -> AbstractContextManager[io.BufferedReader]:
    return nullcontext(terminal.stdin) if path == STANDARD_INPUT else Path(path).open("rb")


def _answers(batch: Batch, rules: Ruleset) -> tuple[list[str], list[str]]:
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
