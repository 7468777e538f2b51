"""One check: what it is called, when it applies, and how it looks."""

from collections.abc import Callable
from dataclasses import dataclass

from config.settings import Settings
from operations.preflight.facts import Facts
from operations.preflight.result import Result


def always(_settings: Settings) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Check:
    """`look` may raise PreflightError: then the check is unknown."""

    id: str  # stable: programs go by it
    title: str
    look: Callable[[Facts], Result]
    applies: Callable[[Settings], bool] = always


def has_own_trail(settings: Settings) -> bool:
    return settings.trail.managed


def reads_another_trail(settings: Settings) -> bool:
    return not settings.trail.managed


def manages_security_hub(settings: Settings) -> bool:
    return settings.security_hub.managed


def configures_centrally(settings: Settings) -> bool:
    return settings.security_hub.managed and settings.security_hub.configuration == "central"


def leaves_security_hub(settings: Settings) -> bool:
    return not settings.security_hub.managed


def has_security_account(settings: Settings) -> bool:
    """One of its own, so that something is delegated to it and it has to be entered."""
    return settings.accounts.security != settings.accounts.management
