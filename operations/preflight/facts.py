"""What the checks know: the configuration, the accounts, and whatever was read, once each."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from modules.naming import Names
from operations.preflight.aws_cli import AwsCli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from config.settings import Settings
    from detections.detection import Detection
    from operations.preflight.cloud import Cloud, Identity

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
        self._known: dict[Callable[[Facts], Any], Future[Any]] = {}
        self._lock = threading.Lock()

    def of[T](self, read: Callable[[Facts], T]) -> T:
        """What the function reads, or the error that it ends with; others wait for the first."""
        with self._lock:
            is_known = read in self._known
            fact = self._known.setdefault(read, Future())
        if not is_known:
            _settle(fact, read, self)
        return cast("T", fact.result())

    def each[S, T](self, read: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """Several at once, in their order; the first error is raised."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(read, items))


def _settle(fact: Future[Any], read: Callable[[Facts], Any], facts: Facts) -> None:
    try:
        fact.set_result(read(facts))
    except BaseException as error:  # who waits for it must not wait for ever
        fact.set_exception(error)
        raise
