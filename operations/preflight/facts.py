"""What the checks know: the configuration, the accounts, and whatever was read, once each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from compiler.detection import Detection
from config.settings import Settings
from modules.naming import Names
from operations.preflight.aws_cli import AwsCli
from operations.preflight.cloud import Cloud, Identity
from operations.preflight.once import Once

WORKERS = 8  # AWS Organizations answers some ten calls a second


class Facts:
    """`root` is the project's folder, which holds the synthesized stacks and local states."""

    def __init__(
        self,
        *,
        settings: Settings,
        detections: tuple[Detection, ...],
        cloud: Cloud,
        identity: Identity,
        root: Path,
    ) -> None:
        self.settings = settings
        self.detections = detections
        self.cloud = cloud
        self.identity = identity
        self.root = root
        self.names = Names(settings)
        self.cli = AwsCli(settings)
        self._once = Once()

    def of[T](self, read: Callable[[Facts], T]) -> T:
        """What the function reads, or the error that it ends with."""
        return cast("T", self._once.get(read, lambda: read(self)))

    def each[S, T](self, read: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """Several at once, in their order; the first error is raised."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(read, items))
