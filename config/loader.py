"""Loads a configuration file as `Settings`, or raises one error with all problems."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.document import read
from config.errors import ConfigError
from config.settings import (
    Accounts,
    DetectionChoice,
    DetectionOverride,
    LocalState,
    Notifications,
    Organization,
    Retention,
    S3State,
    SecurityHub,
    Settings,
    StackSet,
    Trail,
)
from config.validation import problems, with_defaults

VARIABLE = "ROOTWATCH_CONFIG"
DEFAULT_PATH = Path("config/rootwatch.yaml")
_START = (
    f"start with `cp config/minimal.yaml {DEFAULT_PATH}` and edit the copy,"
    f" or set the environment variable {VARIABLE} to the path of another file"
)


def settings_path(environ: Mapping[str, str], root: Path) -> Path:
    """A relative path starts at `root`, not at the working directory."""
    return root / (environ.get(VARIABLE) or DEFAULT_PATH)


def load(path: Path) -> Settings:
    """Raises ConfigError."""
    return parse(_text(path), path)


def parse(text: str, path: Path) -> Settings:
    """Raises ConfigError, which names `path`."""
    try:
        document = read(text, path)
        found = problems(document)
    except RecursionError as error:
        raise ConfigError(path, "is nested too deeply") from error
    if found:
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise ConfigError(path, count, found)
    return _settings(with_defaults(document.data))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(path, f"does not exist; {_START}") from error
    except IsADirectoryError as error:
        raise ConfigError(path, f"is a folder, expected a file; {_START}") from error
    except UnicodeDecodeError as error:
        reason = f"got another encoding at byte {error.start + 1}, expected UTF-8"
        raise ConfigError(path, reason) from error
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}") from error


def _settings(data: dict[str, Any]) -> Settings:
    organization, retention = data["organization"], data["retention"]
    return Settings(
        partition=data["partition"],
        home_region=data["home_region"],
        organization=Organization(
            id=organization["id"],
            targets=tuple(organization["targets"]),
            excluded_accounts=tuple(sorted(organization["excluded_accounts"])),
        ),
        accounts=Accounts(**data["accounts"]),
        deployment_role=data["deployment_role"],
        notifications=_notifications(data["notifications"]),
        detections=_detections(data["detections"]),
        name_prefix=data["name_prefix"],
        tags=tuple(sorted(data["tags"].items())),
        protect=data["protect"],
        trail=_trail(data),
        stack_set=_stack_set(data["stack_set"]),
        # In JSON Schema, 365.0 is an integer.
        retention=Retention(**{key: int(days) for key, days in retention.items()}),
        security_hub=_security_hub(data["security_hub"]),
        state=_state(data["state"]),
    )


def _trail(data: dict[str, Any]) -> Trail:
    prefix, archive, region = (
        data["name_prefix"],
        data["accounts"]["log_archive"],
        data["home_region"],
    )
    own = {
        "name": f"{prefix}-organization-trail",
        "log_group": f"/{prefix}/organization-trail",
        "bucket": f"{prefix}-trail-{archive}-{region}",
    }
    return Trail(**(own | data["trail"]))


def _stack_set(data: dict[str, Any]) -> StackSet:
    return StackSet(
        retain_stacks_on_account_removal=data["retain_stacks_on_account_removal"],
        failure_tolerance_percentage=int(data["failure_tolerance_percentage"]),
        max_concurrent_percentage=int(data["max_concurrent_percentage"]),
    )


def _security_hub(data: dict[str, Any]) -> SecurityHub:
    linked: Any = data.get("linked_regions", "none")
    return SecurityHub(
        managed=data["managed"],
        configuration=data.get("configuration", "central"),
        linked_regions=tuple(sorted(linked)) if isinstance(linked, list) else linked,
    )


def _notifications(data: dict[str, Any]) -> Notifications:
    emails = tuple(data["emails"])
    low_priority = tuple(data.get("low_priority_emails", emails))
    return Notifications(
        emails=emails,
        low_priority_emails=low_priority,
        runbook_base_url=data.get("runbook_base_url"),
    )


def _detections(data: dict[str, Any]) -> DetectionChoice:
    overrides = (
        DetectionOverride(
            detection=name,
            enabled=override.get("enabled", True),
            level=override.get("level"),
            priority=override.get("priority"),
        )
        for name, override in sorted(data["overrides"].items())
    )
    return DetectionChoice(packs=tuple(data["packs"]), overrides=tuple(overrides))


def _state(data: dict[str, Any]) -> LocalState | S3State:
    if data["backend"] == "local":
        return LocalState()
    return S3State(
        bucket=data["bucket"],
        region=data["region"],
        key_prefix=data["key_prefix"],
        kms_key_id=data.get("kms_key_id"),
    )
