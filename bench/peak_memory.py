"""Measures the peak memory of one delivery: `python -m bench.peak_memory JOB FILE`."""

import base64
import gzip
import json
import resource
import sys
from pathlib import Path
from typing import Any

from compiler import catalog
from compiler import predicate as importer
from functions.finding_importer.matching.rules import Ruleset
from functions.finding_importer.sources.events import DeliveredRecord, read


def unpack_and_parse(event: dict[str, Any]) -> int:
    """The minimum: unpack the payload, without its messages."""
    payload = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    return len(payload["logEvents"])


def matched_nothing(event: dict[str, Any], ruleset: Ruleset[Any]) -> int:
    """Return the number of records that match no detection."""
    records = (item for item in read(event) if isinstance(item, DeliveredRecord))
    return sum(1 for item in records if not ruleset.matching(item.record))


def load_and_match(event: dict[str, Any]) -> int:
    detections = [one for one in catalog.load() if "importer" in one.evaluated_by]
    return matched_nothing(event, Ruleset.load(importer.document(detections)))


JOBS = {
    "nothing": len,
    "gzip and json.loads": unpack_and_parse,
    "the importer": load_and_match,
}


def main(job: str, path: str) -> None:
    event = json.loads(Path(path).read_text("utf-8"))
    handled = JOBS[job](event)
    sys.stdout.write(f"{_peak_mib():.0f} MiB at most, {handled:,} log events\n")


def _peak_mib() -> float:
    """On Linux, ru_maxrss includes the memory of the parent process."""
    status = Path("/proc/self/status")
    if status.exists():
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: in bytes


if __name__ == "__main__":
    main(*sys.argv[1:])
