"""Measures `rootwatch detections match`: records per second on one core, and peak memory.

Run it with `make bench`, or `python -m bench.match` in the project's environment. It takes about a
minute and asserts nothing, because machines differ and are shared. Compare the ratios to
`json.loads` of the same lines, which are measured in the same run on the same core.

bench/records.py generates the records. The command runs in a process of its own, reads a file and
writes to /dev/null. Its time includes the start-up, which is also measured alone, with an empty
file. The fastest of three runs counts, because other load only makes a run slower. Memory is the
maximum resident set size of the process.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.records import ONE_MATCHES_IN, lines

ROOT = Path(__file__).parents[1]
MANY, FEW = 200_000, 20_000
RUNS = 3


@dataclass(frozen=True, slots=True)
class Run:
    seconds: float
    peak_mib: float


def main() -> None:
    _stay_on_one_core()
    with tempfile.TemporaryDirectory() as folder:
        few, many = (_inputs(Path(folder), count) for count in (FEW, MANY))
        size = (Path(folder) / f"{MANY}.jsonl").stat().st_size / MANY
        _say(f"{MANY:,} records of {size:,.0f} bytes, one in {ONE_MATCHES_IN:,} matches; one core")
        start_up = _fastest(_empty(Path(folder)))
        _say(f"start-up alone: {start_up.seconds:.2f} s, {start_up.peak_mib:.0f} MiB")
        loads = _parsing_rate(Path(folder) / f"{MANY}.jsonl")
        _say(f"json.loads of the same lines: {loads:,.0f} records/s\n")
        _say(_row("", "records/s", "without start-up", "/ json.loads", "MiB", f"MiB at {FEW:,}"))
        for name, path in many.items():
            _say(_measured(name, path, few[name], start_up, loads))


def _measured(name: str, path: Path, smaller: Path, start_up: Run, loads: float) -> str:
    run, small = _fastest(path), _fastest(smaller)
    rate, alone = MANY / run.seconds, MANY / (run.seconds - start_up.seconds)
    memory = f"{run.peak_mib:.0f}", f"{small.peak_mib:.0f}"
    return _row(name, f"{rate:,.0f}", f"{alone:,.0f}", f"{rate / loads:.2f}", *memory)


def _inputs(folder: Path, count: int) -> dict[str, Path]:
    """The same records in each form.

    They are written one by one, because the maximum resident set size of a child process includes
    the memory of its parent at the start.
    """
    json_lines, one_file = folder / f"{count}.jsonl", folder / f"{count}.json"
    with json_lines.open("wb") as in_lines, one_file.open("wb") as in_one:
        in_one.write(b'{"Records":[')
        for number, record in enumerate(lines(count)):
            in_lines.write(b"%b\n" % record)
            in_one.write(b"," + record if number else record)
        in_one.write(b"]}")
    return {
        "JSON lines": json_lines,
        "JSON lines, gzip": _compressed(json_lines),
        "Records": one_file,
        "Records, gzip": _compressed(one_file),
    }


def _compressed(path: Path) -> Path:
    compressed = path.with_name(f"{path.name}.gz")
    with path.open("rb") as source, gzip.open(compressed, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target)
    return compressed


def _empty(folder: Path) -> Path:
    path = folder / "empty"
    path.touch()
    return path


def _fastest(path: Path) -> Run:
    return min((_run(path) for _ in range(RUNS)), key=lambda run: run.seconds)


def _run(path: Path) -> Run:
    command = [str(ROOT / "rootwatch"), "detections", "match", str(path)]
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:  # noqa: S603  a fixed command
        # getrusage returns the maximum over all children.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    kib = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)  # macOS counts bytes
    return Run(seconds, kib / 1024)


def _parsing_rate(path: Path) -> float:
    """In records per second."""
    fastest = float("inf")
    for _ in range(RUNS):
        with path.open("rb") as file:
            start = time.perf_counter()
            for line in file:
                json.loads(line)
            fastest = min(fastest, time.perf_counter() - start)
    return MANY / fastest


def _stay_on_one_core() -> None:
    """Child processes inherit the affinity. macOS has no such call."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _row(form: str, *cells: str) -> str:
    return f"{form:18}" + "".join(f"{cell:>18}" for cell in cells)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
