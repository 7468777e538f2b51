"""Hypothesis for all suites: time is no failure, and CI draws the same examples each time."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "rootwatch",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("rootwatch")
