"""What a function's process can import: its own zip, and what Lambda's Python runtime brings."""

import hashlib
import io
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")


@dataclass(frozen=True, slots=True)
class Package:
    task: Path  # the unpacked zip
    runtime: Path


class Packages:
    """Each zip is unpacked once, and compiled by the first process that imports it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-packages-")
        self._runtime = _link_runtime(Path(self._folder.name) / "runtime")
        self._lock = threading.Lock()

    def package(self, code: bytes) -> Package:
        task = Path(self._folder.name) / hashlib.sha256(code).hexdigest()
        with self._lock:
            if not task.exists():
                with zipfile.ZipFile(io.BytesIO(code)) as archive:
                    archive.extractall(task)
        return Package(task, self._runtime)

    def close(self) -> None:
        self._folder.cleanup()


def _link_runtime(folder: Path) -> Path:
    """Links to the runtime's own packages and nothing else."""
    folder.mkdir()
    for name in _closure(RUNTIME_DISTRIBUTIONS):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()} - {".."}
        for top in tops:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def _closure(names: tuple[str, ...]) -> set[str]:
    """The distributions and all that they require, extras aside."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        required = metadata.requires(name) or ()
        waiting.extend(_distribution_name(item) for item in required if "extra ==" not in item)
    return found


def _distribution_name(requirement: str) -> str:
    end = next(
        (index for index, letter in enumerate(requirement) if letter in " ;<>=!~[("),
        len(requirement),
    )
    return requirement[:end].lower()
