"""A check, and the context that it runs in."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from compiler.detection import Detection
from config.settings import Settings
from modules.naming import Names
from operations.preflight.aws import AwsClients, CallerIdentity
from operations.preflight.result import CheckResult, Command

WORKERS = 8  # AWS Organizations allows about ten calls a second


@dataclass(frozen=True, slots=True)
class Check:
    """`run` may raise PreflightError: the status is then `error`."""

    id: str  # stable: programs refer to it
    title: str
    run: Callable[[CheckContext], CheckResult]
    applies: Callable[[Settings], bool] = lambda _settings: True


def manages_trail(settings: Settings) -> bool:
    return settings.trail.managed


def uses_existing_trail(settings: Settings) -> bool:
    return not settings.trail.managed


def manages_security_hub(settings: Settings) -> bool:
    return settings.security_hub.managed


def configures_centrally(settings: Settings) -> bool:
    return settings.security_hub.managed and settings.security_hub.configuration == "central"


def ignores_security_hub(settings: Settings) -> bool:
    return not settings.security_hub.managed


def has_member_security_account(settings: Settings) -> bool:
    """Rootwatch assumes a role only in a member account, and delegates only to a member account."""
    return settings.accounts.security != settings.accounts.management


class CheckContext:
    """`root` is the project folder, with the synthesized stacks and the local states."""

    def __init__(
        self,
        *,
        settings: Settings,
        detections: tuple[Detection, ...],
        clients: AwsClients,
        identity: CallerIdentity,
        root: Path,
    ) -> None:
        self.settings = settings
        self.detections = detections
        self.clients = clients
        self.identity = identity
        self.root = root
        self.names = Names(settings)
        self.cli = AwsCli(settings)
        self._cache = Cache()

    def cached[T](self, read: Callable[[CheckContext], T]) -> T:
        """The function's return value, or the error that it raised; it is called once."""
        return cast("T", self._cache.get(read, lambda: read(self)))

    def map[S, T](self, read: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """Concurrently, in the order of the items. Raises the first error."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(read, items))


class Cache:
    """Keeps one value, or the error that was raised for it, by key. Other threads wait for it."""

    def __init__(self) -> None:
        self._futures: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, create: Callable[[], Any]) -> Any:
        with self._lock:
            is_known = key in self._futures
            future = self._futures.setdefault(key, Future())
        if not is_known:
            _complete(future, create)
        return future.result()


def _complete(future: Future[Any], create: Callable[[], Any]) -> None:
    try:
        future.set_result(create())
    except BaseException as error:  # otherwise other threads wait for ever
        future.set_exception(error)
        raise


@dataclass(frozen=True, slots=True)
class AwsCli:
    """Commands of the AWS CLI.

    Those for the management account use the credentials of the environment, as the preflight
    does. The others name the profiles of docs/deploying.md.
    """

    settings: Settings

    def command(
        self, account: str, *words: str, region: str | None = None, effect: str | None = None
    ) -> Command:
        """Required: `effect`, if the command changes or deletes what is in use."""
        options = ["--region", region] if region else []
        command = self.without_profile(account, *words, *options, *self._profile(account))
        return replace(command, effect=effect)

    def without_profile(self, account: str, *words: str) -> Command:
        """For other credentials than those of the deployment role."""
        return Command(account, " ".join(map(_quote, ("aws", *words))))

    def _profile(self, account: str) -> list[str]:
        accounts = self.settings.accounts
        profiles = {accounts.log_archive: "log-archive", accounts.security: "security"}
        if account == accounts.management or account not in profiles:
            return []
        return ["--profile", profiles[account]]


def _quote(word: str) -> str:
    """For bash and zsh; without control characters, which a terminal would interpret."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(map(_escape, escaped))}'"


def _escape(character: str) -> str:
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def as_json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))
