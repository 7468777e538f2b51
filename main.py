"""The CDKTF app: load the config, build the stacks, synthesize."""

import os
import sys
from pathlib import Path

from cdktf import App

from config.errors import ConfigError
from config.loader import load, settings_path
from detections import selection
from detections.cloudwatch import check_log_group
from detections.errors import DetectionError, SelectionError
from stacks.detection import DetectionStack
from stacks.organization import OrganizationStack
from stacks.trail import TrailStack

ROOT = Path(__file__).parent
BUILD = ROOT / "build"


def main() -> int:
    try:
        settings = load(settings_path(os.environ, ROOT))
        detections = selection.enabled(settings)
        check_log_group(detections)
    except (ConfigError, SelectionError, DetectionError) as error:
        print(error, file=sys.stderr)  # noqa: T201  for the person at the terminal
        return 2
    app = App()
    organization = OrganizationStack(app, settings)
    trail = TrailStack(app, settings)
    detection = DetectionStack(app, settings, detections, BUILD)
    trail.add_dependency(organization)
    detection.add_dependency(trail)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
