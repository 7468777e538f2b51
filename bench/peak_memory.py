"""The most memory that a process needs for one delivery: `python -m bench.peak_memory JOB FILE`."""

from __future__ import annotations

import base64
import gzip
import json
import resource
import sys
from pathlib import Path
from typing import Any

from detections import catalog, importer
from functions.finding_importer import sources
from functions.finding_importer.rules import Ruleset


def unpack_and_parse(event: dict[str, Any]) -> int:
    payload = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    return len(payload["logEvents"])


def decode_and_match(event: dict[str, Any]) -> int:
    detections = [one for one in catalog.load() if "importer" in one.evaluated_by]
    ruleset = Ruleset.load(importer.document(detections))
    records = (item for item in sources.read(event) if isinstance(item, sources.DeliveredRecord))
    return sum(1 for item in records if not ruleset.matching(item.record))


JOBS = {
    "nothing": len,
    "gzip and json.loads": unpack_and_parse,
    "the importer": decode_and_match,
}


def main(job: str, path: str) -> None:
    event = json.loads(Path(path).read_text("utf-8"))
    handled = JOBS[job](event)
    sys.stdout.write(f"{_peak_mib():.0f} MiB at most, {handled:,} log events\n")


def _peak_mib() -> float:
    """Linux's ru_maxrss begins with the memory of the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


if __name__ == "__main__":
    main(*sys.argv[1:])
