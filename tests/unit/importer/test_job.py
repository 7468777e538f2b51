"""What is left to do for a finding, as a message of the queue."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.errors import BadJobError
from functions.finding_importer.findings.finding import build
from functions.finding_importer.matching.cloudtrail import CloudTrailEvent
from functions.finding_importer.sources.job import KIND, Job
from tests.unit.importer.cloud import QUEUE
from tests.unit.importer.doubles import SCOPE, detection, finding
from tests.unit.importer.events import AWKWARD, RECORDS
from tests.unit.importer.fakes import FakeSqs

DETECTIONS = {one.name: one for one in (detection(), detection(name="other"))}
MESSAGE = json.loads(Job(finding()).body())


def parse(message: Any) -> Job:
    return Job.parse(message, DETECTIONS, SCOPE)


@given(RECORDS, st.sampled_from(sorted(DETECTIONS)), st.booleans())
def test_a_job_is_read_again_from_the_body_that_it_writes(
    drawn: dict[str, Any],
    name: str,
    stand_in: bool,  # noqa: FBT001  # As it is drawn.
) -> None:
    job = Job(build(CloudTrailEvent.parse(drawn), DETECTIONS[name], SCOPE), stand_in)
    body = job.body()
    FakeSqs().send_message_batch(QueueUrl=QUEUE, Entries=[{"Id": "0", "MessageBody": body}])

    assert parse(json.loads(body)) == job
    assert body.isascii()
    assert json.loads(body)["rootwatch"] == KIND


def test_a_job_with_a_stand_in_is_the_same_but_for_that() -> None:
    job = Job(finding())

    assert job.with_stand_in() == Job(job.finding, stand_in=True)
    assert job.with_stand_in().with_stand_in() == job.with_stand_in()
    assert not job.stand_in


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"detection": None}, "expected detection, record and stand_in"),
        ({"record": "x"}, "expected detection, record and stand_in"),
        ({"stand_in": 1}, "expected detection, record and stand_in"),
        ({"detection": "gone"}, "detection: expected one that is deployed, found 'gone'"),
        ({"record": {}}, "record.eventID: expected"),
        ({"record": {**MESSAGE["record"], "eventTime": 1}}, "record.eventTime: expected"),
    ],
)
def test_a_job_that_says_too_little_is_bad(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadJobError, match=reason):
        parse({**MESSAGE, **changes})


@given(st.dictionaries(st.sampled_from(sorted(MESSAGE)), AWKWARD, min_size=1))
def test_a_job_with_anything_in_it_is_read_or_bad(changes: dict[str, Any]) -> None:
    with suppress(BadJobError):
        assert parse({**MESSAGE, **changes}).finding.id
