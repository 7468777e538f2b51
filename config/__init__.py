"""The configuration: one YAML file, checked by one JSON Schema, read into one frozen object."""

from config.errors import ConfigError, Problem
from config.loader import load, settings_path
from config.settings import (
    Accounts,
    DetectionChoice,
    LocalState,
    Notifications,
    Organization,
    Override,
    Retention,
    S3State,
    SecurityHub,
    Settings,
    StackSet,
    Trail,
)

__all__ = [
    "Accounts",
    "ConfigError",
    "DetectionChoice",
    "LocalState",
    "Notifications",
    "Organization",
    "Override",
    "Problem",
    "Retention",
    "S3State",
    "SecurityHub",
    "Settings",
    "StackSet",
    "Trail",
    "load",
    "settings_path",
]
